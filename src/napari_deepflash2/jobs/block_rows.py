"""Rows of chunks, put together from the blocks of a column and written whole."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..exchange import ome_zarr
from ..prediction import Moments, Prediction
from ..prediction.canvas import Region
from ..prediction.open_blocks import Block
from ..prediction.trait_sums import TraitSums
from .block_maps import BlockMaps
from .block_record import PartFigures
from .overlap import Overlap

MaskOf = Callable[[Region], tuple[NDArray[np.integer], NDArray[np.bool_]]]


class ChunkRows:
    """Puts blocks together to rows of chunks, which are written whole.

    Parameters
    ----------
    maps : BlockMaps
        What is written.
    index : tuple of int
        Of the plane.
    classes : sequence of int
        Of the labels, the background first.
    mask_of : callable or None
        Gives the true classes of a region, and what was judged.
    written : callable
        Is given the number of the first block and the figures of each row once it is on the disk.
    """

    def __init__(
        self,
        maps: BlockMaps,
        index: tuple[int, ...],
        classes: Sequence[int],
        mask_of: MaskOf | None,
        written: Callable[[int, PartFigures], None],
    ) -> None:
        self._maps, self._index, self._classes = maps, index, classes
        self._mask_of, self._written = mask_of, written
        self._waiting: list[tuple[Block, PartFigures, dict[str, NDArray[Any]]]] = []

    def take(self, block: Block, moments: Moments) -> None:
        """Take the next block of a column; write what ends with it."""
        found = Prediction.from_moments(moments, self._classes, "image")
        # Nothing else of it waits.
        wanted = {kind: getattr(found, kind) for kind in self._maps.kinds}
        self._waiting.append((block, self._figures(block.region, found), wanted))
        bottom = block.region.bottom
        if bottom % ome_zarr.CHUNK == 0 or bottom == self._maps.shape[0]:
            self._write()

    def _write(self) -> None:
        blocks, figures, maps = zip(*self._waiting, strict=True)
        self._waiting = []
        whole = replace(blocks[0].region, bottom=blocks[-1].region.bottom)
        self._maps.write(self._index, whole, maps)
        self._written(blocks[0].number, functools.reduce(operator.add, figures))

    def _figures(self, region: Region, found: Prediction) -> PartFigures:
        sums = TraitSums.of(found.probabilities)
        if self._mask_of is None:
            return PartFigures(1, sums)
        return PartFigures(1, sums, Overlap.of(found.labels, *self._mask_of(region), self._classes))
