"""Batches of training tiles, each of them named by a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import TrainingConfig
from ..data.augmentation import augment, patch_size_for
from ..data.normalisation import FloatImage
from ..data.sampling import TilePosition, TileSampler, cut
from .device import on_device
from .targets import TargetMap, look_up

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Tiles to learn from.

    Attributes
    ----------
    images : Tensor of float32, shape (N, C, S, S)
        Standardised and varied.
    targets : Tensor of float32, shape (N, L, S, S)
        Probability of each class.
    weights : Tensor of float32, shape (N, S, S)
        How much each pixel counts; 0 where it is ignored.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor


class TileSource:
    """Random, varied tiles of the training images.

    Which tiles a batch holds follows from the seed and the number of the batch alone: there is no state
    that a resumed training would have to restore.

    Parameters
    ----------
    images : sequence of ndarray of float32, shape (C, Y, X)
        Standardised training images.
    labels : sequence of ndarray of uint8, shape (Y, X)
        Their classes, or `IGNORE`: where tiles are drawn from.
    targets : sequence of TargetMap
        What their pixels teach.
    config : TrainingConfig
        Size of tiles and batches, and how tiles are varied.
    device : torch.device
        Where the batches shall be.
    """

    def __init__(
        self,
        images: Sequence[FloatImage],
        labels: Sequence[NDArray[np.uint8]],
        targets: Sequence[TargetMap],
        config: TrainingConfig,
        device: torch.device,
    ) -> None:
        self._images, self._targets = images, targets
        self._codes = [target.codes[None] for target in targets]
        self._config, self._device = config, device
        self._sampler = TileSampler(labels, targets[0].n_classes, config.tile_size)
        self._patch_size = patch_size_for(config.tile_size, config.augmentation)

    def batch(self, *seed: int) -> Batch:
        """Make the batch of that seed."""
        rng, settings = np.random.default_rng(seed), self._config
        positions = self._sampler.draw(rng, settings.batch_size)
        tables = [self._targets[position.image].draw(rng) for position in positions]
        images, codes = (self._patches(maps, positions) for maps in (self._images, self._codes))
        tiles, codes = augment(images, codes, settings.tile_size, settings.augmentation, rng)
        return Batch(tiles, *look_up(codes[:, 0], tables))

    def image_numbers(self, *seed: int) -> list[int]:
        """Which images the batch of that seed is cut from."""
        drawn = self._sampler.draw(np.random.default_rng(seed), self._config.batch_size)
        return sorted({position.image for position in drawn})

    def _patches(self, maps: Sequence[NDArray[Any]], positions: Sequence[TilePosition]) -> Tensor:
        return patches(maps, positions, self._patch_size, self._device)


def patches(
    maps: Sequence[NDArray[Any]], positions: Sequence[TilePosition], size: int, device: torch.device
) -> Tensor:
    """Cut squares around positions out of maps (K, Y, X): float32 (N, K, size, size) on a device."""
    found = [cut(maps[at.image], at.y - size // 2, at.x - size // 2, (size, size)) for at in positions]
    return on_device(np.stack(found).astype(np.float32, copy=False), device)
