"""The grid of a layer: the shape of its pixels and where they lie in the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Layer

from ..errors import InputError, Problem, raise_if_any

SAME_GRID = (
    "Choose layers of the same image; where only scale, translation, rotation or units differ, copy them "
    "over (right-click the right one: Copy scale and transforms; then the other: Apply ... from Clipboard)."
)
MICROMETRE = "micrometer"
ROUNDED_LEVEL, HALF_A_PIXEL = 0.02, 0.55


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
    level : int
        Level of a multiscale layer that it is the grid of, 0 being full resolution.
    """

    name: str
    shape: tuple[int, ...]
    spatial: dict[str, Any]
    level: int = 0

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Height and width of a pixel in micrometres; None where the units are no lengths."""
        units = self.spatial["units"][-2:]
        if any(unit.dimensionality != {"[length]": 1} for unit in units):
            return None
        height, width = (
            abs(float((scale * unit).to(MICROMETRE).magnitude))
            for scale, unit in zip(self.spatial["scale"][-2:], units, strict=True)
        )
        return height, width


def grid_of(layer: Layer, channel_axis: int | None = None, level: int = 0) -> Grid:
    """Grid of a layer at one of its levels; of the remaining axes where one of them holds channels.

    Raises
    ------
    InputError
        Where the layer has no such level.
    """
    axes = [axis for axis in range(layer.ndim) if axis != channel_axis]
    shape = data_at(layer, level).shape
    spatial = spatial_kwargs(layer, axes)
    if level:
        factors = [data_at(layer).shape[axis] / shape[axis] for axis in axes]
        spatial |= _coarser(spatial, factors)
    return Grid(layer.name, tuple(int(shape[axis]) for axis in axes), spatial, level)


def data_at(layer: Layer, level: int = 0) -> Any:
    """Give what a layer holds at a level, 0 being full resolution, without loading it.

    Raises
    ------
    InputError
        Where the layer has no such level.
    """
    levels = levels_of(layer)
    if not 0 <= level < levels:
        raise InputError.one(
            f'layer "{layer.name}"',
            f"has no level {level}, only {levels}: 0 to {levels - 1}" if levels > 1 else "has one level only",
            f"Choose a level from 0 to {levels - 1}.",
            "no-level",
        )
    return layer.data[level] if layer.multiscale else layer.data


def levels_of(layer: Layer) -> int:
    """Count the levels of a layer: 1 unless it is multiscale."""
    return len(layer.data) if layer.multiscale else 1


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
        if not np.allclose(one.spatial[name], other.spatial[name], **_tolerance(name, one)):
            return f"{name}: {_plain(one.spatial[name])} and {_plain(other.spatial[name])}"
    if one.spatial["units"] != other.spatial["units"]:
        return f"units: {_plain(one.spatial['units'])} and {_plain(other.spatial['units'])}"
    return ""


def _tolerance(name: str, grid: Grid) -> dict[str, Any]:
    if grid.level and name == "scale":
        # Levels are rounded to whole pixels, and programs differ in which way.
        return {"rtol": ROUNDED_LEVEL}
    if grid.level and name == "translate":
        # Few programs shift a coarser level by the half pixel that its larger pixels ask for.
        return {"atol": HALF_A_PIXEL * np.asarray(grid.spatial["scale"])}
    return {"rtol": 1e-5, "atol": 1e-8}


def _coarser(spatial: Mapping[str, Any], factors: Sequence[float]) -> dict[str, tuple[float, ...]]:
    """Scale, and translation to the centre of the first pixel, as napari draws a coarser level."""
    scale, translate, steps = np.array(spatial["scale"]), np.array(spatial["translate"]), np.array(factors)
    shift = spatial["rotate"] @ spatial["shear"] @ (scale * (steps - 1) / 2)
    return {"scale": tuple((scale * steps).tolist()), "translate": tuple((translate + shift).tolist())}


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
