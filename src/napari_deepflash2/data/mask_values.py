"""Which values masks may hold: whole numbers, a background, and classes without gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem, raise_if_any
from .ignored import IGNORE
from .mask_kind import MaskKind
from .reading import refuse_fractions

# With the background; the labels 0 to L - 1 leave out the one that stands for ignored pixels.
_MOST_CLASSES = IGNORE


def whole_numbers(
    masks: Sequence[NDArray[Any]], names: Sequence[str], ignore: int | None
) -> list[NDArray[Any]]:
    """Give masks of an integer type; an `InputError` lists those that hold fractions or negative values."""
    problems: list[Problem] = []
    for mask, name in zip(masks, names, strict=True):
        problems += _value_problems(mask, name, ignore)
    raise_if_any(problems)
    return [mask if mask.dtype.kind in "iu" else mask.astype(np.int64) for mask in masks]


def _value_problems(mask: NDArray[Any], name: str, ignore: int | None) -> Iterator[Problem]:
    if mask.dtype.kind not in "biu":
        try:
            refuse_fractions(name, mask)
        except InputError as error:
            yield from error.problems
            return
    negative = mask[(mask < 0) & (mask != ignore)]
    if negative.size:
        lowest = int(negative.min())
        yield Problem(
            name,
            f"holds negative values such as {lowest}",
            "Save whole numbers from 0 (background) up; where it says that a pixel was not judged, set "
            f"'ignore_label' to {lowest}.",
            "negative-label",
        )


def background_value(
    masks: Sequence[NDArray[Any]], kind: MaskKind, classes: Sequence[int] | None, ignore: int | None
) -> int:
    """Value of the background: 0, or where that is ignored the first class named or the lowest there is."""
    if ignore != 0:
        return 0
    if kind == "instances":
        raise InputError.one(
            "ignore_label",
            "is 0, which in masks of numbered objects is the ground between them: no background is left",
            "Give another value to what was not judged, such as 65535, and set 'ignore_label' to it; or set "
            "'mask_kind' to 'classes'.",
            "ignored-background",
        )
    if classes:
        return next((value for value in classes if value != 0), 0)
    return min((int(mask[mask != 0].min()) for mask in masks if mask.any()), default=0)


def refuse_no_foreground(values: Sequence[frozenset[int]], names: Sequence[str], background: int) -> None:
    """Refuse a set of which no mask has any of the foreground values given for each."""
    if not names or any(values):
        return
    remedy = "Check that these are the masks; at least one needs foreground."
    if background:
        remedy = (
            f"'ignore_label' 0 leaves out what is not painted, and {background}, the lowest value that is, "
            "stands for background: paint the classes with higher values."
        )
    raise InputError.one(
        names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}",
        f"no foreground in {len(names)} mask{'s' * (len(names) > 1)}",
        remedy,
        "no-foreground",
    )


def class_values(
    masks: Sequence[NDArray[Any]],
    values: Sequence[frozenset[int]],
    names: Sequence[str],
    given: Sequence[int],
    background: int,
) -> tuple[int, ...]:
    """Values of the classes, the background first.

    Parameters
    ----------
    masks : sequence of ndarray of int
        As stored.
    values : sequence of frozenset of int
        The foreground values of each.
    names : sequence of str
        A name for each mask.
    given : sequence of int
        Foreground values that are classes, in the order of their labels; empty where it is not known.
    background : int
        Value of the background.

    Raises
    ------
    InputError
        Where masks hold other values than the ones given, or values with gaps, or too many; names each.
    """
    present = frozenset[int]().union(*values)
    if given:
        known = (background, *given)
        _refuse_values(masks, names, [own - set(known) for own in values], _not_given(known))
        _refuse_too_many(names, len(known) - 1)
        return known
    if len(present) > 1 and present != frozenset(range(background + 1, background + len(present) + 1)):
        _refuse_values(masks, names, _unexpected(values), _not_consecutive(present, background))
    _refuse_too_many(names, len(present))
    return (background, *sorted(present))


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


def _not_consecutive(present: frozenset[int], background: int) -> str:
    table = [background, *sorted(present)]
    save = f"Save masks with {background} for background and {background + 1} upwards for the classes"
    if len(table) > 12:
        return f"{save}."
    numbered = ", ".join(f"{value} becomes {label}" for label, value in enumerate(table))
    instances = "" if background else "; or, if they number single objects, 'mask_kind' to 'instances'"
    return (
        f"{save}; or, if these values are the classes, set 'mask_classes' to {table} ({numbered}){instances}."
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
