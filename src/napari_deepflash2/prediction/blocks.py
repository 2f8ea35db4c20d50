"""Predicting an image of any size block by block, with the result of predicting it whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.normalisation import Normalisation, Standardisation
from ..data.sampling import cut
from ..progress import Progress, ProgressCallback, ignore_progress
from .canvas import GridWeights, Region
from .engine import Moments, batches
from .open_blocks import Block, OpenBlocks
from .passes import Predictor, TilePredictor
from .sources import Source, region_of
from .tiling import TileGrid

if TYPE_CHECKING:
    from torch import device

# Of the running sums of one block; as many are open at a time as a tile has of these rows, and one or two.
_BYTES = 2**25
_ROWS = 128


Writer = Callable[[Block, Moments], None]


def blocks_of(shape: tuple[int, int], n_maps: int, side: int) -> list[list[Block]]:
    """Cut an image into columns of blocks, low ones, and as wide as memory allows.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image.
    n_maps : int
        Running sums that are kept for each pixel.
    side : int
        Of the chunks that the result is written in: columns end where chunks do, and so do some blocks.

    Returns
    -------
    list of list of Block
        Columns from left to right, each from top to bottom.
    """
    height = next(rows for rows in range(min(_ROWS, side), 0, -1) if side % rows == 0)
    width = max(1, _BYTES // (4 * n_maps * height * side)) * side
    columns: list[list[Block]] = []
    number = 0
    for left in range(0, shape[1], width):
        column = []
        for top in range(0, shape[0], height):
            region = Region(top, min(top + height, shape[0]), left, min(left + width, shape[1]))
            column.append(Block(number, region))
            number += 1
        columns.append(column)
    return columns


def predict_blocks(
    predictors: Sequence[Predictor],
    source: Source,
    looks: Mapping[Normalisation, Standardisation],
    n_classes: int,
    config: PredictionConfig,
    device: device,
    write: Writer,
    side: int = 1024,
    done: Collection[int] = (),
    progress: ProgressCallback = ignore_progress,
    task: str = "predict",
) -> None:
    """Predict as `predict_moments` does, but keep no more than some blocks in memory.

    Tiles lie where they lie for the whole image, and a block gets every tile that touches it, in the same
    order, whether or not an earlier run was interrupted. Reading and writing go on beside the computing.

    Parameters
    ----------
    predictors : sequence of Predictor
        The members.
    source : Source
        The image.
    looks : mapping of Normalisation to Standardisation
        How each of the members' normalisations standardises the whole image.
    n_classes : int
        Classes, with the background.
    config : PredictionConfig
        Tiles and views.
    device : torch.device
        Where the networks are.
    write : callable
        Is given each block and its moments as soon as they are final, those of a column from top to bottom;
        called by one thread at a time.
    side : int
        Of chunks, see `blocks_of`.
    done : collection of int
        Numbers of blocks that an earlier run has written.
    progress : callable
        Called after every batch of tiles; may raise `Cancelled`.
    task : str
        Name of the task in the progress.
    """
    run = TilePredictor(predictors, looks, n_classes, config, device)
    work = _Work(source, run, config, device)
    columns = [
        pending
        for column in blocks_of(source.shape, sum(run.kinds), side)
        if (pending := [block for block in column if block.number not in done])
    ]
    counted, total = 0, sum(len(row.starts) for column in columns for row in work.rows(column))
    progress(Progress(task, 0, total))
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        for column in columns:
            for tiles in work.predict(column, reader, _Behind(writer, write)):
                counted += tiles
                progress(Progress(task, counted, total))


@dataclass(frozen=True)
class _Row:
    """Tiles that lie side by side, and what of the image they need."""

    starts: Sequence[tuple[int, int]]
    region: Region


class _Work:
    """Tiles of one image, and what is made of them."""

    def __init__(self, source: Source, run: TilePredictor, config: PredictionConfig, device: device) -> None:
        self._source, self._run, self._batch_size, self._device = source, run, config.batch_size, device
        self._grid = TileGrid.cover(source.shape, config.tile_size, config.overlap)
        self._weights = GridWeights(self._grid, source.shape, config.blending)

    def rows(self, column: Sequence[Block]) -> list[_Row]:
        """Find the rows of tiles that touch any block of a column."""
        height, width = self._grid.shape
        rows: dict[int, list[tuple[int, int]]] = {}
        for y, x in self._grid.starts:
            tile = Region(y, y + height, x, x + width)
            if any(tile.touches(block.region) for block in column):
                rows.setdefault(y, []).append((y, x))
        return [
            _Row(starts, region_of(starts, self._grid.shape, self._source.shape)) for starts in rows.values()
        ]

    def predict(self, column: Sequence[Block], reader: ThreadPoolExecutor, behind: _Behind) -> Iterator[int]:
        """Predict a column of blocks; yield the number of tiles after each batch."""
        rows = self.rows(column)
        tops = [row.region.top for row in rows[1:]] + [self._source.shape[0]]
        open_ = OpenBlocks(column, self._run.kinds, self._weights)
        for row, band, following in zip(rows, _ahead(rows, self._read, reader), tops, strict=True):
            for starts in batches(row.starts, self._grid.shape, self._batch_size, self._device):
                open_.add(starts, self._run.maps(self._tiles(band, row.region, starts)))
                yield len(starts)
            for block, averages in open_.finished(following):
                behind.write(block, Moments.of(averages))
        behind.wait()

    def _read(self, row: _Row) -> NDArray[np.float32]:
        region = row.region
        pixels = self._source.read(slice(region.top, region.bottom), slice(region.left, region.right))
        return np.moveaxis(pixels, -1, 0)

    def _tiles(
        self, band: NDArray[np.float32], region: Region, starts: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32]:
        return np.stack([cut(band, y - region.top, x - region.left, self._grid.shape) for y, x in starts])


class _Behind:
    """Writes one block while the next is computed."""

    def __init__(self, executor: ThreadPoolExecutor, write: Writer) -> None:
        self._executor, self._write = executor, write
        self._last: Future[None] | None = None

    def write(self, block: Block, moments: Moments) -> None:
        """Write as soon as the block before is written."""
        self.wait()
        self._last = self._executor.submit(self._write, block, moments)

    def wait(self) -> None:
        """Wait for the last block; raises what went wrong with it."""
        if self._last is not None:
            self._last.result()


def _ahead(
    rows: Sequence[_Row], read: Callable[[_Row], NDArray[np.float32]], executor: ThreadPoolExecutor
) -> Iterator[NDArray[np.float32]]:
    """Read each row while the one before is computed."""
    following = executor.submit(read, rows[0])
    for row in rows[1:]:
        band, following = following.result(), executor.submit(read, row)
        yield band
    yield following.result()
