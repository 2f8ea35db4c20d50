"""Blocks of an image that wait for tiles, and are given away as soon as no tile to come touches them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .canvas import Canvas, FloatArray, GridWeights, Region


@dataclass(frozen=True)
class Block:
    """A part of an image that is finished at once.

    Attributes
    ----------
    number : int
        Which of them, from 0.
    region : Region
        Where it lies.
    """

    number: int
    region: Region


class OpenBlocks:
    """Blocks that lie one below the other, with the running sums of those that have a tile.

    Parameters
    ----------
    column : sequence of Block
        From top to bottom.
    kinds : sequence of int
        How many maps a tile has of each kind.
    weights : GridWeights
        Of the grid that the tiles are from.
    """

    def __init__(self, column: Sequence[Block], kinds: Sequence[int], weights: GridWeights) -> None:
        self._waiting = sorted(column, key=lambda block: block.region.top)
        self._canvases: dict[Block, Canvas] = {}
        self._kinds, self._weights = kinds, weights

    def add(self, starts: Sequence[tuple[int, int]], maps: FloatArray) -> None:
        """Add tiles (N, M, height, width) by their top left corners to the blocks that they touch."""
        tops = [y for y, _ in starts]
        top, bottom = min(tops), max(tops) + maps.shape[2]
        for block in self._waiting:
            if block.region.top < bottom and top < block.region.bottom:
                if block not in self._canvases:
                    self._canvases[block] = Canvas(self._kinds, block.region, self._weights)
                self._canvases[block].add(starts, maps)

    def finished(self, top: int) -> Iterator[tuple[Block, list[FloatArray]]]:
        """Give away the averages of the blocks that no tile from row `top` on touches, kind by kind."""
        while self._waiting and self._waiting[0].region.bottom <= top:
            block = self._waiting.pop(0)
            yield block, self._canvases.pop(block).averages()
