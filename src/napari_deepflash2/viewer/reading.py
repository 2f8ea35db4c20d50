"""Layers as arrays, copied before a job starts so that painting meanwhile changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from ..errors import InputError
from .grids import Grid, data_at, grid_of


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
    """

    name: str
    uid: str
    data: Any
    channels_last: bool
    channel_axis: int | None
    grid: Grid
    full_spatial: dict[str, Any]

    def planes(self) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
        """Give each plane with its index: arrays of (Y, X), or (Y, X, C) where there are channels."""
        for index in np.ndindex(self.grid.shape[:-2]):
            yield index, self.plane(index)

    def whole(self) -> NDArray[Any]:
        """All of `data` in memory."""
        return np.asarray(self.data)

    def laid_over(self, result: NDArray[Any]) -> tuple[NDArray[Any], dict[str, Any]]:
        """Fit a result on `grid` to the layer, so that the viewer gets no new slider.

        Parameters
        ----------
        result : array
            Shape of `grid`.

        Returns
        -------
        array, dict
            The array and its spatial keyword arguments. A leading channel axis is left out, as napari
            aligns last axes; a channel axis further in is kept, and the result repeated along it.
        """
        if self.channel_axis is None or self.channel_axis == 0:
            return result, self.grid.spatial
        axis = self.channel_axis
        return np.repeat(np.expand_dims(result, axis), self.data.shape[axis], axis), self.full_spatial

    def plane(self, index: tuple[int, ...]) -> NDArray[Any]:
        """Give one plane: (Y, X), or (Y, X, C) where there are channels."""
        if self.channel_axis is None:
            return np.asarray(self.data[index])
        axis = self.channel_axis
        selection: list[Any] = [*index, slice(None), slice(None)]
        selection.insert(axis, slice(None))
        among_kept = sum(isinstance(item, slice) for item in selection[:axis])
        return np.moveaxis(np.asarray(self.data[tuple(selection)]), among_kept, -1)


def snapshot_image(layer: Image, channel_axis: int | None = None, level: int = 0) -> Snapshot:
    """Copy what an Image layer holds now.

    Parameters
    ----------
    layer : napari.layers.Image
        Any image: RGB by its `rgb` flag, multiscale at the level asked for, lazy without loading.
    channel_axis : int, optional
        The axis that holds channels rather than slices; never guessed.
    level : int
        Level of a multiscale layer, 0 being full resolution.

    Raises
    ------
    InputError
        Where the layer is less than an image plane, or has no such channel axis or level.
    """
    if channel_axis is not None and (layer.rgb or not 0 <= channel_axis < layer.ndim):
        raise InputError.one(
            _layer(layer),
            f"has no channel axis {channel_axis}",
            "Choose another channel axis.",
            "channel-axis",
        )
    return _snapshot(layer, bool(layer.rgb), channel_axis, level)


def snapshot_labels(layer: Labels, level: int = 0) -> Snapshot:
    """Copy what a Labels layer holds now; see `snapshot_image`."""
    return _snapshot(layer, False, None, level)


def _snapshot(layer: Layer, channels_last: bool, channel_axis: int | None, level: int) -> Snapshot:
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
        data=data.copy() if isinstance(data, np.ndarray) else data,
        channels_last=channels_last,
        channel_axis=channel_axis,
        grid=grid_of(layer, channel_axis, level),
        full_spatial=grid_of(layer, level=level).spatial,
    )


def _layer(layer: Layer) -> str:
    return f'layer "{layer.name}"'
