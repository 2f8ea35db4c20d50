"""What the numbers in a set of masks mean, decided once for the whole set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .ignored import IGNORE
from .mask_kind import MaskKind, decide_kind
from .mask_notes import notes_of_ignored, notes_of_numbers, notes_of_set
from .mask_values import background_value, class_values, refuse_no_foreground, whole_numbers


@dataclass(frozen=True)
class MaskSet:
    """Masks as class labels.

    Attributes
    ----------
    labels : list of ndarray of uint8
        For each mask its class labels 0 to L - 1, in the mask's shape; 0 is background, `IGNORE` not judged.
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
    ignore: int | None = None,
) -> MaskSet:
    """Decide what the values of all masks of a set mean, and turn them into class labels.

    Two values, such as 0/1 and 0/255, are background and foreground; 0 to n are classes. Where most values
    are one connected object each, they number single objects (instances): these become foreground, and
    where two objects touch, a background ridge of one pixel keeps them apart. One value may say that a
    pixel was not judged. Where that is 0, as in a mask painted in part, the lowest other value is the
    background, and the values are classes: numbered objects need a ground that is not ignored.

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
    ignore : int, optional
        Value of pixels that were not judged; may be negative.

    Returns
    -------
    MaskSet

    Raises
    ------
    InputError
        Where a mask holds fractions, negative or unexpected values, or is no label image; where no mask has
        foreground; where values may be classes or instances. Names every mask concerned.
    """
    whole = whole_numbers(masks, names, ignore)
    background = background_value(whole, kind, classes, ignore)
    marked = [_without(mask, background, ignore) for mask in whole]
    values = [frozenset(np.unique(mask).tolist()) - {0} for mask in marked]
    refuse_no_foreground(values, names, background)
    decided, notes = decide_kind(marked, values, names, "classes" if classes or background else kind)
    if decided == "instances":
        found: tuple[int, ...] = (0, 1)
        labels = [_foreground(mask, ridges) for mask in marked]
    else:
        given = [value for value in classes or () if value not in (background, ignore)]
        found = class_values(whole, values, names, given, background)
        labels = [_class_labels(mask, (0, *found[1:])) for mask in marked]
    if ignore is not None:
        labels = [_with_ignored(own, mask == ignore) for own, mask in zip(labels, whole, strict=True)]
        notes += notes_of_ignored(labels, ignore, background)
        notes += notes_of_numbers(whole, names, ignore) if decided == "instances" else []
    return MaskSet(labels, found, decided, (*notes, *notes_of_set(labels, names, found)))


def _without(mask: NDArray[Any], background: int, ignore: int | None) -> NDArray[Any]:
    """Set background and ignored pixels to 0."""
    return mask if ignore is None else np.where((mask == background) | (mask == ignore), 0, mask)


def _with_ignored(labels: NDArray[np.uint8], ignored: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.where(ignored, np.uint8(IGNORE), labels)


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


def _class_labels(mask: NDArray[Any], classes: tuple[int, ...]) -> NDArray[np.uint8]:
    order = np.argsort(classes)
    rank = np.searchsorted(np.asarray(classes)[order], mask)
    return np.asarray(order[rank], np.uint8)
