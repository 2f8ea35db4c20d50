"""Putting tiles together: weighted sums over a region of the image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .tiling import Blending, TileGrid, axis_weights

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A rectangle of an image, in pixels: rows `top` to below `bottom`, columns `left` to below `right`."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def spans(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """First row and the one below the last, and likewise the columns."""
        return (self.top, self.bottom), (self.left, self.right)

    @property
    def middle(self) -> tuple[float, float]:
        """Row and column of its centre."""
        return (self.top + self.bottom) / 2, (self.left + self.right) / 2

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to index an image with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def touches(self, other: Region) -> bool:
        """Whether the two have a pixel in common."""
        return (
            self.top < other.bottom
            and other.top < self.bottom
            and self.left < other.right
            and other.left < self.right
        )

    def within(self, other: Region) -> Region:
        """Give what the two have in common; they must touch."""
        return Region(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.left, other.left),
            min(self.right, other.right),
        )


class GridWeights:
    """How much each pixel of a tile counts, and what that adds up to over all tiles of a grid.

    A grid has the same columns in every row, and the weight of a pixel is a product of one for its row and
    one for its column. So have their sums: two lines of numbers stand for a map of the whole image.

    Parameters
    ----------
    grid : TileGrid
        The tiles.
    shape : (int, int)
        Height and width of the image.
    blending : {"gaussian", "flat"}
        See `axis_weights`.
    """

    def __init__(self, grid: TileGrid, shape: tuple[int, int], blending: Blending) -> None:
        row, column = (axis_weights(length, blending) for length in grid.shape)
        self.of_tile: FloatArray = np.outer(row, column).astype(np.float32)
        self._rows = _summed(row, (y for y, _ in grid.starts), shape[0])
        self._columns = _summed(column, (x for _, x in grid.starts), shape[1])

    def sums(self, region: Region) -> tuple[FloatArray, FloatArray]:
        """Sum the weights in a region, as (height, 1) and (width,), to be multiplied."""
        rows = self._rows[region.top : region.bottom, None]
        return rows.astype(np.float32), self._columns[region.left : region.right].astype(np.float32)


class Canvas:
    """Weighted sums of overlapping tiles over a region.

    Parameters
    ----------
    sizes : sequence of int
        How many maps each kind has, of the M that a tile has one after the other.
    region : Region
        Part of the image; what tiles have beyond it is left out.
    weights : GridWeights
        Of the grid that the tiles are from.
    """

    def __init__(self, sizes: Sequence[int], region: Region, weights: GridWeights) -> None:
        self._region, self._weights = region, weights
        self._ends = np.cumsum(sizes)[:-1]
        # Kinds apart, so that one of them can be kept without the others.
        self._sums: list[FloatArray] = [np.zeros((n, *region.shape), dtype=np.float32) for n in sizes]

    def add(self, starts: Sequence[tuple[int, int]], maps: FloatArray) -> None:
        """Add tiles (N, M, height, width) by their top left corners in the image."""
        height, width = self._weights.of_tile.shape
        for (y, x), tile in zip(starts, maps, strict=True):
            rows, in_rows = _overlap(y, height, self._region.top, self._region.bottom)
            columns, in_columns = _overlap(x, width, self._region.left, self._region.right)
            weights = self._weights.of_tile[rows, columns]
            for sums, maps_ in zip(self._sums, np.split(tile[:, rows, columns], self._ends), strict=True):
                sums[:, in_rows, in_columns] += weights * maps_

    def sums(self, part: Region) -> list[FloatArray]:
        """Weighted sums of each kind so far (m, height, width) in a part of the region, as views."""
        rows = slice(part.top - self._region.top, part.bottom - self._region.top)
        columns = slice(part.left - self._region.left, part.right - self._region.left)
        return [sums[:, rows, columns] for sums in self._sums]

    def averages(self) -> list[FloatArray]:
        """Weighted means of each kind (m, height, width), once all tiles are added.

        The canvas is used up.
        """
        rows, columns = self._weights.sums(self._region)
        for sums in self._sums:
            sums /= rows
            sums /= columns
        return self._sums


def _summed(weights: NDArray[np.float64], starts: Iterable[int], length: int) -> NDArray[np.float64]:
    total = np.zeros(length)
    for start in sorted(set(starts)):
        within, at = _overlap(start, len(weights), 0, length)
        total[at] += weights[within]
    return total


def _overlap(start: int, length: int, low: int, high: int) -> tuple[slice, slice]:
    """Which part of a tile lies between two borders, within the tile and counted from the lower one."""
    first, last = max(start, low), max(min(start + length, high), low)
    return slice(first - start, max(last - start, 0)), slice(first - low, last - low)
