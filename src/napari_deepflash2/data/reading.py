"""Reading one image or one mask from a file, whatever format it has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem
from .decoded import Decoded, unreadable
from .folders import FOREIGN_EXTENSIONS, PICTURE_EXTENSIONS, TIFF_EXTENSIONS, list_images
from .pictures import decode_other, decode_picture, extensions_of, picture_format
from .pixel_size import PixelSize
from .pixels import (
    Pages,
    arranged,
    colour_table,
    colours_of_palette,
    labels_of_palette,
    one_channel_of_grey,
    without_alpha,
)
from .tiff import decode_tiff

__all__ = ["ImageFile", "Pages", "list_images", "read_image", "read_labels"]

_JPEG_BLOCK = 16
_SHORTEST_TAIL = 4
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class ImageFile:
    """The pixels of a file.

    Attributes
    ----------
    data : ndarray
        Values as stored, in native byte order; axes as `axes` names them.
    axes : str
        Part of "TZYXC" in this order; always with Y and X.
    notes : tuple of Problem
        What was done or is worth knowing.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres, where the file says it.
    """

    data: NDArray[Any]
    axes: str
    notes: tuple[Problem, ...] = ()
    pixel_size: PixelSize | None = None


def read_image(path: Path | str, pages: Pages = "refuse") -> ImageFile:
    """Read an image of any number of channels.

    An opaque alpha channel is left out, RGB with three equal channels becomes one channel, a picture with
    a colour table gets its colours, and "white is zero" is inverted; each with a note.

    Parameters
    ----------
    path : path
        The file; its content decides the format, not its extension.
    pages : {"refuse", "slices", "channels"}
        What pages are that the file does not explain.

    Returns
    -------
    ImageFile
        Of dtype bool, integer or float, as stored.

    Raises
    ------
    InputError
        Where the file cannot be read without doubt, or holds NaN or infinite values.
    """
    path = Path(path)
    decoded = colours_of_palette(path, arranged(path, _decoded(path), pages))
    decoded = one_channel_of_grey(path, without_alpha(path, decoded))
    _refuse_not_finite(path, decoded)
    return _finished(path, decoded, [*_brightness_notes(path, decoded), *_tail_notes(path, decoded)])


def read_labels(path: Path | str, pages: Pages = "refuse") -> ImageFile:
    """Read a mask: whole numbers as stored, without a channel axis.

    A grey picture saved as RGB(A) is accepted. What the numbers mean is decided over all masks of a set by
    `interpret_masks`.

    Parameters
    ----------
    path : path
        The file; its content decides the format, not its extension.
    pages : {"refuse", "slices", "channels"}
        What pages are that the file does not explain; a mask has no channels.

    Returns
    -------
    ImageFile
        Of an integer dtype, signed or unsigned as stored; 1 bit gives uint8 of 0 and 1, floats int64.

    Raises
    ------
    InputError
        Where the file cannot be read without doubt, is coloured, or holds fractions.
    """
    path = Path(path)
    decoded = labels_of_palette(path, arranged(path, _decoded(path), pages))
    decoded = one_channel_of_grey(path, without_alpha(path, decoded))
    _refuse_channels(path, decoded)
    lossy = Problem(
        str(path),
        "a mask in a format that changes values when it saves",
        "Save masks as PNG or TIFF.",
        "lossy-mask",
    )
    return _finished(path, _as_integers(path, decoded), [lossy] if decoded.lossy else [])


def _decoded(path: Path) -> Decoded:
    if path.exists() and not path.is_file():
        # Opening a named pipe would wait for ever.
        raise InputError.one(path, "is not a regular file", "Give the image file itself.", "not-a-file")
    try:
        with path.open("rb") as stream:
            start = stream.read(32)
    except OSError as error:
        raise InputError.one(
            path, f"cannot be opened ({error.strerror})", "Check that the file is there.", "unreadable"
        ) from error
    if not start:
        raise InputError.one(path, "the file is empty (0 bytes)", "Copy it again.", "unreadable")
    if start.startswith(_TIFF_STARTS):
        return _with_extension_note(path, decode_tiff(path), TIFF_EXTENSIONS | FOREIGN_EXTENSIONS, "TIFF")
    name = picture_format(start)
    if name is not None:
        return _with_extension_note(path, decode_picture(path, name), extensions_of(name), name)
    return _foreign(path)


def _foreign(path: Path) -> Decoded:
    suffix = path.suffix.lower()
    if suffix in TIFF_EXTENSIONS | PICTURE_EXTENSIONS:
        raise unreadable(path, f"its content is not {suffix[1:].upper()}")
    try:
        return decode_other(path)
    except InputError as error:
        raise InputError.one(
            path,
            f"files of the kind {suffix or 'without extension'} cannot be read",
            "Open it in napari or Fiji and save it as (OME-)TIFF.",
            "foreign-format",
        ) from error


def _with_extension_note(path: Path, decoded: Decoded, expected: set[str], name: str) -> Decoded:
    if path.suffix.lower() in expected:
        return decoded
    note = Problem(str(path), f"is {name} by its content and was read so", "Rename it.", "wrong-extension")
    return replace(decoded, notes=(*decoded.notes, note))


def _finished(path: Path, decoded: Decoded, notes: list[Problem]) -> ImageFile:
    if decoded.orientation != 1:
        notes = [*notes, _orientation_note(path, decoded.orientation)]
    return ImageFile(decoded.data, decoded.axes, (*decoded.notes, *notes), decoded.pixel_size)


def _orientation_note(path: Path, orientation: int) -> Problem:
    return Problem(
        str(path),
        f"has the orientation tag {orientation}: viewers show it turned or mirrored, here it is as stored",
        "Check that its mask fits, or save both without the tag.",
        "orientation",
    )


def _refuse_not_finite(path: Path, decoded: Decoded) -> None:
    if decoded.data.dtype.kind not in "buif":
        raise InputError.one(path, f"its values are {decoded.data.dtype}", "Save real numbers.", "bad-dtype")
    if decoded.data.dtype.kind != "f":
        return
    # Beyond float32 is as good as infinite: everything is computed in float32.
    limit = float(np.finfo(np.float32).max)
    bad = ~(np.abs(decoded.data) <= min(limit, float(np.finfo(decoded.data.dtype).max)))
    count = int(np.count_nonzero(bad))
    if count:
        first = ", ".join(
            f"{axis.lower()} {index}" for axis, index in zip(decoded.axes, np.argwhere(bad)[0], strict=True)
        )
        raise InputError.one(
            path,
            f"{count} of {bad.size} values are NaN or infinite, the first at {first}",
            "Replace them, for instance by the background, and save the image again.",
            "not-finite",
        )


def _brightness_notes(path: Path, decoded: Decoded) -> list[Problem]:
    data = decoded.data
    channels = [data[..., i] for i in range(data.shape[-1])] if decoded.axes.endswith("C") else [data]
    names = [f"channel {i} " for i in range(len(channels))] if len(channels) > 1 else [""]
    notes = []
    for channel, name in zip(channels, names, strict=True):
        notes += _constant(path, channel, name)
        # The white ground of a stained slide is saturated by right.
        notes += [] if decoded.colour else _saturated(path, channel, name)
    return notes


def _constant(path: Path, channel: NDArray[Any], name: str) -> list[Problem]:
    if channel.min() != channel.max():
        return []
    found = f"{name}has the same value {channel.min()} everywhere"
    return [Problem(str(path), found, "Check that this is the image you mean.", "constant")]


def _saturated(path: Path, channel: NDArray[Any], name: str) -> list[Problem]:
    high = channel.max()
    if channel.dtype.kind not in "iu" or high != np.iinfo(channel.dtype).max or channel.min() == high:
        return []
    share = float(np.mean(channel == high))
    if share < 0.25:
        return []
    found = f"{name}is saturated: {share:.0%} of its pixels have the highest value {high}"
    return [Problem(str(path), found, "Use a less exposed image if there is one.", "saturated")]


def _tail_notes(path: Path, decoded: Decoded) -> list[Problem]:
    """Note rows at the end that are empty over the full width, as power failures leave them."""
    channels = decoded.data.shape[-1] if decoded.axes.endswith("C") else 1
    rows = decoded.data.reshape(-1, decoded.data.shape[decoded.axes.index("X")], channels)
    if not _is_blank(rows[-1:], decoded.lossy).all():
        return []
    filled = np.flatnonzero(~_is_blank(rows, decoded.lossy))
    # A picture with a border is empty above as well.
    if not filled.size or filled[0] > 0:
        return []
    tail = len(rows) - 1 - int(filled[-1])
    if tail < max(_SHORTEST_TAIL, len(rows) // 50):
        return []
    found = f"its last {tail} rows are empty from end to end, as in a file cut short"
    return [Problem(str(path), found, "Compare it with the original, and copy it again.", "empty-end")]


def _is_blank(rows: NDArray[Any], lossy: bool) -> NDArray[np.bool_]:
    """Mark rows (n, X, C) of zeros, or of one block again and again: what JPEG makes of missing data."""
    if not lossy:
        return np.asarray((rows == 0).all((1, 2)))
    repeated = (rows[:, _JPEG_BLOCK:] == rows[:, :-_JPEG_BLOCK]).all((1, 2))
    # The ground of a stained slide may well be white throughout.
    return np.asarray(repeated & ~np.isin(rows[:, 0], (0, 255)).all(1))


def _refuse_channels(path: Path, decoded: Decoded) -> None:
    if not decoded.axes.endswith("C"):
        return
    if decoded.colour:
        raise InputError.one(
            path,
            f"is coloured, so its labels are unknown; its colours: {colour_table(decoded.data)}",
            "Save the mask as grey values, one whole number for each class (0 is background).",
            "colour-mask",
        )
    raise InputError.one(
        path,
        f"has {decoded.data.shape[-1]} channels; a mask has one",
        "Save each mask as one grey channel.",
        "mask-channels",
    )


def _as_integers(path: Path, decoded: Decoded) -> Decoded:
    data = decoded.data
    if data.dtype.kind == "b":
        return replace(decoded, data=data.astype(np.uint8))
    if data.dtype.kind in "iu":
        return decoded
    refuse_fractions(path, data)
    return replace(decoded, data=data.astype(np.int64))


def refuse_fractions(where: object, data: NDArray[Any]) -> None:
    """Refuse a mask whose floating-point values are not all whole numbers."""
    # Whole numbers beyond 2**53 are not exact as floats.
    whole = np.isfinite(data) & (data == np.round(data)) & (np.abs(data) < 2.0**53)
    if data.dtype.kind != "f" or not whole.all():
        example = data[~whole].flat[0] if data.dtype.kind == "f" else data.dtype
        raise InputError.one(
            where,
            f"is not a label image: it holds fractions such as {example}",
            "Threshold it, for instance at 0.5, and save whole numbers (0 background, 1 foreground).",
            "fractions",
        )
