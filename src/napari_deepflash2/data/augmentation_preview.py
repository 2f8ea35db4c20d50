"""What augmented tiles of one image look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .augmentation import augment, patch_size_for
from .ignored import IGNORE
from .normalisation import FloatImage
from .sampling import TileSampler, cut

if TYPE_CHECKING:
    from ..config import TrainingConfig


def preview_tiles(
    image: FloatImage, labels: NDArray[np.uint8], config: TrainingConfig, n: int = 9, random_state: int = 0
) -> tuple[FloatImage, NDArray[np.uint8]]:
    """Draw tiles of an image with its mask as a training would, and vary them.

    Parameters
    ----------
    image : ndarray of float32, shape (Y, X, C)
        Finite intensities.
    labels : ndarray of uint8, shape (Y, X)
        Class of each pixel, or `IGNORE`; at least one pixel was judged.
    config : TrainingConfig
        Size of the tiles, and how they are varied.
    n : int
        How many tiles to draw.
    random_state : int
        The same number draws the same tiles.

    Returns
    -------
    images : ndarray of float32, shape (n, S, S, C)
        In the units of the image, so that the same contrast limits suit both.
    labels : ndarray of uint8, shape (n, S, S)
    """
    import torch

    rng = np.random.default_rng(random_state)
    mean, std = image.mean((0, 1), np.float64), image.std((0, 1), np.float64)
    std[std == 0] = 1
    standardised = np.moveaxis((image - mean) / std, -1, 0).astype(np.float32)
    size, patch_size = config.tile_size, patch_size_for(config.tile_size, config.augmentation)
    n_classes = int(labels[labels != IGNORE].max()) + 1
    half, shape = patch_size // 2, (patch_size, patch_size)
    corners = [(at.y - half, at.x - half) for at in TileSampler([labels], n_classes, size).draw(rng, n)]
    tiles, maps = augment(
        torch.from_numpy(np.stack([cut(standardised, y, x, shape) for y, x in corners])),
        torch.from_numpy(np.stack([cut(labels[None], y, x, shape) for y, x in corners])),
        size,
        config.augmentation,
        rng,
    )
    images = tiles.permute(0, 2, 3, 1).numpy() * std + mean
    return images.astype(np.float32), maps[:, 0].numpy()
