"""What looks odd in the pixels of an image without being wrong for sure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .decoded import Decoded

_JPEG_BLOCK = 16
_SHORTEST_TAIL = 4


def brightness_notes(path: Path, decoded: Decoded) -> list[Problem]:
    """Note channels that are constant or saturated."""
    data = decoded.data
    channels = [data[..., i] for i in range(data.shape[-1])] if decoded.axes.endswith("C") else [data]
    names = [f"channel {i} " for i in range(len(channels))] if len(channels) > 1 else [""]
    notes = []
    for channel, name in zip(channels, names, strict=True):
        notes += _constant(path, channel, name)
        # The white ground of a stained slide is saturated by right.
        notes += [] if decoded.colour else _saturated(path, channel, name)
    return notes


def _constant(path: Path, channel: NDArray[Any], name: str) -> list[Problem]:
    if channel.min() != channel.max():
        return []
    found = f"{name}has the same value {channel.min()} everywhere"
    return [Problem(str(path), found, "Check that this is the image you mean.", "constant")]


def _saturated(path: Path, channel: NDArray[Any], name: str) -> list[Problem]:
    high = channel.max()
    if channel.dtype.kind not in "iu" or high != np.iinfo(channel.dtype).max or channel.min() == high:
        return []
    share = float(np.mean(channel == high))
    if share < 0.25:
        return []
    found = f"{name}is saturated: {share:.0%} of its pixels have the highest value {high}"
    return [Problem(str(path), found, "Use a less exposed image if there is one.", "saturated")]


def tail_notes(path: Path, decoded: Decoded) -> list[Problem]:
    """Note rows at the end that are empty over the full width, as power failures leave them."""
    channels = decoded.data.shape[-1] if decoded.axes.endswith("C") else 1
    rows = decoded.data.reshape(-1, decoded.data.shape[decoded.axes.index("X")], channels)
    if not _is_blank(rows[-1:], decoded.lossy).all():
        return []
    filled = np.flatnonzero(~_is_blank(rows, decoded.lossy))
    # A picture with a border is empty above as well.
    if not filled.size or filled[0] > 0:
        return []
    tail = len(rows) - 1 - int(filled[-1])
    if tail < max(_SHORTEST_TAIL, len(rows) // 50):
        return []
    found = f"its last {tail} rows are empty from end to end, as in a file cut short"
    return [Problem(str(path), found, "Compare it with the original, and copy it again.", "empty-end")]


def _is_blank(rows: NDArray[Any], lossy: bool) -> NDArray[np.bool_]:
    """Mark rows (n, X, C) of zeros, or of one block again and again: what JPEG makes of missing data."""
    if not lossy:
        return np.asarray((rows == 0).all((1, 2)))
    repeated = (rows[:, _JPEG_BLOCK:] == rows[:, :-_JPEG_BLOCK]).all((1, 2))
    # The ground of a stained slide may well be white throughout.
    return np.asarray(repeated & ~np.isin(rows[:, 0], (0, 255)).all(1))
