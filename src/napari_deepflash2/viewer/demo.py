"""The finished demo as layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from napari.components import ViewerModel
from numpy.typing import NDArray

from ..jobs.demo import DemoFolders
from .colours import outline_experts

_SPATIAL = {"axis_labels": ("field", "y", "x"), "units": ("pixel", "pixel", "pixel")}


def show_demo(folders: DemoFolders, viewer: ViewerModel) -> None:
    """Add the test images of a demo with experts, consensus, prediction and uncertainty, (field, y, x)."""
    names = sorted(path.name for path in folders.images("test").iterdir())

    def stack(folder: Path) -> NDArray[np.generic]:
        return np.stack([tifffile.imread(folder / name) for name in names])

    viewer.add_image(stack(folders.images("test")), name="image", colormap="gray", **_SPATIAL)
    viewer.add_image(
        stack(folders.predictions / "uncertainty"),
        name="uncertainty (0 to 1)",
        colormap="magma",
        contrast_limits=(0, 1),
        blending="additive",
        visible=False,
        **_SPATIAL,
    )
    experts = [
        viewer.add_labels(stack(folder), name=folder.name, **_SPATIAL)
        for folder in sorted(folders.experts("test").iterdir())
    ]
    outline_experts(experts)
    viewer.add_labels(stack(folders.consensus("test")), name="consensus", visible=False, **_SPATIAL)
    viewer.add_labels(stack(folders.predictions / "labels"), name="prediction", opacity=0.4, **_SPATIAL)


def open_demo(folders: DemoFolders) -> None:
    """Open napari on a finished demo and return when it is closed."""
    import napari

    viewer = napari.Viewer(title="napari-deepflash2 demo")
    show_demo(folders, viewer)
    napari.run()
