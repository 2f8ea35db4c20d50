"""Predicting a part of an image tile by tile, with results that can be drawn while they grow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.normalisation import FloatImage
from ..data.sampling import cut
from ..progress import Progress, ProgressCallback, ignore_progress
from .canvas import Canvas, GridWeights, Region
from .engine import Moments, TileMaps, batches
from .sources import Source
from .tiling import TileGrid

if TYPE_CHECKING:
    from torch import device

Point = tuple[float, float]


@dataclass(frozen=True)
class RegionTiles:
    """The tiles of an image's own grid that touch a region of it, the nearest to a point first.

    Attributes
    ----------
    grid : TileGrid
        Of the whole image.
    starts : tuple of (int, int)
        Top left corners of the tiles, in the order in which they are predicted.
    needed : Region
        The smallest rectangle that holds what these tiles show of the image.
    """

    grid: TileGrid
    starts: tuple[tuple[int, int], ...]
    needed: Region

    @classmethod
    def of(
        cls, shape: tuple[int, int], region: Region, centre: Point, config: PredictionConfig
    ) -> RegionTiles:
        """Choose them.

        Parameters
        ----------
        shape : (int, int)
            Height and width of the image, in pixels.
        region : Region
            Part of it that is wanted, with at least one pixel.
        centre : (float, float)
            Row and column of the point that is predicted first.
        config : PredictionConfig
            Size and overlap of tiles.
        """
        grid = TileGrid.cover(shape, config.tile_size, config.overlap)
        tiles = {start: tile_at(start, grid.shape) for start in grid.starts}
        touching = [start for start, tile in tiles.items() if tile.touches(region)]
        middle = [length / 2 for length in grid.shape]

        def distance(start: tuple[int, int]) -> float:
            return sum((at + half - goal) ** 2 for at, half, goal in zip(start, middle, centre, strict=True))

        rows, columns = ([start[axis] for start in touching] for axis in (0, 1))
        needed = Region(
            min(rows),
            min(max(rows) + grid.shape[0], shape[0]),
            min(columns),
            min(max(columns) + grid.shape[1], shape[1]),
        )
        return cls(grid, tuple(sorted(touching, key=distance)), needed)


@dataclass(frozen=True, eq=False)
class Window:
    """A part of an image, in memory, in the place that it has in the whole.

    Attributes
    ----------
    pixels : ndarray of float32, shape (height, width, C)
        Intensities as stored.
    region : Region
        Where they lie.
    shape : (int, int)
        Height and width of the whole image.
    """

    pixels: FloatImage
    region: Region
    shape: tuple[int, int]

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the image."""
        return self.region.shape == self.shape

    def read(self, rows: slice, columns: slice) -> FloatImage:
        """Give rows and columns of the whole image that lie in the part, as a view."""
        top, left = self.region.top, self.region.left
        return self.pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


class Growing:
    """Running averages over a region: sums of tiles over the sum of the weights so far.

    Parameters
    ----------
    kinds : sequence of int
        How many maps a tile has of each kind; see `TilePredictor`.
    region : Region
        Part of the image.
    weights : GridWeights
        Of the image's grid.
    """

    def __init__(self, kinds: Sequence[int], region: Region, weights: GridWeights) -> None:
        self.region = region
        self._canvas = Canvas((*kinds, 1), region, weights)

    def add(self, starts: Sequence[tuple[int, int]], maps: NDArray[np.float32]) -> None:
        """Add tiles (N, M, height, width) by their top left corners in the image."""
        # The weights are summed as a map that is 1 everywhere.
        ones = np.ones((len(maps), 1, *maps.shape[2:]), np.float32)
        self._canvas.add(starts, np.concatenate([maps, ones], 1))

    def averages(self, part: Region) -> list[NDArray[np.float32]]:
        """Average what is there of a part of the region, kind by kind: NaN where no tile has been yet."""
        *sums, weights = self._canvas.sums(part)
        known = weights.copy()
        known[weights == 0] = np.nan
        return [of_kind / known for of_kind in sums]

    def moments(self, part: Region) -> Moments:
        """Take the averages of a `TilePredictor` for moments."""
        return Moments.of(self.averages(part))


def predict_growing(
    run: TileMaps,
    source: Source,
    config: PredictionConfig,
    device: device,
    tiles: RegionTiles,
    region: Region,
    grown: Callable[[Growing, Region], None],
    progress: ProgressCallback = ignore_progress,
    task: str = "predict",
) -> Growing:
    """Predict a region as `predict_moments` does the whole image, and say after every batch what is new.

    Tiles lie where they lie for the whole image, so that the region is the same part of the whole's
    prediction once all its tiles are there, but for the order in which they are added.

    Parameters
    ----------
    run : TileMaps
        What makes maps of tiles, such as a `TilePredictor` of the members.
    source : Source
        The image, or a `Window` that holds what the tiles need of it.
    config : PredictionConfig
        How tiles are blended, and how many are taken at once.
    device : torch.device
        Where the networks are.
    tiles : RegionTiles
        Which tiles, in which order.
    region : Region
        Of the image: what is wanted of the tiles.
    grown : callable
        Is given the averages so far, and the part of the region that a tile has changed.
    progress : callable
        Called after every batch of tiles, when `grown` was; may raise `Cancelled`.
    task : str
        Name of the task in the progress.

    Returns
    -------
    Growing
        Complete.
    """
    growing = Growing(run.kinds, region, GridWeights(tiles.grid, source.shape, config.blending))
    done = 0
    progress(Progress(task, 0, len(tiles.starts)))
    for starts in batches(tiles.starts, tiles.grid.shape, config.batch_size, device):
        growing.add(starts, run.maps(np.stack([_tile(source, start, tiles.grid.shape) for start in starts])))
        for start in starts:
            grown(growing, tile_at(start, tiles.grid.shape).within(region))
        done += len(starts)
        progress(Progress(task, done, len(tiles.starts)))
    return growing


def tile_at(start: tuple[int, int], shape: tuple[int, int]) -> Region:
    """Say where a tile of that height and width lies."""
    return Region(start[0], start[0] + shape[0], start[1], start[1] + shape[1])


def _tile(source: Source, start: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.float32]:
    image = Region(0, source.shape[0], 0, source.shape[1])
    part = tile_at(start, shape).within(image)
    channels = np.moveaxis(source.read(*part.slices), -1, 0)
    return cut(channels, start[0] - part.top, start[1] - part.left, shape)
