"""Images that are read part by part, in memory or elsewhere, and the tiles that are cut out of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..data.normalisation import FloatImage
from ..data.sampling import cut
from .canvas import Region


class Source(Protocol):
    """An image that is read part by part."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, in pixels."""

    def read(self, rows: slice, columns: slice) -> FloatImage:
        """Read a part of it as float32 (Y, X, C), finite, as stored."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """An image in memory, of which parts become float32 when they are needed.

    Attributes
    ----------
    pixels : ndarray, shape (Y, X, C)
        Finite intensities of any type.
    """

    pixels: NDArray[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def read(self, rows: slice, columns: slice) -> FloatImage:
        """Read a part of it as float32 (Y, X, C)."""
        return self.pixels[rows, columns].astype(np.float32, copy=False)


def region_of(starts: Sequence[tuple[int, int]], tile: tuple[int, int], shape: tuple[int, int]) -> Region:
    """Find what tiles that lie side by side need of an image.

    Parameters
    ----------
    starts : sequence of (int, int)
        Their top left corners, from left to right.
    tile : (int, int)
        Height and width of each.
    shape : (int, int)
        Of the image. A tile that reaches beyond it is the only one along that axis, and mirrored there.
    """
    (top, left), (_, last) = starts[0], starts[-1]
    return Region(top, min(top + tile[0], shape[0]), left, min(last + tile[1], shape[1]))


def tiles_of(
    source: Source, starts: Sequence[tuple[int, int]], tile: tuple[int, int]
) -> Iterator[NDArray[np.float32]]:
    """Read tiles that lie side by side at once, and give one after the other, (C, height, width)."""
    region = region_of(starts, tile, source.shape)
    pixels = source.read(slice(region.top, region.bottom), slice(region.left, region.right))
    channels = np.moveaxis(pixels, -1, 0)
    for y, x in starts:
        yield cut(channels, y - region.top, x - region.left, tile)
