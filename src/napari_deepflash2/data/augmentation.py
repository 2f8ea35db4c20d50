"""Random variation of training tiles: one geometric pass and one of intensities, on whole batches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import AugmentationConfig

if TYPE_CHECKING:
    from torch import Tensor


def patch_size_for(tile_size: int, config: AugmentationConfig) -> int:
    """Side of the patch that has to be cut so that a turned and shrunk tile lies inside it, in pixels."""
    angle = math.radians(min(config.rotation / 2, 45))
    reach = (math.cos(angle) + math.sin(angle)) / (1 - config.zoom)
    return tile_size + 2 * math.ceil(tile_size * (reach - 1) / 2)


def augment(
    images: Tensor, maps: Tensor, tile_size: int, config: AugmentationConfig, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Vary a batch at random.

    Parameters
    ----------
    images : Tensor of float32, shape (N, C, P, P)
        Standardised patches, P from `patch_size_for`.
    maps : Tensor of uint8 or float32, shape (N, K, P, P)
        What is known of each pixel: classes, probabilities, weights.
    tile_size : int
        Side S of the tiles to make, in pixels.
    config : AugmentationConfig
        What is varied, and how far.
    rng : numpy.random.Generator
        Gives the same tiles in the same state, on every device.

    Returns
    -------
    images : Tensor of float32, shape (N, C, S, S)
        Interpolated linearly.
    maps : Tensor, shape (N, K, S, S)
        Nearest neighbour, in the type they came in: no value appears that was not there.
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    n, channels, patch_size = images.shape[:3]
    theta = torch.from_numpy(_transforms(n, tile_size / patch_size, config, rng)).to(images.device)
    grid = affine_grid(theta, [n, channels, tile_size, tile_size], align_corners=False)
    tiles = grid_sample(images, grid, "bilinear", "reflection", align_corners=False)
    moved = grid_sample(maps.float(), grid, "nearest", "reflection", align_corners=False)
    return _vary_intensities(tiles, config, rng), moved.to(maps.dtype)


def _transforms(
    n: int, scale: float, config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    angle = np.radians(rng.uniform(-config.rotation / 2, config.rotation / 2, n))
    flip_y, flip_x = np.where(config.flip & rng.integers(0, 2, (2, n)).astype(bool), -1.0, 1.0)
    size = scale / rng.uniform(1 - config.zoom, 1 + config.zoom, n)
    theta = np.zeros((n, 2, 3), dtype=np.float32)
    theta[:, 0, 0], theta[:, 0, 1] = size * np.cos(angle) * flip_x, -size * np.sin(angle) * flip_y
    theta[:, 1, 0], theta[:, 1, 1] = size * np.sin(angle) * flip_x, size * np.cos(angle) * flip_y
    return theta


def _vary_intensities(tiles: Tensor, config: AugmentationConfig, rng: np.random.Generator) -> Tensor:
    import torch

    def drawn(low: float, high: float) -> Tensor:
        values = rng.uniform(low, high, (len(tiles), tiles.shape[1], 1, 1)).astype(np.float32)
        return torch.from_numpy(values).to(tiles.device)

    gamma = drawn(*config.gamma)
    contrast = drawn(1 - config.contrast, 1 + config.contrast)
    brightness = drawn(-config.brightness, config.brightness)
    # Gamma needs values from 0 to 1; each tile's own range makes it independent of the data type.
    low, high = tiles.amin((2, 3), keepdim=True), tiles.amax((2, 3), keepdim=True)
    span = (high - low).clamp_min(1e-6)
    tiles = ((tiles - low) / span).clamp(0, 1) ** gamma * span + low
    mean = tiles.mean((2, 3), keepdim=True)
    return (tiles - mean) * contrast + mean + brightness
