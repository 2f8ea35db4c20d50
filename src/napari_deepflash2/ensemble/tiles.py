"""Batches of training tiles, each of them named by a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import TrainingConfig
from ..data.augmentation import augment, patch_size_for
from ..data.normalisation import FloatImage
from ..data.sampling import TilePosition, TileSampler, cut
from .targets import targets_of_labels

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
        Their classes, or `IGNORE`.
    n_classes : int
        Classes, with the background.
    config : TrainingConfig
        Size of tiles and batches, and how tiles are varied.
    device : torch.device
        Where the batches shall be.
    """

    def __init__(
        self,
        images: Sequence[FloatImage],
        labels: Sequence[NDArray[np.uint8]],
        n_classes: int,
        config: TrainingConfig,
        device: torch.device,
    ) -> None:
        self._images, self._labels, self._n_classes = images, labels, n_classes
        self._config, self._device = config, device
        self._sampler = TileSampler(labels, n_classes, config.tile_size)
        self._patch_size = patch_size_for(config.tile_size, config.augmentation)

    def batch(self, *seed: int) -> Batch:
        """Make the batch of that seed."""
        import torch

        rng = np.random.default_rng(seed)
        patches = [self._cut(position) for position in self._sampler.draw(rng, self._config.batch_size)]
        images = torch.from_numpy(np.stack([image for image, _ in patches])).to(self._device)
        maps = torch.from_numpy(np.stack([mask[None] for _, mask in patches])).to(self._device)
        settings = self._config
        tiles, labels = augment(images, maps, settings.tile_size, settings.augmentation, rng)
        return Batch(tiles, *targets_of_labels(labels[:, 0], self._n_classes))

    def image_numbers(self, *seed: int) -> list[int]:
        """Which images the batch of that seed is cut from."""
        drawn = self._sampler.draw(np.random.default_rng(seed), self._config.batch_size)
        return sorted({position.image for position in drawn})

    def _cut(self, position: TilePosition) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        half = self._patch_size // 2
        corner, shape = (position.y - half, position.x - half), (self._patch_size, self._patch_size)
        return (
            cut(self._images[position.image], *corner, shape),
            cut(self._labels[position.image], *corner, shape),
        )
