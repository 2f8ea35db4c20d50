"""Covering an image with overlapping tiles, and how much each pixel of a tile counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Blending = Literal["gaussian", "flat"]

# Networks halve the tile up to five times; on 32 pixels the smallest map still has one.
MULTIPLE = 32


@dataclass(frozen=True)
class TileGrid:
    """Tiles of one shape that cover an image evenly.

    Attributes
    ----------
    shape : (int, int)
        Height and width of every tile, in pixels; along an axis shorter than this the tile is padded.
    starts : tuple of (int, int)
        Row and column of each tile's top left corner, in pixels of the image.
    """

    shape: tuple[int, int]
    starts: tuple[tuple[int, int], ...]

    @classmethod
    def cover(cls, shape: tuple[int, int], tile_size: int, overlap: float) -> TileGrid:
        """Place no more tiles, and make them no larger, than the overlap asks for.

        Parameters
        ----------
        shape : (int, int)
            Height and width of the image, in pixels.
        tile_size : int
            Side of a tile at most, in pixels, a multiple of 32.
        overlap : float
            Least share of a tile that the next one covers again, 0 to below 1.
        """
        height, width = (_smallest_tile(length, tile_size, overlap) for length in shape)
        rows = _starts(shape[0], height, overlap)
        columns = _starts(shape[1], width, overlap)
        return cls((height, width), tuple((y, x) for y in rows for x in columns))


def axis_weights(length: int, blending: Blending) -> NDArray[np.float64]:
    """Weight of each pixel along one axis of a tile; that of a pixel is the product of both axes.

    Parameters
    ----------
    length : int
        Side of the tile, in pixels.
    blending : {"gaussian", "flat"}
        From 1 in the middle to about 0.13 at the ends, or 1 throughout.

    Returns
    -------
    ndarray of float64, shape (length,)
        In (0, 1], never 0, so that pixels that only a tile's border covers are defined.
    """
    if blending == "flat":
        return np.ones(length)
    # A quarter of the tile as standard deviation, as in MONAI's and nnU-Net's sliding windows with a
    # wider bell: theirs lets the border weigh next to nothing and so wastes what was computed there.
    offset = (np.arange(length) - (length - 1) / 2) / (length / 4)
    return np.exp(-0.5 * offset**2)


def _smallest_tile(length: int, most: int, overlap: float) -> int:
    """Find the smallest side that needs as few tiles as the largest allowed one."""
    fewest = _gaps(length, most, overlap)
    sides = range(MULTIPLE, most + 1, MULTIPLE)
    return next(side for side in sides if _gaps(length, side, overlap) == fewest)


def _gaps(length: int, tile: int, overlap: float) -> int:
    step = max(1, math.floor(tile * (1 - overlap)))
    return max(0, math.ceil((length - tile) / step))


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    gaps = _gaps(length, tile, overlap)
    return [round(i * (length - tile) / gaps) for i in range(gaps + 1)] if gaps else [0]
