"""The maps of one image as OME-Zarr, written block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.lazy_image import LazyImage
from ..exchange import ome_zarr
from ..exchange.ome_zarr import Grid, OmeZarr
from .maps import PROBABILITIES

if TYPE_CHECKING:
    from ..prediction.canvas import Region

# Chunks side by side that are painted at once.
_CHUNKS = 16


class BlockMaps:
    """What is written of an image, one folder a kind of map.

    Parameters
    ----------
    folder : path
        Where the folders are made.
    image : LazyImage
        What they lie over.
    shape : (int, int)
        Height and width of the prediction.
    kinds : sequence of str
        Attributes of `Prediction`.
    classes : sequence of int
        Of the labels, the background first.
    """

    def __init__(
        self,
        folder: Path,
        image: LazyImage,
        shape: tuple[int, int],
        kinds: Sequence[str],
        classes: Sequence[int],
    ) -> None:
        self._folder, self._leading, self._classes = folder, image.leading, tuple(classes)
        self.kinds = tuple(kinds)
        self._grids = {kind: grid_of(image, shape, self._n_channels(kind)) for kind in kinds}

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self._grids[self.kinds[0]].shape[-2:]
        return height, width

    def create(self) -> None:
        """Make the folders."""
        for kind, grid in self._grids.items():
            self._array(kind).create(grid, self._dtype(kind))

    def go_on(self) -> None:
        """Make ready what an earlier run left."""
        for kind in self.kinds:
            self._array(kind).sweep()

    def write(
        self, plane: tuple[int, ...], region: Region, blocks: Sequence[Mapping[str, NDArray[Any] | None]]
    ) -> None:
        """Write what blocks hold of each kind; they lie one below the other and make up `region`."""
        for kind in self.kinds:
            parts = [found for one in blocks if (found := one[kind]) is not None]
            if parts:
                self.write_map(kind, plane, region, np.concatenate(parts, axis=-2))

    def write_map(self, kind: str, plane: tuple[int, ...], region: Region, values: NDArray[Any]) -> None:
        """Write a part of one map, (height, width), or (L, height, width) of probabilities."""
        array, axes = self._array(kind), self._grids[kind].axes[:-2]
        rows, columns = slice(region.top, region.bottom), slice(region.left, region.right)
        at = dict(zip(self._leading, plane, strict=True))
        for channel, part in enumerate(values if "C" in axes else values[np.newaxis]):
            index = tuple((at | {"C": channel})[axis] for axis in axes)
            array.write(index, rows, columns, part)

    def regions(self) -> list[Region]:
        """Cut the image into parts of whole chunks that are painted one by one."""
        from ..prediction.canvas import Region

        (height, width), step = self.shape, ome_zarr.CHUNK
        return [
            Region(top, min(top + step, height), left, min(left + _CHUNKS * step, width))
            for top in range(0, height, step)
            for left in range(0, width, _CHUNKS * step)
        ]

    def finish(self, kind: str, name: str, about: Mapping[str, Any]) -> None:
        """Make the pyramid of a kind, and say what it is."""
        what: Literal["labels", "image"] = "labels" if kind == "labels" else "image"
        more = {"classes": self._classes} if kind in ("labels", PROBABILITIES) else {}
        self._array(kind).finish(self._grids[kind], name, what, {**about, **more})

    def path(self, kind: str) -> Path:
        """Where a kind is."""
        return self._folder / f"{kind}.zarr"

    def _array(self, kind: str) -> OmeZarr:
        return OmeZarr(self.path(kind))

    def _n_channels(self, kind: str) -> int | None:
        return len(self._classes) if kind == PROBABILITIES else None

    def _dtype(self, kind: str) -> np.dtype[Any]:
        return np.min_scalar_type(max(self._classes)) if kind == "labels" else np.dtype(np.float32)


def grid_of(image: LazyImage, shape: tuple[int, int], channels: int | None = None) -> Grid:
    """Lay a map over an image, in an order of axes that OME-Zarr allows.

    Parameters
    ----------
    image : LazyImage
        The image.
    shape : (int, int)
        Height and width of the map.
    channels : int, optional
        Channels of the map; without it, the map has no such axis.
    """
    axes = "".join(axis for axis in "TZYX" if axis in image.axes)
    lengths = {axis: image.length(axis) for axis in axes} | dict(zip("YX", shape, strict=True))
    at = [image.axes.index(axis) for axis in axes]
    # Where pixels grow or shrink, the middle of the first one moves.
    factors = [image.length(axis) / lengths[axis] for axis in axes]
    steps = [image.steps[i] * factor for i, factor in zip(at, factors, strict=True)]
    origin = [
        image.origin[i] + image.steps[i] * (factor - 1) / 2 for i, factor in zip(at, factors, strict=True)
    ]
    units = [image.units[i] for i in at]
    if channels is not None:
        place = axes.startswith("T")
        axes = f"{axes[:place]}C{axes[place:]}"
        lengths["C"] = channels
        for values, value in ((steps, 1.0), (origin, 0.0)):
            values.insert(place, value)
        units.insert(place, "")
    return Grid(axes, tuple(lengths[axis] for axis in axes), tuple(steps), tuple(units), tuple(origin))
