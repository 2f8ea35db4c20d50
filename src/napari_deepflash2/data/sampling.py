"""Which parts of the training images a batch shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

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
    image; any other class for a position near a random pixel of that class, in a random image that has
    it. Classes that no mask holds are left out, so that empty masks are as good as any.

    Parameters
    ----------
    labels : sequence of ndarray, shape (Y, X)
        Class of each pixel, 0 to `classes` - 1; the masks of the training images.
    classes : int
        How many classes there are, with the background.
    tile_size : int
        Side of a tile, in pixels.
    """

    def __init__(self, labels: Sequence[NDArray[np.integer]], classes: int, tile_size: int) -> None:
        self._labels = labels
        self._tile_size = tile_size
        # Counts by row find the k-th pixel of a class without a list of all its pixels.
        self._rows = [[(mask == c).sum(1).cumsum() for c in range(classes)] for mask in labels]
        holders = [[i for i, rows in enumerate(self._rows) if rows[c][-1]] for c in range(1, classes)]
        self._choices = [list(range(len(labels))), *(images for images in holders if images)]
        self._classes = [0, *(c for c, images in enumerate(holders, start=1) if images)]

    def draw(self, rng: np.random.Generator, n_tiles: int) -> list[TilePosition]:
        """Draw `n_tiles` positions; the same generator state gives the same positions."""
        return [self._draw_one(rng) for _ in range(n_tiles)]

    def _draw_one(self, rng: np.random.Generator) -> TilePosition:
        choice = int(rng.integers(len(self._classes)))
        image = self._choices[choice][int(rng.integers(len(self._choices[choice])))]
        shape = self._labels[image].shape
        if self._classes[choice] == 0:
            y, x = (int(rng.integers(length)) for length in shape)
        else:
            y, x = self._near_class(rng, image, self._classes[choice])
        return TilePosition(image, self._kept_inside(y, shape[0]), self._kept_inside(x, shape[1]))

    def _near_class(self, rng: np.random.Generator, image: int, class_: int) -> tuple[int, int]:
        rows = self._rows[image][class_]
        rank = int(rng.integers(rows[-1]))
        y = int(np.searchsorted(rows, rank, side="right"))
        in_row = np.flatnonzero(self._labels[image][y] == class_)
        x = int(in_row[rank - (int(rows[y - 1]) if y else 0)])
        # Not always in the middle: the network shall not learn that the centre is special.
        reach = self._tile_size // 4
        return y + int(rng.integers(-reach, reach + 1)), x + int(rng.integers(-reach, reach + 1))

    def _kept_inside(self, centre: int, length: int) -> int:
        half = self._tile_size // 2
        return length // 2 if length <= self._tile_size else min(max(centre, half), length - half)


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
    rows = mirrored_indices(y, shape[0], array.shape[-2])
    columns = mirrored_indices(x, shape[1], array.shape[-1])
    return array[..., rows[:, None], columns]


def mirrored_indices(start: int, length: int, size: int) -> NDArray[np.intp]:
    """Index `size` elements from `start` on, mirrored at both ends without doubling the edge."""
    if size == 1:
        return np.zeros(length, dtype=np.intp)
    period = 2 * (size - 1)
    folded = np.arange(start, start + length) % period
    return np.where(folded < size, folded, period - folded)
