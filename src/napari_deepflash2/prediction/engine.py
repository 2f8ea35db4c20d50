"""Running an ensemble's networks over an image, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.normalisation import FloatImage, Normalisation
from ..data.sampling import cut
from ..errors import InputError
from ..progress import Progress, ProgressCallback, ignore_progress
from .tiling import TileGrid, tile_weights

if TYPE_CHECKING:
    from torch import Tensor, device, nn

Flips = tuple[int, ...]
_VIEWS: dict[str, tuple[Flips, ...]] = {"none": ((),), "flips": ((), (-2,), (-1,), (-2, -1))}


@dataclass(frozen=True)
class Predictor:
    """One trained network with what it needs to see an image.

    Attributes
    ----------
    name : str
        What the user calls it: its file.
    network : torch.nn.Module
        Maps (N, C, Y, X) to logits (N, L, Y, X); in evaluation mode, on the device to use.
    normalisation : Normalisation
        How its images are standardised.
    """

    name: str
    network: nn.Module
    normalisation: Normalisation


@dataclass(frozen=True)
class Moments:
    """Probabilities over members, views and tiles, as their mean and the mean of their squares.

    Attributes
    ----------
    mean, mean_of_squares : ndarray of float32, shape (L, Y, X)
        In [0, 1]; `mean` sums to 1 over L.
    """

    mean: NDArray[np.float32]
    mean_of_squares: NDArray[np.float32]


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

    Two sums are kept whatever the number of members, so memory does not grow with the ensemble.

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
    import torch

    grid = TileGrid.cover((image.shape[0], image.shape[1]), config.tile_size, config.overlap)
    inputs = {p.normalisation: p.normalisation.apply(image) for p in predictors}
    canvas = _Canvas(n_classes, image.shape[:2], grid.shape)
    views = _VIEWS[config.test_time_augmentation]
    done = 0
    progress(Progress(task, 0, len(grid.starts)))
    for starts in _batches(grid.starts, config.batch_size):
        tiles = {key: _stack(values, starts, grid.shape, device) for key, values in inputs.items()}
        with torch.inference_mode():
            first, second = _sum_over_views(predictors, tiles, views)
        n_passes = len(predictors) * len(views)
        canvas.add(starts, (first / n_passes).cpu().numpy(), (second / n_passes).cpu().numpy())
        done += len(starts)
        progress(Progress(task, done, len(grid.starts)))
    return canvas.moments()


class _Canvas:
    """Weighted sums of tiles over the whole image."""

    def __init__(self, n_classes: int, shape: tuple[int, ...], tile_shape: tuple[int, int]) -> None:
        self._first = np.zeros((n_classes, *shape), dtype=np.float32)
        self._second = np.zeros_like(self._first)
        self._weight = np.zeros(shape, dtype=np.float32)
        self._tile_weights = tile_weights(tile_shape)

    def add(
        self,
        starts: Sequence[tuple[int, int]],
        first: NDArray[np.float32],
        second: NDArray[np.float32],
    ) -> None:
        height, width = self._weight.shape
        for (y, x), p, p2 in zip(starts, first, second, strict=True):
            weights = self._tile_weights[: height - y, : width - x]
            rows, columns = weights.shape
            window = np.s_[y : y + rows, x : x + columns]
            self._first[(slice(None), *window)] += weights * p[:, :rows, :columns]
            self._second[(slice(None), *window)] += weights * p2[:, :rows, :columns]
            self._weight[window] += weights

    def moments(self) -> Moments:
        self._first /= self._weight
        self._second /= self._weight
        # Float32 sums leave the mean's total some 1e-7 beside 1.
        total = self._first.sum(0)
        self._first /= total
        self._second /= total
        return Moments(self._first, self._second)


def _sum_over_views(
    predictors: Sequence[Predictor], tiles: dict[Normalisation, Tensor], views: Sequence[Flips]
) -> tuple[Tensor, Tensor]:
    import torch

    first = second = torch.zeros(())
    for predictor in predictors:
        for flips in views:
            logits = predictor.network(tiles[predictor.normalisation].flip(flips))
            p = logits.float().softmax(1).flip(flips)
            if not torch.isfinite(p).all():
                raise _not_finite(predictor.name)
            first, second = p + first.to(p), p * p + second.to(p)
    return first, second


def _stack(
    values: FloatImage, starts: Sequence[tuple[int, int]], shape: tuple[int, int], device: device
) -> Tensor:
    import torch

    return torch.from_numpy(np.stack([cut(values, y, x, shape) for y, x in starts])).to(device)


def _batches(starts: Sequence[tuple[int, int]], batch_size: int) -> Iterator[Sequence[tuple[int, int]]]:
    for first in range(0, len(starts), batch_size):
        yield starts[first : first + batch_size]


def _not_finite(name: str) -> InputError:
    return InputError.one(
        name,
        "gives probabilities that are no finite numbers",
        "Train this member again; its weights are of no use.",
        "member-not-finite",
    )
