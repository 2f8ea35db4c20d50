"""What a preview network learns from: tiles with what the ensemble says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import TrainingConfig
from ..data.augmentation import augment, patch_size_for
from ..data.normalisation import FloatImage
from ..data.sampling import TileSampler
from ..prediction import Moments
from ..prediction.result import most_probable
from ..prediction.uncertainty import epistemic_uncertainty, total_uncertainty
from .tiles import patches

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class SoftTarget:
    """What an ensemble says of an image.

    Attributes
    ----------
    maps : ndarray of float16, shape (L + 1, Y, X)
        Probability of each class, then the share of the uncertainty that is epistemic, in [0, 1].
    """

    maps: NDArray[np.float16]

    @classmethod
    def of(cls, moments: Moments) -> SoftTarget:
        """Take the calibrated moments over members and views."""
        total = total_uncertainty(moments.mean)
        epistemic = epistemic_uncertainty(moments.mean, moments.mean_of_squares)
        share = np.divide(epistemic, total, out=np.zeros_like(total), where=total > 0)
        return cls(np.concatenate([moments.mean, share[None]]).astype(np.float16))

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Of each class, (L, Y, X)."""
        return self.maps[:-1].astype(np.float32)

    @property
    def epistemic(self) -> NDArray[np.float32]:
        """The part of the uncertainty that is disagreement, (Y, X)."""
        return total_uncertainty(self.probabilities) * self.maps[-1]


class SoftTiles:
    """Random, varied tiles with soft targets, each batch named by a seed, as those of `TileSource`.

    Parameters
    ----------
    images : sequence of ndarray of float32, shape (C, Y, X)
        Standardised.
    targets : sequence of SoftTarget
        What is to be learned of them.
    config : TrainingConfig
        Size of tiles and batches, and how tiles are varied.
    device : torch.device
        Where the batches shall be.
    """

    def __init__(
        self,
        images: Sequence[FloatImage],
        targets: Sequence[SoftTarget],
        config: TrainingConfig,
        device: torch.device,
    ) -> None:
        self._images, self._maps = images, [target.maps for target in targets]
        self._config, self._device = config, device
        labels = [most_probable(target.probabilities).astype(np.uint8) for target in targets]
        self._sampler = TileSampler(labels, len(self._maps[0]) - 1, config.tile_size)
        self._patch_size = patch_size_for(config.tile_size, config.augmentation)

    def batch(self, *seed: int) -> tuple[Tensor, Tensor]:
        """Make the batch of that seed: tiles (N, C, S, S) and their maps (N, L + 1, S, S), float32."""
        rng, settings = np.random.default_rng(seed), self._config
        positions = self._sampler.draw(rng, settings.batch_size)
        images, maps = (
            patches(of, positions, self._patch_size, self._device) for of in (self._images, self._maps)
        )
        return augment(images, maps, settings.tile_size, settings.augmentation, rng)
