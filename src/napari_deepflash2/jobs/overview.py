"""One picture that shows image, experts, consensus, prediction and uncertainty side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..files import written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .demo import DemoFolders

TITLES = ("image", "experts who say foreground", "consensus", "prediction", "uncertainty (0 to 1)")


def draw_overview(folders: DemoFolders, path: Path) -> None:
    """Draw one row per test image of a finished demo and write it as PNG."""
    from matplotlib.figure import Figure

    names = [image.stem for image in sorted(folders.images("test").iterdir())]
    height, width = tifffile.imread(folders.images("test") / f"{names[0]}.tif").shape
    row_height = 4 * height / width + 0.3
    figure = Figure(figsize=(4.2 * len(TITLES), row_height * len(names) + 0.3), layout="constrained")
    grid = figure.subplots(len(names), len(TITLES), squeeze=False)
    for name, row in zip(names, grid, strict=True):
        _draw_row(name, folders, row)
    for axes, title in zip(grid[0], TITLES, strict=True):
        axes.set_title(title)
    for mappable, axes in ((grid[0, 1].images[0], grid[:, 1]), (grid[0, 4].images[0], grid[:, 4])):
        figure.colorbar(mappable, ax=list(axes), shrink=0.8)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=100)


def _draw_row(name: str, folders: DemoFolders, row: NDArray[Any]) -> None:
    image = tifffile.imread(folders.images("test") / f"{name}.tif")
    experts = sorted(folders.experts("test").iterdir())
    votes = np.sum([tifffile.imread(expert / f"{name}.tif") > 0 for expert in experts], axis=0)
    consensus = tifffile.imread(folders.consensus("test") / f"{name}.tif") > 0
    labels = tifffile.imread(folders.predictions / "labels" / f"{name}.tif") > 0
    uncertainty = tifffile.imread(folders.predictions / "uncertainty" / f"{name}.tif")
    row[0].imshow(image, cmap="gray", vmax=np.percentile(image, 99.5))
    row[1].imshow(votes, cmap="viridis", vmin=0, vmax=len(experts))
    row[2].imshow(consensus, cmap="gray")
    row[3].imshow(labels, cmap="gray")
    row[4].imshow(uncertainty, cmap="magma", vmin=0, vmax=1)
    row[0].set_ylabel(name)
    for axes in row:
        _without_ticks(axes)


def _without_ticks(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
