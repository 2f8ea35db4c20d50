"""Images that are read part by part, and an ensemble that knows its quality."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_deepflash2 import train_ensemble
from napari_deepflash2.exchange import ome_zarr
from napari_deepflash2.prediction import blocks, encoder
from napari_deepflash2.sample_data import make_cells


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 32 pixels, blocks of 16 x 96, and strips of two tiles, so that a small image has many."""
    monkeypatch.setattr(ome_zarr, "CHUNK", 32)
    monkeypatch.setattr(blocks, "_ROWS", 16)
    monkeypatch.setattr(blocks, "_BYTES", 4 * 4 * 16 * 96)
    monkeypatch.setattr(encoder, "_PIXELS", 2 * 64 * 64)


@pytest.fixture(scope="session")
def cells() -> np.ndarray:
    """An image of 150 x 200 pixels."""
    return make_cells((150, 200), n_cells=20, random_state=1)[0]


@pytest.fixture(scope="session")
def judging_ensemble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of two models that knows what its images look like and what Dice to expect."""
    folder = tmp_path_factory.mktemp("judging") / "ensemble"
    drawn = [make_cells((96, 96), n_cells=10, random_state=number) for number in range(4)]
    settings = {
        "training": {"iterations": 30, "tile_size": 32, "learning_rate": 0.005, "max_splits": 2},
        "prediction": {"tile_size": 64, "test_time_augmentation": "none"},
    }
    train_ensemble([image for image, _ in drawn], [mask > 0 for _, mask in drawn], folder, settings)
    return folder


@pytest.fixture
def write_ome() -> Callable[..., Path]:
    """Write an OME-Zarr image of half-micrometre pixels that begins at 7 µm."""
    zarr = pytest.importorskip("zarr")

    def write(folder: Path, data: np.ndarray, axes: str = "yx", unit: str = "micrometer") -> Path:
        group = zarr.open_group(str(folder), mode="w", zarr_format=3)
        chunks = tuple(min(50, length) for length in data.shape)
        group.create_array("0", shape=data.shape, dtype=data.dtype, chunks=chunks)[:] = data
        transforms = [
            {"type": "scale", "scale": [0.5] * data.ndim},
            {"type": "translation", "translation": [7.0] * data.ndim},
        ]
        multiscale = {
            "axes": [{"name": axis, "type": "space", "unit": unit} for axis in axes],
            "datasets": [{"path": "0", "coordinateTransformations": transforms}],
        }
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
        return folder

    return write
