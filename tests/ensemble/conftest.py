"""Small data, small settings, and one small ensemble that tests may copy and spoil."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deepflash2.ensemble import train_ensemble

Arrays = list[np.ndarray]


def blobs(n_images: int, size: int = 48, channels: int = 0, seed: int = 0) -> tuple[Arrays, Arrays]:
    """Bright discs on noise, uint16, with their masks of 0 and 1."""
    rng = np.random.default_rng(seed)
    images, masks = [], []
    for _ in range(n_images):
        y, x = np.mgrid[:size, :size]
        mask = np.zeros((size, size), bool)
        for cy, cx in rng.integers(6, size - 6, (3, 2)):
            mask |= (y - cy) ** 2 + (x - cx) ** 2 < 36
        shape = (size, size, channels) if channels else (size, size)
        signal = mask[..., None] if channels else mask
        images.append(rng.normal(100 + 60 * signal, 15, shape).clip(0).astype(np.uint16))
        masks.append(mask.astype(np.uint8))
    return images, masks


@pytest.fixture(scope="session")
def make_blobs() -> Callable[..., tuple[Arrays, Arrays]]:
    """Make images and masks."""
    return blobs


@pytest.fixture
def tiny() -> dict[str, Any]:
    """Settings of a training that takes about a second."""
    return {
        "training": {"architecture": "unet", "iterations": 4, "tile_size": 32, "batch_size": 2, "models": 2},
        "prediction": {"tile_size": 64, "test_time_augmentation": "none"},
    }


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble that has learned something; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "ensemble"
    training = {"architecture": "unet", "iterations": 30, "tile_size": 32, "models": 2}
    train_ensemble(*blobs(4), folder, {"training": training})
    return folder


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Path:
    """Copy the ensemble, under another name, for a test to spoil."""
    return Path(shutil.copytree(trained_once, tmp_path / "renamed"))
