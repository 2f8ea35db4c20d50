"""Maps over the planes of an image, or over a part of them where there is no room for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import InputError
from ..prediction.canvas import Region
from .reading import Snapshot
from .regions import Target

# In pixels of all planes: up to the first number all of an image has a place, beyond the second a part of
# it has none either.
ROOM, MOST = 2**27, 2**28


@dataclass(frozen=True)
class Frame:
    """A box of pixels of an image's grid.

    Attributes
    ----------
    low, high : tuple of int
        First pixel, and the one after the last, along each axis (..., Y, X).
    """

    low: tuple[int, ...]
    high: tuple[int, ...]

    @classmethod
    def of(cls, image: Snapshot, target: Target) -> Frame:
        """Frame all of an image where there is room for it, else what is to be predicted.

        Raises
        ------
        InputError
            Where there is no room for that either.
        """
        grid = image.grid.shape
        if prod(grid) <= ROOM:
            return cls((0,) * len(grid), grid)
        indices = np.array(target.indices, int).reshape(len(target.indices), -1)
        (top, bottom), (left, right) = target.region.spans
        frame = cls((*indices.min(0).tolist(), top, left), (*(indices.max(0) + 1).tolist(), bottom, right))
        if prod(frame.shape) > MOST:
            raise InputError.one(
                f'layer "{image.name}"',
                f"there are {prod(frame.shape) / 1e6:.0f} megapixels to predict, too many to hold in napari",
                "Predict a region or a slice, or the file with napari-deepflash2 predict, part by part.",
                "too-large-here",
            )
        return frame

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return tuple(high - low for low, high in zip(self.low, self.high, strict=True))

    def union(self, other: Frame) -> Frame:
        """Frame both."""
        return Frame(tuple(map(min, self.low, other.low)), tuple(map(max, self.high, other.high)))

    def where(self, index: tuple[int, ...], region: Region) -> tuple[int | slice, ...]:
        """Index maps of this frame with a region of a plane."""
        *leading, top, left = self.low
        at = [i - low for i, low in zip(index, leading, strict=True)]
        rows = slice(region.top - top, region.bottom - top)
        return (*at, rows, slice(region.left - left, region.right - left))

    def within(self, outer: Frame) -> tuple[slice, ...]:
        """Index maps of a larger frame with this one."""
        return tuple(
            slice(low - first, high - first)
            for low, high, first in zip(self.low, self.high, outer.low, strict=True)
        )


class Maps:
    """Arrays that layers show, on the axes of the image's layer.

    Parameters
    ----------
    image : Snapshot
        What they are maps of.
    frame : Frame
        The pixels that they have.
    arrays : mapping of str to array
        By role.
    """

    def __init__(self, image: Snapshot, frame: Frame, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.image, self.frame, self.arrays = image, frame, dict(arrays)
        axis = image.channel_axis
        # napari aligns last axes: a leading channel axis is left out, one further in is kept.
        self._axis = None if axis is None or axis == 0 else axis

    def add(self, role: str, dtype: DTypeLike) -> None:
        """Make a map of which nothing is known: 0 in whole numbers, NaN in real ones."""
        shape = list(self.frame.shape)
        if self._axis is not None:
            shape.insert(self._axis, self.image.data.shape[self._axis])
        unknown = np.nan if np.dtype(dtype).kind == "f" else 0
        # Zeros take no memory until they are written on.
        self.arrays[role] = np.full(shape, unknown, dtype) if unknown else np.zeros(shape, dtype)

    def on_grid(self, role: str) -> NDArray[Any]:
        """Give a map on the axes of the grid, as a view: the channels left out."""
        array = self.arrays[role]
        return array if self._axis is None else np.moveaxis(array, self._axis, 0)[0]

    def write(
        self,
        role: str,
        index: tuple[int, ...],
        region: Region,
        values: NDArray[Any],
        known: NDArray[np.bool_] | bool = True,
    ) -> None:
        """Write a region of a plane, where it is known; along all channels where the layer has them."""
        where: list[Any] = list(self.frame.where(index, region))
        if self._axis is not None:
            where.insert(self._axis, slice(None))
        np.copyto(self.arrays[role][tuple(where)], values, where=known)

    def copy_from(self, other: Maps) -> None:
        """Take over all roles of maps of a smaller frame."""
        where: list[Any] = list(other.frame.within(self.frame))
        if self._axis is not None:
            where.insert(self._axis, slice(None))
        for role, array in other.arrays.items():
            self.add(role, array.dtype)
            self.arrays[role][tuple(where)] = array

    @property
    def spatial(self) -> dict[str, Any]:
        """Keyword arguments that lay them over the layer; see `grids.spatial_kwargs`."""
        spatial, low = self.image.grid.spatial, list(self.frame.low)
        if self._axis is not None:
            spatial = self.image.full_spatial
            low.insert(self._axis, 0)
        shift = spatial["rotate"] @ spatial["shear"] @ (np.array(spatial["scale"]) * low)
        return spatial | {"translate": tuple((np.array(spatial["translate"]) + shift).tolist())}
