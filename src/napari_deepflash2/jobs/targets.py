"""True masks to hold predictions against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig
from ..consensus import dice
from ..data import MaskSet, interpret_masks, pair_images_and_masks
from ..data.check import read_pairs
from ..data.ignored import IGNORE, judged
from ..data.set_checks import problems_of_set
from ..errors import InputError, Problem, raise_if_any


@dataclass(frozen=True)
class Target:
    """The true mask of an image.

    Attributes
    ----------
    values : ndarray of int, shape (..., Y, X)
        Class values as an ensemble predicts them; the background where a pixel was not judged.
    judged : ndarray of bool, same shape
        What counts.
    background : int
        The class value that is no object.
    """

    values: NDArray[np.integer]
    judged: NDArray[np.bool_]
    background: int

    def dice(self, predicted: NDArray[np.integer], index: tuple[int, ...]) -> dict[str, float | None]:
        """Dice of a plane, over the pixels that were judged.

        Parameters
        ----------
        predicted : ndarray of int, shape (Y, X)
            Class values.
        index : tuple of int
            Place of the plane in the mask.

        Returns
        -------
        dict of str to float or None
            ``dice``, the mean over classes, and ``dice_CLASS`` where there are several; in [0, 1], 1 where
            both masks are empty, None where nothing was judged.
        """
        known = self.judged[index]
        if not known.any():
            return {"dice": None}
        labels, true = predicted[known], self.values[index][known]
        classes = [value for value in np.union1d(labels, true) if value != self.background]
        of_class: dict[str, float | None] = {
            f"dice_{value}": dice(labels == value, true == value) for value in classes
        }
        mean = float(np.mean(list(of_class.values()))) if of_class else 1.0
        return {"dice": mean} | (of_class if len(classes) > 1 else {})


def read_targets(
    images_dir: Path | str, masks_dir: Path | str, classes: Sequence[int], config: DataConfig
) -> dict[str, Target]:
    """Read the true masks of a folder of images in the class values of an ensemble.

    Parameters
    ----------
    images_dir, masks_dir : path
        Paired as for training.
    classes : sequence of int
        Those of the ensemble, the background first.
    config : DataConfig
        What the files do not say themselves.

    Returns
    -------
    dict of str to Target
        Mask, of the image's shape without channels, by the image's ID.

    Raises
    ------
    InputError
        Where masks cannot be paired or read, do not fit their images, or hold classes that the ensemble
        does not know.
    """
    pairs, problems = read_pairs(pair_images_and_masks(images_dir, masks_dir), config)
    raise_if_any([*problems, *problems_of_set(pairs)])
    masks = [pair.mask.data for pair in pairs]
    labels, values = _labels(masks, [str(pair.mask_path) for pair in pairs], masks_dir, classes, config)
    return {pair.id: _target(own, values) for pair, own in zip(pairs, labels, strict=True)}


def _labels(
    masks: Sequence[NDArray[np.integer]],
    names: Sequence[str],
    masks_dir: Path | str,
    classes: Sequence[int],
    config: DataConfig,
) -> tuple[Sequence[NDArray[np.uint8]], NDArray[np.integer]]:
    """Give class labels, `IGNORE` where a pixel was not judged, and the value of each label."""
    ignore = config.ignore_label
    background = classes[0] if ignore == 0 else 0
    if all(np.isin(mask, [background, *([] if ignore is None else [ignore])]).all() for mask in masks):
        # Interpreting refuses a set without foreground; to be held against, it is as good as any.
        empty = [np.where(mask == background, 0, IGNORE).astype(np.uint8) for mask in masks]
        return empty, np.asarray(classes)
    # What is the lowest value of a part of the masks need not be the background of all.
    given = classes if ignore == 0 else config.mask_classes
    found = interpret_masks(masks, names, config.mask_kind, given, ignore=ignore)
    return found.labels, _in_classes_of(found, classes, masks_dir)


def _target(labels: NDArray[np.uint8], values: NDArray[np.integer]) -> Target:
    known = judged(labels)
    return Target(values[np.where(known, labels, 0)], known, int(values[0]))


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
