"""Fixtures for the docks: a viewer model without a window, and no trace in the real home."""

import numpy as np
import pytest
from napari.components import ViewerModel

UM = {"scale": (0.5, 0.5), "units": ("um", "um"), "axis_labels": ("y", "x")}


@pytest.fixture(autouse=True)
def _state_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture(scope="session")
def ensemble_folder(tmp_path_factory):
    """A tiny trained ensemble for images of one channel."""
    from napari_deepflash2.ensemble import train_ensemble

    folder = tmp_path_factory.mktemp("trained") / "ensemble"
    masks = [np.pad(np.ones((16, 16), np.uint8), 8) for _ in range(2)]
    rng = np.random.default_rng(0)
    settings = {"training": {"models": 2, "iterations": 3, "tile_size": 32, "batch_size": 2, "max_splits": 2}}
    train_ensemble([rng.normal(mask * 100.0, 10) for mask in masks], masks, folder, settings)
    return folder


@pytest.fixture
def annotated(viewer):
    """A viewer with an image and three experts who differ at the borders of a square."""
    truth = np.zeros((64, 64), np.uint8)
    truth[16:48, 16:48] = 1
    image = np.random.default_rng(0).normal(truth * 100.0, 10).astype(np.float32)
    viewer.add_image(image, name="cells", **UM)
    for number, margin in enumerate((0, 2, 4), 1):
        mask = np.zeros_like(truth)
        mask[16 - margin : 48 - margin, 16:48] = 1
        viewer.add_labels(mask, name=f"expert {number}", **UM)
    return viewer
