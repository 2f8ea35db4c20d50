"""Reading the masks of all experts as one set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig
from ..errors import InputError, Problem, raise_if_any
from .experts import ExpertFolder
from .masks import interpret_masks
from .set_checks import gathered
from .set_reading import read_set_labels

Keys = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ExpertMasks:
    """The masks of all experts, understood as one set.

    Attributes
    ----------
    masks : dict of str to dict of str to ndarray
        For each image the mask of each expert who has one, in the original class values; instance masks
        as 0 and 1.
    classes : tuple of int
        The class values, background first.
    ignore_label : int or None
        Value of pixels in `masks` that an expert did not judge; None where all were.
    notes : tuple of Problem
        How the masks were understood, and what looks odd.
    """

    masks: dict[str, dict[str, NDArray[np.integer]]]
    classes: tuple[int, ...]
    notes: tuple[Problem, ...]
    ignore_label: int | None = None


def read_expert_masks(found: ExpertFolder, config: DataConfig) -> ExpertMasks:
    """Read all masks of all experts; what their values mean is decided over all of them.

    Parameters
    ----------
    found : ExpertFolder
        From `find_expert_masks`.
    config : DataConfig
        What the files do not say themselves.

    Raises
    ------
    InputError
        Where a mask cannot be read or understood, or the masks of one image differ in shape; lists every
        one.
    """
    keys, paths, masks, notes = _read_all(found, config)
    names = [str(path) for path in paths]
    ignore = config.ignore_label
    decided = interpret_masks(
        masks, names, config.mask_kind, config.mask_classes, ridges=False, ignore=ignore
    )
    if ignore is not None and (ignore < 0 or ignore in decided.classes):
        # Consensus labels are unsigned, and the two classes of numbered objects may meet the value to ignore.
        ignore = max(decided.classes) + 1
    known = [*decided.classes] if ignore is None else [*decided.classes, ignore]
    values = np.asarray(known, np.min_scalar_type(max(known)))
    labels = [values[np.minimum(one, len(known) - 1)] for one in decided.labels]
    return ExpertMasks(_by_image(keys, labels), decided.classes, (*notes, *decided.notes), ignore)


def read_expert_objects(found: ExpertFolder, config: DataConfig) -> ExpertMasks:
    """Read all masks of all experts as numbers of single objects, as they are in the files.

    Parameters and errors are those of `read_expert_masks`; `ExpertMasks.classes` is empty.
    """
    keys, _, masks, notes = _read_all(found, config)
    return ExpertMasks(_by_image(keys, masks), (), notes)


def _read_all(
    found: ExpertFolder, config: DataConfig
) -> tuple[Keys, list[Path], list[NDArray[np.integer]], tuple[Problem, ...]]:
    keys = [(image, expert) for image, of_image in found.masks.items() for expert in of_image]
    paths = [found.masks[image][expert] for image, expert in keys]
    masks, notes = _read(paths, config)
    raise_if_any(_shape_problems(keys, paths, masks))
    return keys, paths, masks, (*found.notes, *gathered(notes))


def _read(paths: Sequence[Path], config: DataConfig) -> tuple[list[NDArray[np.integer]], list[Problem]]:
    masks: list[NDArray[np.integer]] = []
    notes: list[Problem] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            file = read_set_labels(path, config)
        except InputError as error:
            problems += error.problems
        else:
            masks.append(file.data)
            notes += file.notes
    raise_if_any(problems)
    return masks, notes


def _shape_problems(
    keys: Keys, paths: Sequence[Path], masks: Sequence[NDArray[np.integer]]
) -> Iterator[Problem]:
    shapes: dict[str, Counter[tuple[int, ...]]] = {image: Counter() for image, _ in keys}
    for (image, _), mask in zip(keys, masks, strict=True):
        shapes[image][mask.shape] += 1
    for (image, _), path, mask in zip(keys, paths, masks, strict=True):
        usual = shapes[image].most_common(1)[0][0]
        if mask.shape != usual:
            yield Problem(
                str(path),
                f"the mask is {_times(mask.shape)}, other experts' masks of {image} are {_times(usual)}"
                f"{'; it looks transposed' if mask.shape == usual[::-1] else ''}",
                "Save it in the size of the image, or take it out of the folder.",
                "shape-mismatch",
            )


def _by_image(keys: Keys, masks: Sequence[NDArray[np.integer]]) -> dict[str, dict[str, NDArray[np.integer]]]:
    by_image: dict[str, dict[str, NDArray[np.integer]]] = {image: {} for image, _ in keys}
    for (image, expert), mask in zip(keys, masks, strict=True):
        by_image[image][expert] = mask
    return by_image


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
