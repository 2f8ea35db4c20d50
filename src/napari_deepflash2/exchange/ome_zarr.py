"""Writing OME-Zarr images block by block (OME-NGFF 0.5, in Zarr 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import zarr

CHUNK = 1024
_VERSION = "0.5"
_TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}


@dataclass(frozen=True)
class Grid:
    """Where the pixels of an image lie.

    Attributes
    ----------
    axes : str
        Part of "TCZYX" in this order; always with Y and X.
    shape : tuple of int
        Length of each axis.
    steps, origin : tuple of float
        Distance of neighbours, and where the middle of the first pixel lies, in the unit of the axis.
    units : tuple of str
        Such as ``micrometer``; empty where there is none.
    """

    axes: str
    shape: tuple[int, ...]
    steps: tuple[float, ...]
    units: tuple[str, ...]
    origin: tuple[float, ...]


class OmeZarr:
    """A multiscale image or label image in a folder.

    Parameters
    ----------
    folder : path
        Ends in ``.zarr``; is made by `create`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, grid: Grid, dtype: np.dtype[Any]) -> None:
        """Make the folder with all levels, none of which has pixels yet."""
        import zarr

        group = zarr.create_group(str(self._folder), zarr_format=3)
        for level in range(_levels(grid)):
            shape = _shape_of(grid, level)
            group.create_array(
                str(level),
                shape=shape,
                chunks=(*(1,) * (len(shape) - 2), *(min(CHUNK, length) for length in shape[-2:])),
                dtype=dtype,
                dimension_names=[axis.lower() for axis in grid.axes],
                # A chunk that is missing shall mean that something went wrong.
                config={"write_empty_chunks": True},
            )

    def sweep(self) -> None:
        """Take away what a writer that was killed has left half-written."""
        for path in self._folder.rglob("*.partial"):
            path.unlink()

    def write(self, index: tuple[int, ...], rows: slice, columns: slice, values: NDArray[Any]) -> None:
        """Write a part of the full resolution that ends where chunks do, and wait until it is on the disk.

        Parameters
        ----------
        index : tuple of int
            Along the axes before Y and X.
        rows, columns : slice
            Where it lies.
        values : ndarray, shape (height, width)
        """
        array = self._array(0)
        array[(*index, rows, columns)] = values
        self._flush(array, index, rows, columns)

    def finish(
        self, grid: Grid, name: str, kind: Literal["labels", "image"], about: Mapping[str, Any]
    ) -> None:
        """Make the lower levels from the full resolution, and say what the image is.

        Parameters
        ----------
        grid : Grid
            Of the full resolution, as given to `create`.
        name : str
            Of the image.
        kind : {"labels", "image"}
            Whether lower levels take single pixels or means.
        about : mapping
            What else shall be kept; under the name of this package.
        """
        import zarr

        for level in range(1, _levels(grid)):
            _halve(self._array(level - 1), self._array(level), kind)
        ome: dict[str, Any] = {"version": _VERSION, "multiscales": [_multiscale(grid, name, kind)]}
        if kind == "labels":
            ome["image-label"] = {"version": _VERSION}
        zarr.open_group(str(self._folder), mode="r+").attrs.update(
            {"ome": ome, "napari-deepflash2": dict(about)}
        )

    def about(self) -> Mapping[str, Any] | None:
        """Read back what `finish` kept; None where there is no finished image."""
        import zarr

        if not (self._folder / "zarr.json").is_file():
            return None
        found = zarr.open_group(str(self._folder), mode="r").attrs.get("napari-deepflash2")
        return dict(found) if isinstance(found, Mapping) else None

    def _array(self, level: int) -> zarr.Array[Any]:
        import zarr

        array = zarr.open_array(str(self._folder / str(level)), mode="r+")
        return array.with_config({"write_empty_chunks": True})

    def _flush(self, array: zarr.Array[Any], index: tuple[int, ...], rows: slice, columns: slice) -> None:
        from ..files import flush_to_disk

        height, width = array.chunks[-2:]
        for row in range(rows.start // height, -(-rows.stop // height)):
            for column in range(columns.start // width, -(-columns.stop // width)):
                key = array.metadata.encode_chunk_key((*index, row, column))
                flush_to_disk(self._folder / "0" / key)


def _levels(grid: Grid) -> int:
    """Count levels: each half of the one before, until one chunk holds a plane."""
    return 1 + max(0, math.ceil(math.log2(max(grid.shape[-2:]) / CHUNK)))


def _shape_of(grid: Grid, level: int) -> tuple[int, ...]:
    return (*grid.shape[:-2], *(-(-length // 2**level) for length in grid.shape[-2:]))


def _halve(fine: zarr.Array[Any], coarse: zarr.Array[Any], kind: str) -> None:
    """Fill a level from the one above, chunk by chunk."""
    rows, columns = (range(0, length, CHUNK) for length in coarse.shape[-2:])
    for index in np.ndindex(*coarse.shape[:-2]):
        for row in rows:
            for column in columns:
                above = (*index, slice(2 * row, 2 * (row + CHUNK)), slice(2 * column, 2 * (column + CHUNK)))
                part = np.asarray(fine[above])
                half = part[::2, ::2] if kind == "labels" else _means(part)
                coarse[(*index, slice(row, row + half.shape[0]), slice(column, column + half.shape[1]))] = (
                    half
                )


def _means(part: NDArray[Any]) -> NDArray[Any]:
    """Average two by two; at an odd end what is there."""
    padded = np.pad(part, [(0, length % 2) for length in part.shape], mode="edge")
    height, width = padded.shape
    return padded.reshape(height // 2, 2, width // 2, 2).mean((1, 3), dtype=part.dtype)


def _multiscale(grid: Grid, name: str, kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "axes": [_axis(letter, unit) for letter, unit in zip(grid.axes, grid.units, strict=True)],
        "datasets": [_dataset(grid, level, kind) for level in range(_levels(grid))],
        "type": "nearest" if kind == "labels" else "mean",
    }


def _axis(letter: str, unit: str) -> dict[str, str]:
    axis = {"name": letter.lower(), "type": _TYPES[letter]}
    return {**axis, "unit": unit} if unit else axis


def _dataset(grid: Grid, level: int, kind: str) -> dict[str, Any]:
    factors = [1.0] * (len(grid.axes) - 2) + [2.0**level] * 2
    steps = [step * factor for step, factor in zip(grid.steps, factors, strict=True)]
    # A mean lies between the pixels it is of, a single pixel where it was.
    shift: Sequence[float] = [(factor - 1) / 2 if kind == "image" else 0 for factor in factors]
    origin = [at + step * by for at, step, by in zip(grid.origin, grid.steps, shift, strict=True)]
    return {
        "path": str(level),
        "coordinateTransformations": [
            {"type": "scale", "scale": steps},
            {"type": "translation", "translation": origin},
        ],
    }
