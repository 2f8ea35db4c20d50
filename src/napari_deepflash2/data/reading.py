"""Reading one image or one mask from a file, whatever format it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem
from .decoded import Decoded, unreadable
from .folders import FOREIGN_EXTENSIONS, PICTURE_EXTENSIONS, TIFF_EXTENSIONS, list_images
from .image_findings import brightness_notes, tail_notes
from .pictures import decode_other, decode_picture, extensions_of, picture_format
from .pixel_size import PixelSize
from .pixels import (
    Pages,
    arranged,
    colour_table,
    colours_of_palette,
    labels_of_colours,
    labels_of_palette,
    one_channel_of_grey,
    without_alpha,
)
from .tiff import decode_tiff

__all__ = ["ImageFile", "NotFinite", "Pages", "list_images", "read_image", "read_labels"]

NotFinite = Literal["refuse", "background"]

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


def read_image(
    path: Path | str,
    pages: Pages = "refuse",
    *,
    largest_pixels: int | None = None,
    not_finite: NotFinite = "refuse",
) -> ImageFile:
    """Read an image of any number of channels.

    An opaque alpha channel is left out, RGB with three equal channels becomes one channel, a picture with
    a colour table gets its colours, and "white is zero" is inverted; each with a note.

    Parameters
    ----------
    path : path
        The file; its content decides the format, not its extension.
    pages : {"refuse", "slices", "channels"}
        What pages are that the file does not explain.
    largest_pixels : int, optional
        Most values that a file may announce; see `refuse_oversized` for what holds without.
    not_finite : {"refuse", "background"}
        Whether NaN and infinite values are refused, or take the lowest value of their channel.

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
    decoded = colours_of_palette(path, arranged(path, _decoded(path, largest_pixels), pages))
    decoded = one_channel_of_grey(path, without_alpha(path, decoded))
    decoded = _finite(path, decoded, not_finite)
    return _finished(path, decoded, [*brightness_notes(path, decoded), *tail_notes(path, decoded)])


def read_labels(
    path: Path | str,
    pages: Pages = "refuse",
    *,
    largest_pixels: int | None = None,
    threshold: float | None = None,
    colours: Mapping[str, int] | None = None,
) -> ImageFile:
    """Read a mask: whole numbers as stored, without a channel axis.

    A grey picture saved as RGB(A) is accepted. What the numbers mean is decided over all masks of a set by
    `interpret_masks`.

    Parameters
    ----------
    path : path
        The file; its content decides the format, not its extension.
    pages : {"refuse", "slices", "channels"}
        What pages are that the file does not explain; a mask has no channels.
    largest_pixels : int, optional
        As for `read_image`.
    threshold : float, optional
        Values above it become 1, all others 0: for probabilities and for masks with soft edges.
    colours : mapping of str to int, optional
        The label of each colour, as ``#RRGGBB``, in coloured masks.

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
    decoded = arranged(path, _decoded(path, largest_pixels), pages)
    if colours:
        decoded = labels_of_colours(path, without_alpha(path, colours_of_palette(path, decoded)), colours)
    decoded = labels_of_palette(path, decoded)
    decoded = one_channel_of_grey(path, without_alpha(path, decoded))
    _refuse_channels(path, decoded)
    if threshold is not None:
        decoded = replace(decoded, data=(decoded.data > threshold).astype(np.uint8), lossy=False)
    lossy = Problem(
        str(path),
        "a mask in a format that changes values when it saves",
        "Save masks as PNG or TIFF.",
        "lossy-mask",
    )
    return _finished(path, _as_integers(path, decoded), [lossy] if decoded.lossy else [])


def _decoded(path: Path, largest_pixels: int | None) -> Decoded:
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
        return _with_extension_note(
            path, decode_tiff(path, largest_pixels), TIFF_EXTENSIONS | FOREIGN_EXTENSIONS, "TIFF"
        )
    name = picture_format(start)
    if name is not None:
        return _with_extension_note(
            path, decode_picture(path, name, largest_pixels), extensions_of(name), name
        )
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


def _finite(path: Path, decoded: Decoded, not_finite: NotFinite) -> Decoded:
    if decoded.data.dtype.kind not in "buif":
        raise InputError.one(path, f"its values are {decoded.data.dtype}", "Save real numbers.", "bad-dtype")
    if decoded.data.dtype.kind != "f":
        return decoded
    # Beyond float32 is as good as infinite: everything is computed in float32.
    limit = float(np.finfo(np.float32).max)
    bad = ~(np.abs(decoded.data) <= min(limit, float(np.finfo(decoded.data.dtype).max)))
    count = int(np.count_nonzero(bad))
    if not count:
        return decoded
    if not_finite == "refuse" or count == bad.size:
        raise _not_finite(path, decoded, bad)
    found = f"{count} of {bad.size} values are NaN or infinite and were set to the lowest of their channel"
    note = Problem(str(path), found, "Nothing to do if these pixels are background.", "not-finite")
    return replace(decoded, data=_with_lowest(decoded, bad), notes=(*decoded.notes, note))


def _not_finite(path: Path, decoded: Decoded, bad: NDArray[np.bool_]) -> InputError:
    first = ", ".join(
        f"{axis.lower()} {index}" for axis, index in zip(decoded.axes, np.argwhere(bad)[0], strict=True)
    )
    return InputError.one(
        path,
        f"{np.count_nonzero(bad)} of {bad.size} values are NaN or infinite, the first at {first}",
        "Replace them, for instance by the background, and save the image again; or set 'not_finite' to "
        "'background'.",
        "not-finite",
    )


def _with_lowest(decoded: Decoded, bad: NDArray[np.bool_]) -> NDArray[Any]:
    channels = tuple(range(decoded.data.ndim - decoded.axes.endswith("C")))
    lowest = np.where(bad, np.inf, decoded.data).min(channels)
    return np.where(bad, np.where(np.isfinite(lowest), lowest, 0), decoded.data).astype(decoded.data.dtype)


def _refuse_channels(path: Path, decoded: Decoded) -> None:
    if not decoded.axes.endswith("C"):
        return
    if decoded.colour:
        raise InputError.one(
            path,
            f"is coloured, so its labels are unknown; its colours: {colour_table(decoded.data)}",
            "Save the mask as grey values, one whole number for each class (0 is background); or set "
            "'mask_colours' to the class of each colour.",
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
            "Set 'mask_threshold', for instance to 0.5, or save whole numbers (0 background, 1 foreground).",
            "fractions",
        )
