"""True masks to hold predictions against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig
from ..data import MaskSet, interpret_masks, pair_images_and_masks
from ..data.check import read_pairs
from ..data.set_checks import problems_of_set
from ..errors import InputError, Problem, raise_if_any


def read_targets(
    images_dir: Path | str, masks_dir: Path | str, classes: Sequence[int], config: DataConfig
) -> dict[str, NDArray[np.integer]]:
    """Read the true masks of a folder of images in the class values of an ensemble.

    Returns
    -------
    dict of str to integer array
        Mask, of the image's shape without channels, by the image's ID.

    Raises
    ------
    InputError
        Where masks cannot be paired or read, do not fit their images, or hold classes that the ensemble
        does not know.
    """
    pairs, problems = read_pairs(pair_images_and_masks(images_dir, masks_dir), config)
    raise_if_any([*problems, *problems_of_set(pairs)])
    if not any(pair.mask.data.any() for pair in pairs):
        return {pair.id: pair.mask.data for pair in pairs}
    masks = interpret_masks(
        [pair.mask.data for pair in pairs],
        [str(pair.mask_path) for pair in pairs],
        config.mask_kind,
        config.mask_classes,
    )
    values = _in_classes_of(masks, classes, masks_dir)
    return {pair.id: values[labels] for pair, labels in zip(pairs, masks.labels, strict=True)}


def _in_classes_of(masks: MaskSet, classes: Sequence[int], masks_dir: Path | str) -> NDArray[np.integer]:
    # Two classes are background and foreground, however a folder writes them: 0/1, 0/255 or objects.
    if len(masks.classes) <= 2 == len(classes):
        return np.asarray(classes)
    unknown = sorted(set(masks.classes) - set(classes))
    if unknown:
        raise InputError(
            [
                Problem(
                    str(masks_dir),
                    f"masks hold classes {unknown} that the ensemble was not trained on ({list(classes)})",
                    "Choose the masks that belong to this ensemble.",
                    "unknown-classes",
                )
            ]
        )
    return np.asarray(masks.classes)
