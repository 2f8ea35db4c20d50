"""True masks to hold predictions against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig
from ..data import MaskSet, image_id, interpret_masks, list_images
from ..data.check import read_pairs
from ..data.ignored import IGNORE, judged
from ..data.pairing import pair_names
from ..data.set_checks import problems_of_set
from ..errors import InputError, Problem, raise_if_any
from ..objects import score_labels

_MEANS = ("dice", "iou", "ap_50", "ap")


@dataclass(frozen=True)
class Target:
    """The true mask of an image.

    Attributes
    ----------
    labels : ndarray of uint8, shape (..., Y, X)
        Classes of an ensemble, 0 to L - 1 in its order; `IGNORE` where a pixel was not judged.
    classes : tuple of int
        The L values by which users know them, the background first.
    """

    labels: NDArray[np.uint8]
    classes: tuple[int, ...]

    def scores(self, predicted: NDArray[np.integer], index: tuple[int, ...]) -> dict[str, float | None]:
        """Score a plane over the pixels that were judged.

        Parameters
        ----------
        predicted : ndarray of int, shape (Y, X)
            Class values.
        index : tuple of int
            Place of the plane in the mask.

        Returns
        -------
        dict of str to float or None
            See `score_labels`, and ``iou`` likewise; all of it None where nothing was judged.
        """
        truth = self.labels[index]
        found = with_iou(score_labels(numbered(predicted, self.classes), truth, self.classes))
        return found if judged(truth).any() else dict.fromkeys(found)


def numbered(labels: NDArray[np.integer], classes: Sequence[int]) -> NDArray[np.uint8]:
    """Put the numbers 0 to L - 1 in place of the L values of classes."""
    found = np.zeros(labels.shape, np.uint8)
    for number, value in enumerate(classes[1:], start=1):
        found[labels == value] = number
    return found


def with_iou(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    """Add intersection over union to scores, which is the Dice in other units: D / (2 - D).

    Parameters
    ----------
    scores : mapping of str to float or None
        As `score_labels` gives them.

    Returns
    -------
    dict of str to float or None
        With ``iou``, the mean over the classes that either holds, and ``iou_VALUE`` of each where there is a
        ``dice_VALUE``; the means come first.
    """
    of_classes = {
        name.replace("dice", "iou"): None if value is None else value / (2 - value)
        for name, value in scores.items()
        if name.startswith("dice")
    }
    known = [value for name, value in of_classes.items() if name != "iou" and value is not None]
    if known:
        of_classes["iou"] = float(np.mean(known))
    every = {**scores, **of_classes}
    return {name: every[name] for name in _MEANS if name in every} | every


def read_targets(
    images: Sequence[Path], masks_dir: Path | str, classes: Sequence[int], config: DataConfig
) -> dict[str, Target]:
    """Read the true masks of images in the classes of an ensemble.

    Parameters
    ----------
    images : sequence of Path
        Files.
    masks_dir : path
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
    if Path(masks_dir).resolve() in {path.parent.resolve() for path in images}:
        raise InputError.one(
            masks_dir, "holds images and masks alike", "Put them into two folders.", "same-folder"
        )
    pairs = pair_names(images, list_images(masks_dir)).pairs
    masks = _masks(pairs, config)
    labels, values = _labels(masks, [str(path) for _, path in pairs], masks_dir, classes, config)
    numbers = np.full(256, IGNORE, np.uint8)
    numbers[: len(values)] = [list(classes).index(value) for value in values]
    return {
        image_id(image): Target(numbers[own], tuple(classes))
        for (image, _), own in zip(pairs, labels, strict=True)
    }


def _masks(pairs: Sequence[tuple[Path, Path]], config: DataConfig) -> list[NDArray[np.integer]]:
    """Read all masks, and each image only as long as it is compared with its mask."""
    masks, problems = [], []
    for paths in pairs:
        read, of_pair = read_pairs([paths], config)
        problems += [*of_pair, *problems_of_set(read)]
        masks += [pair.mask.data for pair in read]
    raise_if_any(problems)
    return masks


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
