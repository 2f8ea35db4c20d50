"""Fixtures for all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# One thread for torch and BLAS in each of pytest-xdist's workers; set before either is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import tifffile

from napari_deepflash2 import Configuration
from napari_deepflash2.sample_data import make_cells, simulate_experts

SHARED_DATA = Path(__file__).parents[1] / ".." / "shared" / "data"


@pytest.fixture(autouse=True)
def _torch_starts_alike() -> None:
    """Let no test depend on which others its process has run before."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the repository; tests that need it are skipped without it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real images at {SHARED_DATA}: tests on them are left out")
    return SHARED_DATA.resolve()


TINY = Configuration.of(
    {
        "training": {"iterations": 2, "models": 2, "tile_size": 32, "batch_size": 2},
        "prediction": {"tile_size": 32, "test_time_augmentation": "none"},
    }
)


def write(path: Path, data: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, data)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `images`, `masks` (0/255) and `experts`, of three fields of 48 x 64 pixels."""
    root = tmp_path_factory.mktemp("folders")
    for number in range(1, 4):
        image, truth = make_cells((48, 64), n_cells=4, random_state=number)
        write(root / "images" / f"{number}.tif", image)
        write(root / "masks" / f"{number}_mask.tif", (truth > 0).astype(np.uint8) * 255)
        for expert in simulate_experts(truth, random_state=number)[:3]:
            write(root / "experts" / expert.profile.name / f"{number}.tif", expert.mask * np.uint8(255))
    return root


@pytest.fixture(scope="session")
def tiny_ensemble(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of two models, trained for two iterations on `folders`."""
    from napari_deepflash2 import train_ensemble

    out = tmp_path_factory.mktemp("trained") / "ensemble"
    train_ensemble(folders / "images", folders / "masks", out, TINY)
    return out
