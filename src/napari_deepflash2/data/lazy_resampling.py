"""Planes that are read part by part on another grid of pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .normalisation import FloatImage

if TYPE_CHECKING:
    from scipy.sparse import csr_array


_SIDE = 1024


class Readable(Protocol):
    """A plane that is read part by part."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, in pixels."""

    def read(self, rows: slice, columns: slice) -> FloatImage:
        """Read a part of it as float32 (Y, X, C)."""


@dataclass(frozen=True)
class ResampledPlane:
    """A plane as `resized` makes it of the whole, of which only parts are ever made.

    Attributes
    ----------
    plane : Readable
        As it is stored.
    shape : (int, int)
        Height and width wanted.
    """

    plane: Readable
    shape: tuple[int, int]

    def chunks(self) -> Iterator[tuple[slice, slice]]:
        """Go through the resampled plane in pieces of at most 1024 pixels a side."""
        for top in range(0, self.shape[0], _SIDE):
            for left in range(0, self.shape[1], _SIDE):
                bottom, right = min(top + _SIDE, self.shape[0]), min(left + _SIDE, self.shape[1])
                yield slice(top, bottom), slice(left, right)

    def needed(self, rows: slice, columns: slice) -> tuple[slice, slice]:
        """Find the rows and columns of the stored plane that a part is made of."""
        found = [
            _weights(part, old, new)
            for part, old, new in zip((rows, columns), self.plane.shape, self.shape, strict=True)
        ]
        (top, left), (height, width) = zip(
            *((first, weights.shape[1]) for first, weights in found), strict=True
        )
        return slice(top, top + height), slice(left, left + width)

    def read(self, rows: slice, columns: slice) -> FloatImage:
        """Read a part, of the resampled plane, as float32 (height, width, C)."""
        (top, vertical), (left, horizontal) = (
            _weights(part, old, new)
            for part, old, new in zip((rows, columns), self.plane.shape, self.shape, strict=True)
        )
        pixels = self.plane.read(slice(top, top + vertical.shape[1]), slice(left, left + horizontal.shape[1]))
        height, width, channels = pixels.shape
        rowwise = (vertical @ pixels.reshape(height, -1)).reshape(-1, width, channels)
        found = horizontal @ rowwise.transpose(1, 0, 2).reshape(width, -1)
        return found.reshape(-1, len(rowwise), channels).transpose(1, 0, 2).astype(np.float32)


def _weights(part: slice, old: int, new: int) -> tuple[int, csr_array]:
    """Weigh stored pixels along an axis: a triangle around each new one, wider where pixels grow.

    Returns
    -------
    int, sparse array
        The first pixel needed, and (new, old) weights of those from it on; each row sums to 1.
    """
    from scipy.sparse import csr_array

    step = old / new
    reach = max(step, 1.0)
    numbers = np.arange(part.start, part.stop)
    middles = (numbers + 0.5) * step
    first = max(0, math.floor(middles[0] - reach))
    last = min(old, math.ceil(middles[-1] + reach) + 1)
    offsets = np.arange(math.ceil(2 * reach) + 2)
    columns = np.floor(middles - reach).astype(int)[:, None] + offsets
    weights = np.maximum(0, 1 - np.abs(columns + 0.5 - middles[:, None]) / reach)
    weights[(columns < first) | (columns >= last)] = 0
    weights /= weights.sum(1, keepdims=True)
    row = np.broadcast_to(numbers[:, None] - part.start, columns.shape)
    there = weights > 0
    shape = (len(numbers), last - first)
    return first, csr_array((weights[there], (row[there], columns[there] - first)), shape=shape)
