"""Random variation of training tiles: one geometric pass and one of intensities, on whole batches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import AugmentationConfig
from .equalisation import equalise

if TYPE_CHECKING:
    from torch import Tensor

# Cells of the distorted grid along each side of a tile.
_CELLS = 5


def patch_size_for(tile_size: int, config: AugmentationConfig) -> int:
    """Side of the patch that has to be cut so that a turned, shrunk and bent tile lies in it, in pixels."""
    angle = math.radians(min(config.rotation / 2, 45))
    distortion = 1 + 2 * config.grid_distortion / _CELLS
    reach = (math.cos(angle) + math.sin(angle)) * distortion / (1 - config.zoom)
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
        Side S of the tiles to make, in pixels; a multiple of 8.
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
    from torch.nn.functional import grid_sample

    grid = _sampling_grid(images, tile_size, config, rng)
    tiles = grid_sample(images, grid, "bilinear", "border", align_corners=False)
    moved = grid_sample(maps.float(), grid, "nearest", "border", align_corners=False)
    return _vary_intensities(tiles, config, rng), moved.to(maps.dtype)


def _sampling_grid(
    images: Tensor, tile_size: int, config: AugmentationConfig, rng: np.random.Generator
) -> Tensor:
    """Where in its patch each pixel of a tile lies: shape (N, S, S, 2), as (x, y) from -1 to 1."""
    import torch

    n, patch_size = len(images), images.shape[-1]
    transforms = _transforms(n, tile_size / patch_size, config, rng)
    axis = torch.arange(1 - tile_size, tile_size, 2, device=images.device) / tile_size
    along_x, along_y = torch.from_numpy(transforms).to(images.device)[..., None, None].unbind(2)
    places = along_x * axis + along_y * axis[:, None]
    if config.grid_distortion:
        nodes = torch.from_numpy(transforms @ _distortions(n, config, rng)).to(images.device)
        splines = torch.from_numpy(_splines(tile_size)).to(images.device)
        places += splines @ nodes.view(n, 2, _CELLS + 3, _CELLS + 3) @ splines.T
    return places.permute(0, 2, 3, 1)


def _transforms(
    n: int, scale: float, config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """From (x, y) in the tile to (x, y) in its patch: shape (N, 2, 2)."""
    angle = np.radians(rng.uniform(-config.rotation / 2, config.rotation / 2, n))
    flip_y, flip_x = np.where(config.flip & rng.integers(0, 2, (2, n)).astype(bool), -1.0, 1.0)
    size = scale / rng.uniform(1 - config.zoom, 1 + config.zoom, n)
    theta = np.array(
        [
            [np.cos(angle) * flip_x, -np.sin(angle) * flip_y],
            [np.sin(angle) * flip_x, np.cos(angle) * flip_y],
        ]
    )
    return np.moveaxis(size * theta, -1, 0).astype(np.float32)


def _distortions(n: int, config: AugmentationConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """How far the nodes of the grid move in x and y, none in half of the tiles: shape (N, 2, nodes)."""
    reach = 2 * config.grid_distortion / _CELLS
    nodes = rng.uniform(-reach, reach, (n, 2, (_CELLS + 3) ** 2))
    return (nodes * rng.integers(0, 2, (n, 1, 1))).astype(np.float32)


def _splines(tile_size: int) -> NDArray[np.float32]:
    """Weight of each node at each pixel along one axis, by cubic B-splines: shape (S, nodes)."""
    position = (np.arange(tile_size) + 0.5) * _CELLS / tile_size
    distance = np.abs(position[:, None] - np.arange(-1, _CELLS + 2))
    near = 2 / 3 - distance**2 * (1 - distance / 2)
    far = np.maximum(2 - distance, 0) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def _vary_intensities(tiles: Tensor, config: AugmentationConfig, rng: np.random.Generator) -> Tensor:
    """Equalisation, gamma, contrast and brightness; overwrites the tiles."""
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
    tiles.sub_(low).div_(span).clamp_(0, 1)
    if config.clahe:
        _equalise_some(tiles, config, rng)
    tiles.pow_(gamma)
    # Contrast leaves the mean where it is: both steps, and the way back to the range, are one line.
    slope = span * contrast
    offset = low + (span - slope) * tiles.mean((2, 3), keepdim=True) + brightness
    return tiles.mul_(slope).add_(offset)


def _equalise_some(tiles: Tensor, config: AugmentationConfig, rng: np.random.Generator) -> None:
    import torch

    chosen = torch.from_numpy(np.flatnonzero(rng.integers(0, 2, len(tiles)))).to(tiles.device)
    limits = rng.uniform(0, config.clahe, (len(tiles), tiles.shape[1])).astype(np.float32)
    some = tiles[chosen]
    equal = equalise(some.flatten(0, 1), torch.from_numpy(limits).to(tiles.device)[chosen].flatten())
    tiles[chosen] = equal.view_as(some)
