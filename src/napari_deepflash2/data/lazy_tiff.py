"""Large TIFF files, read part by part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..errors import InputError
from .decoded import DECODING_ERRORS, unreadable
from .lazy_image import Checked, LazyImage, axes_of_names
from .pixel_size import PixelSize, of_tiff
from .tiff import checked_series, refuse_endless_pages
from .zarr_files import refuse_without_zarr

_MOST_BYTES_AT_ONCE = 2**28
# Grey, RGB, and YCbCr, which decoders give as RGB: values that need nothing done to them.
_PLAIN = {1, 2, 6}


def open_tiff(path: Path, pages: str = "refuse") -> LazyImage:
    """Open the full resolution of a TIFF file, pyramid or not, without reading any pixel.

    Parameters
    ----------
    path : path
        The file.
    pages : {"refuse", "slices", "channels"}
        What the first of three axes is in a file that does not name them.

    Raises
    ------
    InputError
        Where it cannot be opened, or is stored in a way that does not allow to read parts of it.
    """
    refuse_endless_pages(path)
    try:
        tif = tifffile.TiffFile(path)
        series = checked_series(path, tif)
        _refuse_unless_plain(path, series.keyframe)
        names = [None if axis in "QI" else axis.replace("S", "C") for axis in series.axes]
        axes = axes_of_names(str(path), names, series.shape, pages)
        array, chunks = _array(path, series)
        return LazyImage(str(path), array, axes, chunks, *_grid(axes, of_tiff(tif, series.keyframe)))
    except InputError:
        raise
    except DECODING_ERRORS as error:
        raise unreadable(path, error) from error


def planes_are_large(path: Path, most: int) -> bool:
    """Whether the header of a TIFF announces planes of more than `most` pixels; False where in doubt."""
    try:
        with tifffile.TiffFile(path) as tif:
            page = tif.pages.first
            return int(page.imagelength) * int(page.imagewidth) > most
    except DECODING_ERRORS:
        return False


def _grid(axes: str, size: PixelSize | None) -> tuple[tuple[float, ...], tuple[str, ...], tuple[float, ...]]:
    """Give the steps, units and origin of each axis."""
    lengths = dict(zip("YX", size, strict=True)) if size else {}
    steps = tuple(lengths.get(axis, 1.0) for axis in axes)
    return steps, tuple("micrometer" if axis in lengths else "" for axis in axes), (0.0,) * len(axes)


def _array(path: Path, series: tifffile.TiffPageSeries) -> tuple[Any, tuple[int, ...]]:
    """Map plain data into memory; let Zarr decode the rest, tile by tile."""
    if series.dataoffset is not None:
        dtype = series.dtype.newbyteorder(series.parent.byteorder)
        array = np.memmap(path, dtype, "r", series.dataoffset, series.shape)
        return array, tuple(min(length, 512) for length in series.shape)
    refuse_without_zarr(path)
    import zarr

    stored = zarr.open_array(series.aszarr(level=0), mode="r")
    size = int(np.prod(stored.chunks)) * stored.dtype.itemsize
    if size > _MOST_BYTES_AT_ONCE:
        raise InputError.one(
            path,
            f"is compressed in pieces of {size / 2**20:.0f} MiB, which cannot be read part by part",
            "Save it with tiles, for instance as a pyramidal OME-TIFF or OME-Zarr.",
            "not-tiled",
        )
    return Checked(stored, str(path)), stored.chunks


def _refuse_unless_plain(path: Path, page: tifffile.TiffPage) -> None:
    if int(page.photometric) not in _PLAIN:
        raise InputError.one(
            path,
            f"is large and stores its values as {page.photometric.name}",
            "Save it as grey values or RGB.",
            "colour-space",
        )
