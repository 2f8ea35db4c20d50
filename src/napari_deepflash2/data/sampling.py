"""Which parts of the training images a batch shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .ignored import judged

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class TilePosition:
    """A tile of one image, by its centre in pixels."""

    image: int
    y: int
    x: int


class TileSampler:
    """Draw tile positions at random, rare classes as often as common ones.

    For each tile a class is drawn first, all alike. The background stands for a position anywhere in any
    image, on a pixel that was judged; any other class for a position near a random pixel of that class, in
    a random image that has it. Classes that no mask holds are left out, so that empty masks are as good as
    any, and images of which nothing was judged are not drawn from.

    Parameters
    ----------
    labels : sequence of ndarray of uint8, shape (Y, X)
        Class of each pixel, 0 to `classes` - 1 or `IGNORE`; the masks of the training images.
    classes : int
        How many classes there are, with the background.
    tile_size : int
        Side of a tile, in pixels.
    """

    def __init__(self, labels: Sequence[NDArray[np.uint8]], classes: int, tile_size: int) -> None:
        self._labels = labels
        self._tile_size = tile_size
        # Counts by row find the k-th pixel of a class without a list of all its pixels. The background has
        # those of all judged pixels, since it stands for a position anywhere.
        self._rows = [
            [_counted(judged(mask)), *(_counted(mask == c) for c in range(1, classes))] for mask in labels
        ]
        holders = [[i for i, rows in enumerate(self._rows) if rows[c][-1]] for c in range(classes)]
        self._choices = [images for images in holders if images]
        self._classes = [c for c, images in enumerate(holders) if images]

    def draw(self, rng: np.random.Generator, n_tiles: int) -> list[TilePosition]:
        """Draw `n_tiles` positions; the same generator state gives the same positions."""
        return [self._draw_one(rng) for _ in range(n_tiles)]

    def _draw_one(self, rng: np.random.Generator) -> TilePosition:
        choice = int(rng.integers(len(self._classes)))
        image = self._choices[choice][int(rng.integers(len(self._choices[choice])))]
        shape = self._labels[image].shape
        y, x = self._pixel_of(rng, image, self._classes[choice])
        if self._classes[choice] != 0:
            # Not always in the middle: the network shall not learn that the centre is special.
            reach = self._tile_size // 4
            y, x = (centre + int(rng.integers(-reach, reach + 1)) for centre in (y, x))
        return TilePosition(image, self._kept_inside(y, shape[0]), self._kept_inside(x, shape[1]))

    def _pixel_of(self, rng: np.random.Generator, image: int, class_: int) -> tuple[int, int]:
        rows = self._rows[image][class_]
        rank = int(rng.integers(rows[-1]))
        y = int(np.searchsorted(rows, rank, side="right"))
        row = self._labels[image][y]
        in_row = np.flatnonzero(row == class_ if class_ else judged(row))
        return y, int(in_row[rank - (int(rows[y - 1]) if y else 0)])

    def _kept_inside(self, centre: int, length: int) -> int:
        half = self._tile_size // 2
        return length // 2 if length <= self._tile_size else min(max(centre, half), length - half)


def _counted(pixels: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pixels in all rows down to each."""
    return pixels.sum(1).cumsum()


def cut(array: NDArray[Number], y: int, x: int, shape: tuple[int, int]) -> NDArray[Number]:
    """Cut a window out of an array, mirrored where it reaches beyond the border.

    Parameters
    ----------
    array : ndarray, shape (..., Y, X)
        At least one pixel.
    y, x : int
        Top left corner of the window; may be negative.
    shape : (int, int)
        Height and width of the window, in pixels; may exceed the array.

    Returns
    -------
    ndarray, shape (..., height, width)
        A copy.
    """
    down = _Span.of(y, shape[0], array.shape[-2])
    across = _Span.of(x, shape[1], array.shape[-1])
    pads = [(0, 0)] * (array.ndim - 2) + [down.pads, across.pads]
    padded = np.pad(array[..., down.source, across.source], pads, mode="reflect")
    return padded[..., down.window, across.window]


class _Span(NamedTuple):
    """What to take along one axis, by how much to mirror it at both ends, and what to keep of that."""

    source: slice
    pads: tuple[int, int]
    window: slice

    @classmethod
    def of(cls, start: int, length: int, size: int) -> _Span:
        stop = start + length
        before, after = max(-start, 0), max(stop - size, 0)
        # Mirroring needs one element more than it adds; only a window that is nearly all border lacks some.
        first, last = max(0, min(start, size - 1 - after)), min(size, max(stop, before + 1))
        offset = start - first + before
        return cls(slice(first, last), (before, after), slice(offset, offset + length))
