"""What looks odd in a set of masks without being wrong for sure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem, listed
from .ignored import foreground, judged

_USUAL_SHARE = 0.25
_INVERTED_SHARE = 0.5
_INVERTED_SET = 0.75
# Where less of a mask was judged, the share of the foreground tells how it was painted, not what is there.
_ENOUGH_JUDGED = 0.5


def notes_of_set(
    labels: Sequence[NDArray[np.uint8]], names: Sequence[str], classes: Sequence[int]
) -> list[Problem]:
    """Note empty, identical and possibly inverted masks, and classes that one mask alone has."""
    return [
        *_empty(labels, names),
        *_identical(labels, names),
        *_inverted(labels, names),
        *_rare_classes(labels, names, classes),
    ]


def notes_of_ignored(labels: Sequence[NDArray[np.uint8]], ignore: int, background: int) -> list[Problem]:
    """Note how much is ignored, and a label to ignore that no mask holds.

    Parameters
    ----------
    labels : sequence of ndarray of uint8
        Class labels, `IGNORE` where a pixel was not judged.
    ignore, background : int
        The values that these two had in the masks.
    """
    ignored = sum(label.size - np.count_nonzero(judged(label)) for label in labels)
    if not ignored:
        found = f"no mask holds the label to ignore, {ignore}"
        return [Problem("masks", found, "Check the setting 'ignore_label'.", "ignore-label-unused")]
    share = ignored / sum(label.size for label in labels)
    found = f"{share:.0%} of their pixels are ignored (value {ignore})"
    found += f"; {background}, the lowest other value, is the background" if ignore == 0 else ""
    return [Problem("masks", found, "Nothing to do.", "ignored-pixels")]


def notes_of_numbers(masks: Sequence[NDArray[Any]], names: Sequence[str], ignore: int) -> list[Problem]:
    """Note masks in which the ignored value may well be the number of an object."""
    return [
        Problem(
            name,
            f"{ignore} is ignored, but may be an object: they are numbered up to {mask.max()}",
            "If so, number the objects anew and give what was not judged a value beyond all of them.",
            "ignored-object",
        )
        for mask, name in zip(masks, names, strict=True)
        if ignore > 0 and mask.max(initial=0) > ignore and np.any(mask == ignore)
    ]


def _empty(labels: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> Iterator[Problem]:
    empty = [
        name
        for label, name in zip(labels, names, strict=True)
        if judged(label).any() and not foreground(label).any()
    ]
    if empty:
        found = f"{len(empty)} of {len(labels)} masks have no foreground: {listed(empty)}"
        remedy = "Nothing to do if these images show no object."
        yield Problem("masks", found, remedy, "empty-masks", tuple(empty))


def _identical(labels: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> Iterator[Problem]:
    same = defaultdict(list)
    for label, name in zip(labels, names, strict=True):
        if foreground(label).any():
            same[label.shape, hashlib.sha256(label.tobytes()).digest()].append(name)
    groups = [equal for equal in same.values() if len(equal) > 1]
    if groups:
        count = sum(map(len, groups))
        shown = "; ".join(listed(equal) for equal in groups[:5]) + "; ..." * (len(groups) > 5)
        found = f"{count} of {len(labels)} masks are identical to another one: {shown}"
        names = tuple(name for equal in groups for name in equal)
        yield Problem("masks", found, "Check that no mask was copied by mistake.", "identical-masks", names)


def _inverted(labels: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> Iterator[Problem]:
    shares = np.array([_share(label) for label in labels])
    if not shares.any():
        return
    usual = float(np.median(shares[shares > 0]))
    remedy = "Check that foreground and background are not exchanged."
    if usual > _INVERTED_SET:
        found = f"foreground covers {usual:.0%} of the masks (median)"
        yield Problem("masks", found, remedy, "inverted-mask")
    elif usual < _USUAL_SHARE:
        for share, name in zip(shares, names, strict=True):
            if share > _INVERTED_SHARE:
                found = f"foreground covers {share:.0%}, elsewhere {usual:.0%} (median)"
                yield Problem(name, found, remedy, "inverted-mask")


def _share(label: NDArray[np.uint8]) -> float:
    """Share of the foreground; 0 where too little was judged to tell."""
    known = np.count_nonzero(judged(label))
    return np.count_nonzero(foreground(label)) / known if known > _ENOUGH_JUDGED * label.size else 0.0


def _rare_classes(
    labels: Sequence[NDArray[np.uint8]], names: Sequence[str], classes: Sequence[int]
) -> Iterator[Problem]:
    if len(classes) < 3 or len(labels) < 2:
        return
    present = [set(np.unique(label).tolist()) for label in labels]
    for index, value in enumerate(classes[1:], start=1):
        having = [name for name, own in zip(names, present, strict=True) if index in own]
        if len(having) < 2:
            where = f"in {having[0]} alone" if having else "in no mask"
            found = f"class {value} is {where}: it cannot be both learned and validated"
            remedy = "Annotate it in more images, or leave it out."
            yield Problem("masks", found, remedy, "rare-class", tuple(having))
