"""The grid of a layer: the shape of its pixels and where they lie in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Layer

from ..errors import Problem, raise_if_any

SAME_GRID = (
    "Choose layers of the same image; where only scale, translation, rotation or units differ, copy them "
    "over (right-click the right one: Copy scale and transforms; then the other: Apply ... from Clipboard)."
)


@dataclass(frozen=True)
class Grid:
    """Shape of an array of pixels and the keyword arguments that place it in the world.

    Attributes
    ----------
    name : str
        Name of the layer it was taken from.
    shape : tuple of int
        Length of each axis, (..., Y, X), without channels.
    spatial : dict
        ``scale``, ``translate``, ``rotate``, ``shear``, ``affine``, ``units`` and ``axis_labels`` for
        ``viewer.add_labels`` and ``viewer.add_image``.
    """

    name: str
    shape: tuple[int, ...]
    spatial: dict[str, Any]


def grid_of(layer: Layer, channel_axis: int | None = None) -> Grid:
    """Grid of a layer at full resolution; of the remaining axes where one of them holds channels."""
    axes = [axis for axis in range(layer.ndim) if axis != channel_axis]
    data = layer.data[0] if layer.multiscale else layer.data
    return Grid(layer.name, tuple(int(data.shape[axis]) for axis in axes), spatial_kwargs(layer, axes))


def spatial_kwargs(layer: Layer, axes: Sequence[int] | None = None) -> dict[str, Any]:
    """Tell what `viewer.add_labels` needs to lay an array over some axes of a layer.

    Parameters
    ----------
    layer : napari.layers.Layer
        The layer whose place in the world the array shall have.
    axes : sequence of int, optional
        Axes of the layer that the array has, in order; all of them by default.

    Returns
    -------
    dict
        ``scale``, ``translate``, ``rotate``, ``shear``, ``affine``, ``units`` and ``axis_labels``.
    """
    kept = list(range(layer.ndim)) if axes is None else list(axes)
    return {
        "scale": tuple(float(layer.scale[axis]) for axis in kept),
        "translate": tuple(float(layer.translate[axis]) for axis in kept),
        "rotate": np.asarray(layer.rotate)[np.ix_(kept, kept)],
        "shear": _shear_matrix(layer)[np.ix_(kept, kept)],
        "affine": np.asarray(layer.affine.set_slice(kept).affine_matrix),
        "units": tuple(layer.units[axis] for axis in kept),
        "axis_labels": tuple(layer.axis_labels[axis] for axis in kept),
    }


def require_same_grid(grids: Sequence[Grid]) -> None:
    """Refuse layers that do not lie on one grid.

    Raises
    ------
    InputError
        Names each layer that differs from the first, and in what.
    """
    first = grids[0]
    raise_if_any(
        Problem(
            f'layers "{first.name}" and "{grid.name}"', f"differ in {difference}", SAME_GRID, "grids-differ"
        )
        for grid in grids[1:]
        if (difference := _difference(first, grid))
    )


def _difference(one: Grid, other: Grid) -> str:
    if one.shape != other.shape:
        return f"shape: {_by(one.shape)} and {_by(other.shape)} pixels"
    for name in ("scale", "translate", "rotate", "shear", "affine"):
        if not np.allclose(one.spatial[name], other.spatial[name], rtol=1e-5, atol=1e-8):
            return f"{name}: {_plain(one.spatial[name])} and {_plain(other.spatial[name])}"
    if one.spatial["units"] != other.spatial["units"]:
        return f"units: {_plain(one.spatial['units'])} and {_plain(other.spatial['units'])}"
    return ""


def _shear_matrix(layer: Layer) -> np.ndarray:
    shear = np.asarray(layer.shear, dtype=float)
    if shear.ndim == 2:
        return shear
    matrix = np.eye(layer.ndim)
    matrix[np.triu_indices(layer.ndim, 1)] = shear
    return matrix


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(str(length) for length in shape)


def _plain(values: Any) -> str:
    if isinstance(values, np.ndarray):
        return str(np.round(values, 6).tolist())
    return "(" + ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values) + ")"
