"""TIFF: axes from the file's own metadata, and no plane lost without a word."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..errors import InputError, Problem
from .decoded import DECODING_ERRORS, Decoded, refuse_oversized, unreadable
from .pixel_size import of_tiff

_MOST_PAGES = 100_000
_COLOUR_SPACES = {0: "white is zero", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "CIE Lab"}
_READABLE_SPACES = {0, 1, 2, 3}
_YCBCR = 6
# The decoders of these compressions turn YCbCr into RGB themselves.
_JPEG_COMPRESSIONS = {6, 7, 33007, 34892, 33003, 33004, 33005, 34712}


def decode_tiff(path: Path, largest_pixels: int | None = None) -> Decoded:
    """Read the one image of a TIFF file.

    Parameters
    ----------
    path : path
        The file.
    largest_pixels : int, optional
        See `refuse_oversized`.

    Raises
    ------
    InputError
        Where the file is damaged in any way that tifffile notices, its pages run in a circle, planes are
        missing, it holds several images or is a part of one, or its colours are not RGB.
    """
    refuse_endless_pages(path)
    try:
        with _errors_logged() as errors, tifffile.TiffFile(path) as tif:
            decoded = _decode(path, tif, largest_pixels)
    except InputError:
        raise
    except DECODING_ERRORS as error:
        raise unreadable(path, error) from error
    if errors:
        # tifffile gives fewer planes of a truncated stack and only logs it.
        raise unreadable(path, errors[0])
    return decoded


def _decode(path: Path, tif: tifffile.TiffFile, largest_pixels: int | None) -> Decoded:
    series = _only_series(path, tif)
    page = series.keyframe
    _refuse_colour_space(path, page)
    refuse_oversized(path, series.shape, np.dtype(series.dtype).itemsize, largest_pixels)
    _refuse_cut_data(path, series)
    # One worker, because errors logged by other threads could not be told from those of other files.
    data: NDArray[Any] = np.asarray(series.asarray(maxworkers=1))
    data, notes = _white_is_zero(path, data, tif, page)
    # Writers tag any stack of three or four planes as RGB; what the named axes say counts.
    in_samples = "S" in series.axes
    return _with_samples_last(
        path,
        Decoded(
            data=data.astype(data.dtype.newbyteorder("="), copy=False),
            axes=series.axes,
            colour=in_samples and int(page.photometric) in (2, _YCBCR),
            alpha=in_samples and _has_alpha(page),
            palette=_palette(tif, page),
            lossy=int(page.compression) in _JPEG_COMPRESSIONS,
            orientation=int(page.tags.valueof("Orientation", default=1)),
            notes=(*notes, *_planar_colours(path, series)),
            pixel_size=of_tiff(tif, page),
        ),
    )


def checked_series(path: Path, tif: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    """Find the one image of a file whose pages do not run in a circle, without reading its pixels.

    Raises
    ------
    InputError
        Where there are several, parts of it are missing, or its colours are not RGB.
    """
    series = _only_series(path, tif)
    _refuse_colour_space(path, series.keyframe)
    _refuse_cut_data(path, series)
    return series


def _only_series(path: Path, tif: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    if len(tif.series) != 1:
        raise InputError.one(
            path,
            f"holds {len(tif.series)} images of different size or kind",
            "Export each as a file of its own.",
            "several-images",
        )
    series = tif.series[0]
    if series.is_multifile:
        raise InputError.one(
            path,
            "is one of several files that are one OME image together",
            "Export the image as one file.",
            "multi-file",
        )
    return series


def _refuse_colour_space(path: Path, page: tifffile.TiffPage) -> None:
    space = int(page.photometric)
    if space in _READABLE_SPACES or (space == _YCBCR and int(page.compression) in _JPEG_COMPRESSIONS):
        return
    name = _COLOUR_SPACES.get(space, page.photometric.name)
    raise InputError.one(
        path, f"its colours are stored as {name}", "Convert it to RGB or to grey values.", "colour-space"
    )


def _refuse_cut_data(path: Path, series: tifffile.TiffPageSeries) -> None:
    # Decoders of some compressions give what they have of a tile that is cut short.
    size = path.stat().st_size
    missing = sum(page is None for page in series)
    cut = sum(
        any(
            start + length > size
            for start, length in zip(page.dataoffsets, page.databytecounts, strict=False)
        )
        for page in series
        if page is not None
    )
    if missing or cut:
        raise InputError.one(
            path,
            f"{missing + cut} of its {len(series)} planes are missing or cut short",
            "Copy or export the whole image again.",
            "missing-planes",
        )


def _white_is_zero(
    path: Path, data: NDArray[Any], tif: tifffile.TiffFile, page: tifffile.TiffPage
) -> tuple[NDArray[Any], tuple[Problem, ...]]:
    if int(page.photometric) != 0:
        return data, ()
    # ImageJ writes this tag for an inverted lookup table and takes the values as they are itself; tifffile
    # gives it to every array of bool, whose True it reads as True.
    if data.dtype.kind == "b" and page.software.startswith("tifffile"):
        return data, ()
    if tif.is_imagej or data.dtype.kind not in "bu":
        return data, (_note(path, "is shown inverted by its tag; its values are taken as stored"),)
    inverted = ~data if data.dtype.kind == "b" else np.asarray(2**page.bitspersample - 1 - data, data.dtype)
    return inverted, (_note(path, "stores white as zero and was inverted, as its tag asks"),)


def _note(path: Path, found: str) -> Problem:
    return Problem(
        str(path), found, "Nothing to do if it looks right; else save it with black as zero.", "white-is-zero"
    )


def _planar_colours(path: Path, series: tifffile.TiffPageSeries) -> tuple[Problem, ...]:
    if "SY" not in series.axes:
        return ()
    found = "its planes are tagged as red, green and blue and were read as colours"
    remedy = "Where they are slices or channels, save it with named axes (ImageJ or OME-TIFF)."
    return (Problem(str(path), found, remedy, "colour-planes"),)


def _has_alpha(page: tifffile.TiffPage) -> bool:
    extra = [int(kind) for kind in page.extrasamples]
    samples = int(page.samplesperpixel)
    return (int(page.photometric) == 2 and samples == 4) or (samples > 1 and extra[-1:] in ([1], [2]))


def _palette(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> NDArray[Any] | None:
    # The colour table of an ImageJ file is a way to show intensities, not what they are.
    if int(page.photometric) != 3 or page.colormap is None or tif.is_imagej:
        return None
    table: NDArray[Any] = (np.asarray(page.colormap).T >> 8).astype(np.uint8)
    return table


def _with_samples_last(path: Path, decoded: Decoded) -> Decoded:
    axes = decoded.axes
    if "S" not in axes:
        return decoded
    if "C" in axes:
        raise InputError.one(
            path,
            "holds several channels of RGB each",
            "Save the channels as grey values, without colours.",
            "channels-of-colours",
        )
    data = np.moveaxis(decoded.data, axes.index("S"), -1)
    return Decoded(
        **{**vars(decoded), "data": data, "axes": axes.replace("S", "") + "C"},
    )


class _Collector(logging.Handler):
    """Keep the errors that this thread logs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.messages.append(record.getMessage())


@contextmanager
def _errors_logged() -> Iterator[list[str]]:
    collector = _Collector()
    logger = logging.getLogger("tifffile")
    logger.addHandler(collector)
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)


def refuse_endless_pages(path: Path) -> None:
    """Walk the chain of pages; tifffile would follow a circle for ever.

    Raises
    ------
    InputError
        Where a page comes twice or there are more than 100,000.
    """
    seen: set[int] = set()
    with path.open("rb") as stream:
        for offset in _page_offsets(stream):
            if offset in seen or len(seen) >= _MOST_PAGES:
                what = "its pages run in a circle" if offset in seen else f"holds over {_MOST_PAGES} pages"
                raise InputError.one(
                    path,
                    f"damaged: {what}",
                    "Export it again, or take it out of the folder.",
                    "endless-pages",
                )
            seen.add(offset)


def _page_offsets(stream: BinaryIO) -> Iterator[int]:
    header = stream.read(16)
    order = "<" if header[:2] == b"II" else ">"
    big = header[2:4] in (b"+\0", b"\0+")
    count_type, entry, offset_type = ("Q", 20, "Q") if big else ("H", 12, "I")
    at = 8 if big else 4
    while True:
        offset = _number(stream, at, order + offset_type)
        if not offset:
            return
        yield offset
        count = _number(stream, offset, order + count_type)
        at = offset + struct.calcsize(count_type) + (count or 0) * entry


def _number(stream: BinaryIO, at: int, kind: str) -> int:
    """Read a number of the file; 0 beyond its end, where tifffile tells what is wrong."""
    size = struct.calcsize(kind)
    try:
        stream.seek(at)
    except (OSError, OverflowError):
        return 0
    found = stream.read(size)
    return int(struct.unpack(kind, found)[0]) if len(found) == size else 0
