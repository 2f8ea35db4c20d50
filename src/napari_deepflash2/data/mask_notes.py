"""What looks odd in a set of masks without being wrong for sure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem

_USUAL_SHARE = 0.25
_INVERTED_SHARE = 0.5
_INVERTED_SET = 0.75


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


def _empty(labels: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> Iterator[Problem]:
    empty = [name for label, name in zip(labels, names, strict=True) if not label.any()]
    if empty:
        found = f"{len(empty)} of {len(labels)} masks have no foreground: {_shown(empty)}"
        yield Problem("masks", found, "Nothing to do if these images show no object.", "empty-masks")


def _identical(labels: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> Iterator[Problem]:
    same = defaultdict(list)
    for label, name in zip(labels, names, strict=True):
        if label.any():
            same[label.shape, hashlib.sha256(label.tobytes()).digest()].append(name)
    groups = [equal for equal in same.values() if len(equal) > 1]
    if groups:
        count = sum(map(len, groups))
        shown = "; ".join(_shown(equal) for equal in groups[:5]) + "; ..." * (len(groups) > 5)
        found = f"{count} of {len(labels)} masks are identical to another one: {shown}"
        yield Problem("masks", found, "Check that no mask was copied by mistake.", "identical-masks")


def _inverted(labels: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> Iterator[Problem]:
    shares = np.array([np.count_nonzero(label) / label.size for label in labels])
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
            yield Problem("masks", found, "Annotate it in more images, or leave it out.", "rare-class")


def _shown(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
