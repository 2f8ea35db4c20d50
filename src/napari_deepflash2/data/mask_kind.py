"""Whether the values of a set of masks are classes or number single objects, by the shapes they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem, raise_if_any

MaskKind = Literal["auto", "classes", "instances"]
Decided = Literal["classes", "instances"]

# More values in one mask than anybody has classes of tissue, so that single objects are the likelier reading.
_FEW_VALUES = 8
# Components of a drawn object are larger than the few pixels of one grey value along a smooth edge.
_SMALLEST_AREA = 4
# Shares of neighbouring foreground pixels that differ. Packed objects of 10 x 10 pixels have 0.1, and their
# numbers do not rise by one in both directions.
_STEEP = 0.2
_GENTLE = 0.05
# A set of images with a constant number of objects is rarer than one with the same classes everywhere.
_ENOUGH_MASKS = 3


@dataclass(frozen=True)
class Shapes:
    """What the foreground values of one mask look like.

    Attributes
    ----------
    values : int
        Distinct foreground values.
    single : int
        How many of them are one connected component.
    median_area : float
        Median size of the components of equal value, in pixels.
    ramp : bool
        Whether neighbouring foreground pixels often differ, and then by little, as in a smooth picture.
    """

    values: int
    single: int
    median_area: float
    ramp: bool


def decide_kind(
    masks: Sequence[NDArray[Any]],
    values: Sequence[frozenset[int]],
    names: Sequence[str],
    kind: MaskKind,
) -> tuple[Decided, list[Problem]]:
    """Decide what the foreground values of a set of masks are.

    Parameters
    ----------
    masks : sequence of ndarray of int
        (..., Y, X), 0 is background.
    values : sequence of frozenset of int
        The foreground values of each mask.
    names : sequence of str
        A name for each mask.
    kind : {"auto", "classes", "instances"}
        What is known already.

    Returns
    -------
    kind : {"classes", "instances"}
    notes : list of Problem

    Raises
    ------
    InputError
        Where masks are no label images, or both readings are likely; names the masks.
    """
    if kind != "auto":
        return kind, []
    present = frozenset[int]().union(*values)
    if len(present) <= 1:
        return "classes", [note for value in present for note in _one_value_note(value)]
    shapes = [shapes_of(mask) for mask, own in zip(masks, values, strict=True) if own]
    _refuse_grey_images(shapes, [name for name, own in zip(names, values, strict=True) if own])
    decided = _by_shapes(shapes, [own for own in values if own])
    if decided is None and present == frozenset(range(1, len(present) + 1)):
        raise _ask(names, present)
    if decided is None:
        # Values with gaps are refused as classes, with their histogram.
        return "classes", []
    return decided, [_decided_note(decided, len(present))]


def shapes_of(mask: NDArray[Any]) -> Shapes:
    """Measure the shapes that the foreground values of a mask make, on the mask's own dimensions."""
    from skimage.measure import label

    values, ranks = np.unique(mask, return_inverse=True)
    ranks = ranks.reshape(mask.shape) + (0 if values[0] == 0 else 1)
    components = label(ranks, background=0, connectivity=mask.ndim)
    areas = np.bincount(components.ravel())[1:]
    value_of = np.zeros(len(areas) + 1, np.intp)
    value_of[components.ravel()] = ranks.ravel()
    pieces = np.bincount(value_of[1:])[1:]
    return Shapes(len(pieces), int(np.sum(pieces == 1)), float(np.median(areas)), _is_ramp(mask))


def _is_ramp(mask: NDArray[Any]) -> bool:
    pairs = [
        (mask[..., :-1].astype(np.float64), mask[..., 1:].astype(np.float64)),
        (mask[..., :-1, :].astype(np.float64), mask[..., 1:, :].astype(np.float64)),
    ]
    inside = np.concatenate([np.abs(a - b)[(a != 0) & (b != 0)] for a, b in pairs])
    steps = inside[inside > 0]
    if not steps.size:
        return False
    share = steps.size / inside.size
    steep = share > _STEEP and np.median(steps) <= 0.1 * mask.max()
    return bool(steep or (share > _GENTLE and np.mean(steps <= 1) > 0.95))


def _refuse_grey_images(shapes: Sequence[Shapes], names: Sequence[str]) -> None:
    raise_if_any(
        Problem(
            name,
            f"is not a label image: {shape.values} grey values, as after JPEG, smoothing or resizing, or of "
            "a microscope image",
            "Set 'mask_threshold', for instance to half its maximum, and look at the pictures of the check; "
            "if it is an image, give the folder of masks.",
            "not-labels",
        )
        for shape, name in zip(shapes, names, strict=True)
        if _is_grey(shape)
    )


def _is_grey(shape: Shapes) -> bool:
    return shape.values > _FEW_VALUES and (shape.median_area < _SMALLEST_AREA or shape.ramp)


def _by_shapes(shapes: Sequence[Shapes], values: Sequence[frozenset[int]]) -> Decided | None:
    single = sum(shape.single for shape in shapes) / sum(shape.values for shape in shapes)
    if single < 0.5:
        return "classes"
    if max(shape.values for shape in shapes) > _FEW_VALUES:
        return "instances"
    if len(set(values)) == 1 and len(values) >= _ENOUGH_MASKS:
        return "classes"
    return None


def _ask(names: Sequence[str], present: frozenset[int]) -> InputError:
    return InputError.one(
        names[0] if len(names) == 1 else f"{len(names)} masks, {names[0]} to {names[-1]}",
        f"the {len(present)} foreground values ({', '.join(map(str, sorted(present)[:8]))}) may be classes "
        "or number single objects",
        "Set 'mask_kind' to 'classes' or to 'instances'.",
        "classes-or-instances",
    )


def _one_value_note(value: int) -> list[Problem]:
    if value == 1:
        return []
    found = f"0 was taken for background and {value} for foreground"
    return [Problem("masks", found, "Nothing to do.", "mask-kind")]


def _decided_note(decided: Decided, values: int) -> Problem:
    meaning = {
        "classes": f"their {values} foreground values were taken for classes",
        "instances": "their values were taken for numbers of single objects (instances)",
    }[decided]
    other = {"classes": "instances", "instances": "classes"}[decided]
    return Problem("masks", meaning, f"If that is wrong, set 'mask_kind' to '{other}'.", "mask-kind")
