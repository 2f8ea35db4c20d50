"""Layers as arrays, copied before a job starts so that painting meanwhile changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from ..data.channels import ChosenChannels, check_choice, with_channels
from ..data.lazy_image import LazyImage, LazyPlane
from ..errors import InputError
from .grids import Grid, data_at, grid_of, levels_of

# Pixels of a plane up to which all of it is read for its mean and spread.
LARGE = 2**24


@dataclass(frozen=True)
class Snapshot:
    """What a layer held at one moment.

    Attributes
    ----------
    name : str
        Name of the layer.
    uid : str
        The layer's unique id, which outlives renaming.
    data : array
        At the level of `grid`. A copy where the layer holds numpy; a reference where it is lazy (dask, zarr).
    channels_last : bool
        Whether the last axis of `data` holds the channels of an RGB layer.
    channel_axis : int or None
        The axis of `data` that the user named as channels.
    grid : Grid
        Shape and place of the pixels, channels left out.
    full_spatial : dict
        As `Grid.spatial`, with the axis of the channels.
    overview : Snapshot or None
        The same on a coarser level, where planes are so large that it takes long to read one.
    channels : tuple of int or None
        Which of the layer's channels planes have, from 0, in this order; None for all of them.
    """

    name: str
    uid: str
    data: Any
    channels_last: bool
    channel_axis: int | None
    grid: Grid
    full_spatial: dict[str, Any]
    overview: Snapshot | None = None
    channels: tuple[int, ...] | None = None

    @property
    def n_channels(self) -> int:
        """How many channels each plane has."""
        if self.channels is not None:
            return len(self.channels)
        if self.channel_axis is not None:
            return int(self.data.shape[self.channel_axis])
        return int(self.data.shape[-1]) if self.channels_last else 1

    def planes(self) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Give each plane with its index: arrays of (Y, X), or (Y, X, C) where there are channels."""
        for index in np.ndindex(self.grid.shape[:-2]):
            yield index, self.plane(index)

    def whole(self) -> NDArray[Any]:
        """All of `data` in memory."""
        return np.asarray(self.data)

    def plane(self, index: tuple[int, ...]) -> NDArray[Any]:
        """Give one plane: (Y, X), or (Y, X, C) where there are channels."""
        view = PlaneView(self, index)
        whole, axis = (slice(None),) * len(view.axes), view.axes.find("C")
        if axis < 0:
            return view[whole]
        array = view if self.channels is None else ChosenChannels(view, axis, self.channels)
        return np.moveaxis(array[whole], axis, -1)

    def coarse_plane(self, index: tuple[int, ...]) -> LazyPlane | None:
        """Give the same plane of the overview; None where there is none."""
        if self.overview is None:
            return None
        lengths = zip(index, self.overview.grid.shape, self.grid.shape, strict=False)
        return self.overview.lazy_plane(tuple(i * coarse // fine for i, coarse, fine in lengths))

    def lazy_plane(self, index: tuple[int, ...]) -> LazyPlane:
        """Give one plane, of which parts are read when they are asked for.

        Raises
        ------
        InputError
            Where it holds anything but integers or real numbers.
        """
        name = f'layer "{self.name}"' + (f" at {index}" if index else "")
        kind = np.dtype(self.data.dtype)
        if kind.kind not in "biuf":
            raise InputError.one(name, f"holds {kind}", "Give integers or real numbers.", "bad-dtype")
        view = PlaneView(self, index)
        axes, n = view.axes, len(view.axes)
        image = LazyImage(name, view, axes, view.chunks, (1.0,) * n, ("",) * n, (0.0,) * n)
        return LazyPlane(with_channels(image, self.channels))


class PlaneView:
    """One plane of a snapshot as an array of its own, which reads what it is asked for.

    Parameters
    ----------
    image : Snapshot
        Where it is from.
    index : tuple of int
        Its place along the axes that hold neither channels nor Y and X.
    """

    def __init__(self, image: Snapshot, index: tuple[int, ...]) -> None:
        self._data = image.data
        kept = self._data.ndim - image.channels_last - 2
        axes = {kept: "Y", kept + 1: "X"}
        if image.channels_last:
            axes[kept + 2] = "C"
        if image.channel_axis is not None:
            leading = [axis for axis in range(self._data.ndim) if axis != image.channel_axis]
            axes = {leading[-2]: "Y", leading[-1]: "X", image.channel_axis: "C"}
        self._kept = sorted(axes)
        self.axes = "".join(axes[axis] for axis in self._kept)
        self._index = index
        self.dtype = np.dtype(self._data.dtype)
        self.shape = tuple(int(self._data.shape[axis]) for axis in self._kept)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the parts in which the layer holds it; its own where it is in memory."""
        chunks = getattr(self._data, "chunksize", None) or getattr(self._data, "chunks", None)
        if isinstance(self._data, np.ndarray) or not chunks:
            return self.shape
        return tuple(int(chunks[axis]) for axis in self._kept)

    def __getitem__(self, where: tuple[slice, ...]) -> NDArray[Any]:
        """Read a part, one slice an axis."""
        selection: list[Any] = list(self._index)
        for axis, part in zip(self._kept, where, strict=True):
            selection.insert(axis, part)
        return np.asarray(self._data[tuple(selection)])


def snapshot_image(
    layer: Image,
    channel_axis: int | None = None,
    level: int = 0,
    is_copied: bool = True,
    channels: tuple[int, ...] | None = None,
) -> Snapshot:
    """Copy what an Image layer holds now.

    Parameters
    ----------
    layer : napari.layers.Image
        Any image: RGB by its `rgb` flag, multiscale at the level asked for, lazy without loading.
    channel_axis : int, optional
        The axis that holds channels rather than slices; never guessed.
    level : int
        Level of a multiscale layer, 0 being full resolution.
    is_copied : bool
        Whether to copy what is in memory, so that the job does not see what is changed meanwhile.
    channels : tuple of int, optional
        Which channels to take, from 0, in this order; all of them by default.

    Raises
    ------
    InputError
        Where the layer is less than an image plane, or has no such channel axis, level or channels.
    """
    if channel_axis is not None and (layer.rgb or not 0 <= channel_axis < layer.ndim):
        raise InputError.one(
            _layer(layer),
            f"has no channel axis {channel_axis}",
            "Choose another channel axis.",
            "channel-axis",
        )
    if channels is not None:
        check_choice(_layer(layer), channels, count_channels(layer, channel_axis))
    taken = _snapshot(layer, bool(layer.rgb), channel_axis, level, is_copied)
    if taken.overview is None:
        return replace(taken, channels=channels)
    return replace(taken, channels=channels, overview=replace(taken.overview, channels=channels))


def count_channels(layer: Image, channel_axis: int | None) -> int:
    """Count the channels of an Image layer, those of its colours where it is RGB."""
    data = data_at(layer)
    if channel_axis is not None:
        return int(data.shape[channel_axis])
    return int(data.shape[-1]) if layer.rgb else 1


def snapshot_labels(layer: Labels, level: int = 0) -> Snapshot:
    """Copy what a Labels layer holds now; see `snapshot_image`."""
    return _snapshot(layer, False, None, level)


def _snapshot(
    layer: Layer, channels_last: bool, channel_axis: int | None, level: int, is_copied: bool = True
) -> Snapshot:
    left = layer.ndim - (channel_axis is not None)
    if left < 2:
        raise InputError.one(
            _layer(layer),
            f"has {left} axes without channels",
            "Choose a layer with at least Y and X.",
            "not-a-plane",
        )
    data = data_at(layer, level)
    return Snapshot(
        name=layer.name,
        uid=str(layer.unique_id),
        data=data.copy() if is_copied and isinstance(data, np.ndarray) else data,
        channels_last=channels_last,
        channel_axis=channel_axis,
        grid=grid_of(layer, channel_axis, level),
        full_spatial=grid_of(layer, level=level).spatial,
        overview=_overview(layer, channels_last, channel_axis, level),
    )


def _overview(layer: Layer, channels_last: bool, channel_axis: int | None, level: int) -> Snapshot | None:
    if prod(grid_of(layer, channel_axis, level).shape[-2:]) <= LARGE:
        return None
    for coarser in range(level + 1, levels_of(layer)):
        if prod(grid_of(layer, channel_axis, coarser).shape[-2:]) <= LARGE:
            return _snapshot(layer, channels_last, channel_axis, coarser)
    return None


def _layer(layer: Layer) -> str:
    return f'layer "{layer.name}"'
