"""Running an ensemble's networks over an image, tile by tile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.normalisation import FloatImage, Normalisation, Standardisation
from ..data.resampling import resized
from ..data.sampling import cut
from ..progress import Progress, ProgressCallback, ignore_progress
from .canvas import GridWeights, Region
from .open_blocks import Block, OpenBlocks
from .passes import Predictor, TilePredictor
from .tiling import TileGrid

if TYPE_CHECKING:
    from torch import device

# A processor gains nothing from more pixels at once than one large tile has, and its caches lose.
_PIXELS_ON_CPU = 512 * 512
# Of what is given away at once.
_ROWS = 128


@dataclass(frozen=True)
class Moments:
    """Probabilities over members, views and tiles, as their mean and the mean of their squares.

    Attributes
    ----------
    mean, mean_of_squares : ndarray of float32, shape (L, Y, X)
        In [0, 1]; `mean` sums to 1 over L.
    mean_entropy : ndarray of float32, shape (Y, X), or None
        Mean of the entropies of single members and views, in nats; None where it was not asked for.
    """

    mean: NDArray[np.float32]
    mean_of_squares: NDArray[np.float32]
    mean_entropy: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, averages: Sequence[NDArray[np.float32]]) -> Moments:
        """Take the averaged maps of `TilePredictor`, one array a kind; changes them in place."""
        mean, squares, *entropy = averages
        # Float32 sums leave the mean's total some 1e-7 beside 1.
        total = mean.sum(0)
        mean /= total
        squares /= total
        return cls(mean, squares, entropy[0][0] if entropy else None)

    def resized(self, shape: tuple[int, int]) -> Moments:
        """Bring them to a height and width by linear interpolation; they stay moments of probabilities."""
        if self.mean.shape[1:] == shape:
            return self
        entropy = None if self.mean_entropy is None else resized(self.mean_entropy, shape)
        return Moments(resized(self.mean, shape), resized(self.mean_of_squares, shape), entropy)


def predict_moments(
    predictors: Sequence[Predictor],
    image: FloatImage,
    n_classes: int,
    config: PredictionConfig,
    device: device,
    progress: ProgressCallback = ignore_progress,
    task: str = "predict",
) -> Moments:
    """Average the class probabilities of all members and views over overlapping tiles.

    Running sums are kept whatever the number of members, so memory does not grow with the ensemble. The
    networks are run as they are; `prepare` makes faster ones of them.

    Parameters
    ----------
    predictors : sequence of Predictor
        The members.
    image : ndarray of float32, shape (Y, X, C)
        Intensities as stored; borders of tiles beyond it are mirrored.
    n_classes : int
        Classes L, with the background.
    config : PredictionConfig
        Tiles and views.
    device : torch.device
        Where the networks are.
    progress : callable
        Called after every batch of tiles; may raise `Cancelled`.
    task : str
        Name of the task in the progress.

    Raises
    ------
    InputError
        Where a member gives values that are no numbers; names it.
    """
    run = TilePredictor(predictors, looks_at(image, predictors), n_classes, config, device)
    return Moments.of(averaged_tiles(run, image, config, device, progress, task))


class Normalising(Protocol):
    """What sees images standardised, as a `Predictor` does."""

    @property
    def normalisation(self) -> Normalisation:
        """How."""


def looks_at(image: NDArray[Any], by: Iterable[Normalising]) -> dict[Normalisation, Standardisation]:
    """Decide how each of the networks' normalisations standardises an image (Y, X, C)."""
    return {kind: kind.for_image(image) for kind in {one.normalisation for one in by}}


class TileMaps(Protocol):
    """What makes maps of tiles, as `TilePredictor` does."""

    kinds: tuple[int, ...]

    def maps(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Make maps (N, M, height, width), those of all kinds, of tiles (N, C, height, width)."""


def averaged_tiles(
    run: TileMaps,
    image: NDArray[Any],
    config: PredictionConfig,
    device: device,
    progress: ProgressCallback = ignore_progress,
    task: str = "predict",
) -> list[NDArray[np.float32]]:
    """Average the maps of overlapping tiles over an image.

    Parameters
    ----------
    run : TileMaps
        What makes them.
    image : ndarray, shape (Y, X, C)
        Intensities as stored, of any type, tiles of which become float32; borders of tiles beyond it are
        mirrored.
    config : PredictionConfig
        Size, overlap and blending of the tiles, and how many are taken at once.
    device : torch.device
        Where they are made.
    progress : callable
        Called after every batch of tiles; may raise `Cancelled`.
    task : str
        Name of the task in the progress.

    Returns
    -------
    list of ndarray of float32, shape (m, Y, X)
        One array a kind.
    """
    whole = [np.empty((n, *image.shape[:2]), np.float32) for n in run.kinds]
    for region, rows in averaged_rows(run, image, config, device, progress, task):
        for target, part in zip(whole, rows, strict=True):
            target[:, region.top : region.bottom] = part
    return whole


def averaged_rows(
    run: TileMaps,
    image: NDArray[Any],
    config: PredictionConfig,
    device: device,
    progress: ProgressCallback = ignore_progress,
    task: str = "predict",
) -> Iterator[tuple[Region, list[NDArray[np.float32]]]]:
    """Average as `averaged_tiles` does, and give rows away as soon as they are final, from top to bottom.

    Parameters
    ----------
    run, image, config, device, progress, task
        See `averaged_tiles`.

    Yields
    ------
    Region, list of ndarray of float32, shape (m, height, X)
        Some rows of the image, and one array a kind.
    """
    shape = (image.shape[0], image.shape[1])
    grid = TileGrid.cover(shape, config.tile_size, config.overlap)
    tops = range(0, shape[0], _ROWS)
    rows = [Block(i, Region(top, min(top + _ROWS, shape[0]), 0, shape[1])) for i, top in enumerate(tops)]
    open_ = OpenBlocks(rows, run.kinds, GridWeights(grid, shape, config.blending))
    channels = np.moveaxis(image, -1, 0)
    # The highest row that the tiles from each on begin at.
    following = [shape[0], *accumulate((y for y, _ in reversed(grid.starts)), min)][::-1]
    done = 0
    progress(Progress(task, 0, len(grid.starts)))
    for starts in batches(grid.starts, grid.shape, config.batch_size, device):
        tiles = np.stack([cut(channels, y, x, grid.shape) for y, x in starts])
        open_.add(starts, run.maps(tiles.astype(np.float32, copy=False)))
        done += len(starts)
        progress(Progress(task, done, len(grid.starts)))
        for block, averages in open_.finished(following[done]):
            yield block.region, averages


def batches(
    starts: Sequence[tuple[int, int]], shape: tuple[int, int], batch_size: int, device: device
) -> Iterator[Sequence[tuple[int, int]]]:
    """Split tiles of one shape into those of one forward pass each."""
    if device.type == "cpu":
        batch_size = min(batch_size, max(1, _PIXELS_ON_CPU // (shape[0] * shape[1])))
    for first in range(0, len(starts), batch_size):
        yield starts[first : first + batch_size]
