"""Which part of an image is to be predicted: what is visible, a slice, around a shape, or all of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil, floor
from typing import Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Shapes
from numpy.typing import NDArray

from ..errors import InputError
from ..prediction.canvas import Region
from .grids import data_at
from .reading import Snapshot

RegionKind = Literal["all planes", "current slice", "visible region", "shape"]
KINDS: tuple[RegionKind, ...] = ("all planes", "current slice", "visible region", "shape")


@dataclass(frozen=True)
class Target:
    """What part of an image is to be predicted, in pixels of the level that is predicted.

    Attributes
    ----------
    kind : RegionKind
        What the user chose.
    indices : tuple of tuple of int
        Places of the planes along the axes before Y and X.
    region : Region
        Part of each plane.
    centre : (float, float)
        Row and column that are predicted first.
    """

    kind: RegionKind
    indices: tuple[tuple[int, ...], ...]
    region: Region
    centre: tuple[float, float]


def find_target(
    viewer: ViewerModel, kind: RegionKind, layer: Image, image: Snapshot, shapes: Shapes | None = None
) -> Target:
    """Find out what a choice means now.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Its sliders and its camera tell what is current and visible.
    kind : RegionKind
        The choice.
    layer : napari.layers.Image
        What is predicted.
    image : Snapshot
        The same, at the level and with the channels that were chosen.
    shapes : napari.layers.Shapes, optional
        The rectangle around its selected shapes, or around all on this slice, is the region of a shape.

    Raises
    ------
    InputError
        Where there is nothing of the image: beside the view, beside the sliders, or no shape.
    """
    place = _Place(viewer, layer, image)
    height, width = image.grid.shape[-2:]
    whole = Region(0, height, 0, width)
    if kind == "all planes":
        indices = tuple(np.ndindex(image.grid.shape[:-2]))
        return Target(kind, _current_first(indices, place), whole, whole.middle)
    if kind == "current slice":
        return Target(kind, (place.index(),), whole, whole.middle)
    corners = place.of_view() if kind == "visible region" else place.of_shapes(shapes)
    region = _around(corners, whole)
    if region is None:
        what = "in view" if kind == "visible region" else "within the shape"
        raise place.refusal(f"has no part {what}", "Move there, or choose another region.", "nothing-there")
    return Target(kind, (place.index(),), region, region.middle)


class _Place:
    """A layer as it lies in the viewer now."""

    def __init__(self, viewer: ViewerModel, layer: Image, image: Snapshot) -> None:
        self._viewer, self._layer, self._image = viewer, layer, image
        full = [int(length) for length in data_at(layer).shape[: layer.ndim]]
        level = [int(length) for length in image.data.shape[: layer.ndim]]
        self._factors = np.array(level) / np.array(full)
        self._shape = np.array(level)

    def refusal(self, found: str, remedy: str, code: str) -> InputError:
        """Name the layer in an error."""
        return InputError.one(f'layer "{self._layer.name}"', found, remedy, code)

    def index(self) -> tuple[int, ...]:
        """Where the sliders stand, along the axes before Y and X that hold no channels."""
        at = self._pixels(np.array([self._point()]))[0]
        leading = [axis for axis in range(self._layer.ndim - 2) if axis != self._image.channel_axis]
        found = tuple(int(np.rint(at[axis])) for axis in leading)
        if any(not 0 <= i < self._shape[axis] for i, axis in zip(found, leading, strict=True)):
            raise self.refusal(
                "has no slice where the sliders stand",
                "Move the sliders onto the image, or predict all planes.",
                "no-slice-here",
            )
        return found

    def of_view(self) -> NDArray[np.float64]:
        """Corners of the view, as rows and columns of the image (4, 2)."""
        shown = list(self._viewer.dims.displayed)
        first = self._viewer.dims.ndim - self._layer.ndim
        if sorted(axis - first for axis in shown) != [self._layer.ndim - 2, self._layer.ndim - 1]:
            raise self.refusal(
                "is not shown plane by plane, so no region of a plane is visible",
                "Show it in 2D with its last two axes, or predict the current slice.",
                "no-plane-in-view",
            )
        if not self._layer.visible:
            raise self.refusal("is hidden", "Show it, or predict the current slice.", "hidden")
        camera = self._viewer.scene.camera
        middle = np.array(camera.center[-2:])
        half = np.array(self._viewer.canvas.viewbox_size(self._viewer.layers)) / camera.zoom / 2
        world = np.repeat([self._point()], 4, axis=0)
        signs = np.array(list(product((-1, 1), repeat=2)))
        world[:, [axis - first for axis in shown]] = middle + signs * half
        return self._pixels(world)[:, -2:]

    def of_shapes(self, shapes: Shapes | None) -> NDArray[np.float64]:
        """Corners of the selected shapes, or of all, that lie on this slice."""
        chosen = self._on_slice(shapes) if shapes is not None else []
        if not chosen:
            raise self.refusal(
                "has no shape on this slice to predict within",
                "Draw a shape in a Shapes layer, and select it where there are several.",
                "no-shape",
            )
        return np.concatenate(chosen)[:, -2:]

    def _on_slice(self, shapes: Shapes) -> list[NDArray[np.float64]]:
        numbers = sorted(shapes.selected_data) or range(len(shapes.data))
        found = [self._corners(shapes, np.asarray(shapes.data[number])) for number in numbers]
        if shapes.ndim < self._layer.ndim:
            return found
        here = self.index()
        leading = [axis for axis in range(self._layer.ndim - 2) if axis != self._image.channel_axis]
        return [one for one in found if tuple(np.rint(one[0, leading]).astype(int)) == here]

    def _corners(self, shapes: Shapes, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        both = min(shapes.ndim, self._layer.ndim)
        world = np.repeat([self._point()], len(vertices), axis=0)
        world[:, -both:] = np.array([shapes.data_to_world(vertex) for vertex in vertices])[:, -both:]
        return self._pixels(world)

    def _point(self) -> NDArray[np.float64]:
        """Where the sliders stand in the world, along the axes of the layer."""
        point = np.zeros(self._layer.ndim)
        both = min(self._viewer.dims.ndim, self._layer.ndim)
        point[-both:] = self._viewer.dims.point[-both:]
        return point

    def _pixels(self, world: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bring points of the world to pixels of the level, whose middles are whole numbers."""
        full = np.array([self._layer.world_to_data(point) for point in world])
        return (full + 0.5) * self._factors - 0.5


def _current_first(indices: tuple[tuple[int, ...], ...], place: _Place) -> tuple[tuple[int, ...], ...]:
    """Begin with the plane that is looked at, then go on by distance to it."""
    try:
        here = place.index()
    except InputError:
        return indices
    return tuple(sorted(indices, key=lambda index: sum(abs(a - b) for a, b in zip(index, here, strict=True))))


def _around(corners: NDArray[np.float64], whole: Region) -> Region | None:
    """Find the pixels that a rectangle around points covers, within the image."""
    low, high = corners.min(0) + 0.5, corners.max(0) + 0.5
    top, left = (max(0, floor(value)) for value in low)
    bottom, right = (min(length, ceil(value)) for value, length in zip(high, whole.shape, strict=True))
    return Region(top, bottom, left, right) if top < bottom and left < right else None
