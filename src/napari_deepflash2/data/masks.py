"""What the numbers in a set of masks mean, decided once for the whole set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem, raise_if_any
from .ignored import IGNORE
from .mask_kind import MaskKind, decide_kind
from .mask_notes import notes_of_set
from .reading import refuse_fractions

# With the background; the labels 0 to L - 1 leave out the one that stands for ignored pixels.
_MOST_CLASSES = IGNORE


@dataclass(frozen=True)
class MaskSet:
    """Masks as class labels.

    Attributes
    ----------
    labels : list of ndarray of uint8
        For each mask its class labels 0 to L - 1, in the mask's shape; 0 is background.
    classes : tuple of int
        The original value of each class label; (0, 1) for instance masks.
    kind : {"classes", "instances"}
        What the values were taken for.
    notes : tuple of Problem
        What was decided and what looks odd.
    """

    labels: list[NDArray[np.uint8]]
    classes: tuple[int, ...]
    kind: Literal["classes", "instances"]
    notes: tuple[Problem, ...]


def interpret_masks(
    masks: Sequence[NDArray[Any]],
    names: Sequence[str],
    kind: MaskKind = "auto",
    classes: Sequence[int] | None = None,
    ridges: bool = True,
) -> MaskSet:
    """Decide what the values of all masks of a set mean, and turn them into class labels.

    Two values, such as 0/1 and 0/255, are background and foreground; 0 to n are classes. Where most values
    are one connected object each, they number single objects (instances): these become foreground, and
    where two objects touch, a background ridge of one pixel keeps them apart.

    Parameters
    ----------
    masks : sequence of ndarray
        Bool, integers, or floats that are whole numbers; (..., Y, X).
    names : sequence of str
        A name for each mask, for messages.
    kind : {"auto", "classes", "instances"}
        What the values are, where it is known.
    classes : sequence of int, optional
        Values that are classes, in the order of their labels, for values that are not 0 to n. Background is
        0 and need not be named.
    ridges : bool
        Whether a ridge keeps touching instances apart.

    Returns
    -------
    MaskSet

    Raises
    ------
    InputError
        Where a mask holds fractions, negative or unexpected values, or is no label image; where no mask has
        foreground; where values may be classes or instances. Names every mask concerned.
    """
    whole = _whole_numbers(masks, names)
    values = [frozenset(np.unique(mask).tolist()) - {0} for mask in whole]
    _refuse_no_foreground(values, names)
    decided, notes = decide_kind(whole, values, names, "classes" if classes else kind)
    if decided == "instances":
        found: tuple[int, ...] = (0, 1)
        labels = [_foreground(mask, ridges) for mask in whole]
    else:
        found = _classes(whole, values, names, classes)
        labels = [_class_labels(mask, found) for mask in whole]
    return MaskSet(labels, found, decided, (*notes, *notes_of_set(labels, names, found)))


def _whole_numbers(masks: Sequence[NDArray[Any]], names: Sequence[str]) -> list[NDArray[Any]]:
    problems: list[Problem] = []
    for mask, name in zip(masks, names, strict=True):
        problems += _value_problems(mask, name)
    raise_if_any(problems)
    return [mask if mask.dtype.kind in "iu" else mask.astype(np.int64) for mask in masks]


def _value_problems(mask: NDArray[Any], name: str) -> Iterator[Problem]:
    if mask.dtype.kind not in "biu":
        try:
            refuse_fractions(name, mask)
        except InputError as error:
            yield from error.problems
            return
    if mask.size and mask.min() < 0:
        yield Problem(
            name,
            f"holds negative values such as {mask.min()}",
            "Save whole numbers from 0 (background) up; a label to ignore is not known here.",
            "negative-label",
        )


def _refuse_no_foreground(values: Sequence[frozenset[int]], names: Sequence[str]) -> None:
    if names and not any(values):
        raise InputError.one(
            names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}",
            f"no foreground in {len(names)} mask{'s' * (len(names) > 1)}",
            "Check that these are the masks; at least one needs foreground.",
            "no-foreground",
        )


def _foreground(mask: NDArray[Any], ridges: bool) -> NDArray[np.uint8]:
    labels = (mask != 0).astype(np.uint8)
    if ridges:
        labels[touching_pixels(mask)] = 0
    return labels


def touching_pixels(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark a ridge of one pixel between instances that touch, diagonals included.

    Of two neighbours of different instances the one that comes first in reading order is marked, unless the
    other is already.

    Parameters
    ----------
    mask : ndarray of int
        Instance labels (..., Y, X), 0 is background.

    Returns
    -------
    ndarray of bool
        In the mask's shape. Without the marked pixels, no two instances are 8-connected within a plane.
    """
    left = mask.copy()
    height, width = mask.shape[-2:]
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (..., slice(0, height - down), slice(max(0, -right), width - max(0, right)))
        there = (..., slice(down, height), slice(max(0, right), width + min(0, right)))
        left[here][(left[here] != left[there]) & (left[here] != 0) & (left[there] != 0)] = 0
    return left != mask


def _classes(
    masks: Sequence[NDArray[Any]],
    values: Sequence[frozenset[int]],
    names: Sequence[str],
    given: Sequence[int] | None,
) -> tuple[int, ...]:
    present = frozenset[int]().union(*values)
    if given:
        known = (0, *(value for value in given if value != 0))
        _refuse_values(masks, names, [own - set(known) for own in values], _not_given(known))
        _refuse_too_many(names, len(known) - 1)
        return known
    if len(present) > 1 and present != frozenset(range(1, len(present) + 1)):
        _refuse_values(masks, names, _unexpected(values), _not_consecutive(present))
    _refuse_too_many(names, len(present))
    return (0, *sorted(present))


def _refuse_too_many(names: Sequence[str], classes: int) -> None:
    if classes >= _MOST_CLASSES:
        raise InputError.one(
            f"{names[0]} to {names[-1]}",
            f"{classes} classes; at most {_MOST_CLASSES - 1} can be learned",
            "Set 'mask_kind' to 'instances' if the values number single objects.",
            "too-many-classes",
        )


def _unexpected(values: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Tell for each mask the values that break the pattern: all, unless most masks share one value."""
    alone = Counter(own for own in values if len(own) == 1).most_common(1)
    filled = sum(bool(own) for own in values)
    usual = alone[0][0] if alone and 2 * alone[0][1] > filled else frozenset[int]()
    return [own - usual for own in values]


def _not_given(known: tuple[int, ...]) -> str:
    return f"Set 'mask_classes' to all values there are (now {list(known)}), or correct the mask."


def _not_consecutive(present: frozenset[int]) -> str:
    table = [0, *sorted(present)]
    if len(table) > 12:
        return "Save masks with 0 for background and 1 to n for the classes."
    numbered = ", ".join(f"{value} becomes {label}" for label, value in enumerate(table))
    return (
        "Save masks with 0 for background and 1 to n for the classes; or, if these values are the classes, "
        f"set 'mask_classes' to {table} ({numbered}); or, if they number single objects, 'mask_kind' to "
        "'instances'."
    )


def _refuse_values(
    masks: Sequence[NDArray[Any]], names: Sequence[str], wrong: Sequence[frozenset[int]], remedy: str
) -> None:
    raise_if_any(
        Problem(name, f"holds unexpected values: {_histogram(mask)}", remedy, "unexpected-values")
        for mask, name, values in zip(masks, names, wrong, strict=True)
        if values
    )


def _histogram(mask: NDArray[Any], most: int = 8) -> str:
    values, counts = np.unique(mask, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    shown = ", ".join(f"{values[i]} ({100 * counts[i] / mask.size:.2g} %)" for i in sorted(order))
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")


def _class_labels(mask: NDArray[Any], classes: tuple[int, ...]) -> NDArray[np.uint8]:
    order = np.argsort(classes)
    rank = np.searchsorted(np.asarray(classes)[order], mask)
    return np.asarray(order[rank], np.uint8)
