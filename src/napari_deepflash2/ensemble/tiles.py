"""Batches of training tiles, each of them named by a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import TrainingConfig
from ..data.augmentation import augment, patch_size_for
from ..data.normalisation import FloatImage
from ..data.sampling import TilePosition, TileSampler, cut

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class TileSource:
    """Random, varied tiles of the training images.

    Which tiles a batch holds follows from the seed and the number of the batch alone: there is no state
    that a resumed training would have to restore.

    Parameters
    ----------
    images : sequence of ndarray of float32, shape (C, Y, X)
        Standardised training images.
    labels : sequence of ndarray of uint8, shape (Y, X)
        Their classes.
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
        self._images, self._labels = images, labels
        self._config, self._device = config, device
        self._sampler = TileSampler(labels, n_classes, config.tile_size)
        self._patch_size = patch_size_for(config.tile_size, config.augmentation)

    def batch(self, *seed: int) -> tuple[Tensor, Tensor]:
        """Make the batch of that seed: images (N, C, S, S) float32 and classes (N, S, S) int64."""
        import torch

        rng = np.random.default_rng(seed)
        patches = [self._cut(position) for position in self._sampler.draw(rng, self._config.batch_size)]
        images = torch.from_numpy(np.stack([image for image, _ in patches])).to(self._device)
        maps = torch.from_numpy(np.stack([mask[None] for _, mask in patches])).to(self._device)
        settings = self._config
        tiles, classes = augment(images, maps, settings.tile_size, settings.augmentation, rng)
        return tiles, classes[:, 0].long()

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
