"""PNG, JPEG, BMP and the other pictures that Pillow knows; what only imageio reads comes last."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import InputError
from .decoded import DECODING_ERRORS, Decoded, refuse_oversized, unreadable
from .pixel_size import of_picture

# Formats by Pillow's names. Left out are those that start a program (EPS) or are TIFF.
PICTURES = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "JPEG2000", "PPM", "PCX", "SGI", "QOI", "AVIF")
_LOSSY = {"JPEG", "MPO", "WEBP", "JPEG2000", "AVIF"}
_GREY = {"1", "L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}
_COLOUR = {"RGB", "RGBA", "LA"}
_ORIENTATION = 0x0112


def picture_format(start: bytes) -> str | None:
    """Name of the picture format that a file with these first bytes has."""
    Image.init()
    for name in PICTURES:
        accept = Image.OPEN[name][1] if name in Image.OPEN else None
        if accept is not None and accept(start) is True:
            return name
    return None


def extensions_of(name: str) -> set[str]:
    """List the usual file extensions of a picture format, with their dots."""
    return {extension for extension, of in Image.registered_extensions().items() if of == name}


def decode_picture(path: Path, name: str, largest_pixels: int | None = None) -> Decoded:
    """Read a picture of the named format.

    Parameters
    ----------
    path : path
        The file.
    name : str
        From `picture_format`.
    largest_pixels : int, optional
        See `refuse_oversized`.

    Raises
    ------
    InputError
        Where it is damaged, holds several frames, or its colours are neither grey nor RGB.
    """
    try:
        with path.open("rb") as stream:
            return _decode(path, name, stream, largest_pixels)
    except InputError:
        raise
    except DECODING_ERRORS as error:
        raise unreadable(path, error) from error


def _decode(path: Path, name: str, stream: BinaryIO, largest_pixels: int | None) -> Decoded:
    # Not `Image.open`: that refuses honest pictures of more than 179 million pixels.
    image = Image.OPEN[name][0](stream, str(path))
    frames = int(getattr(image, "n_frames", 1))
    if frames != 1:
        raise InputError.one(
            path, f"holds {frames} frames", "Save the frames as a TIFF with axes.", "several-frames"
        )
    refuse_oversized(path, (image.height, image.width, len(image.getbands())), 2, largest_pixels)
    raw_mode = _raw_mode(image)
    image.load()
    return Decoded(
        **_pixels(path, image, raw_mode),
        lossy=image.format in _LOSSY,
        orientation=int(image.getexif().get(_ORIENTATION, 1)),
        pixel_size=of_picture(image.info) if name == "PNG" else None,
    )


def _pixels(path: Path, image: Image.Image, raw_mode: str) -> dict[str, Any]:
    if image.mode == "P":
        return _palette_pixels(image)
    if image.mode in _GREY:
        return {"data": _grey_as_stored(np.asarray(image), raw_mode), "axes": "YX"}
    if image.mode not in _COLOUR:
        raise InputError.one(
            path,
            f"its colours are stored as {image.mode}",
            "Convert it to RGB or to grey values.",
            "colour-space",
        )
    data = _sixteen_bits(path) if ";16" in raw_mode else np.asarray(image)
    return {"data": data, "axes": "YXC", "colour": image.mode != "LA", "alpha": image.mode.endswith("A")}


def _palette_pixels(image: Image.Image) -> dict[str, Any]:
    if "transparency" in image.info and image.format != "GIF":
        return _transparent_palette(image)
    table = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return {"data": np.asarray(image), "axes": "YX", "palette": table}


def _transparent_palette(image: Image.Image) -> dict[str, Any]:
    data = np.asarray(image.convert("RGBA"))
    return {"data": data, "axes": "YXC", "colour": True, "alpha": True}


def _grey_as_stored(data: NDArray[Any], raw_mode: str) -> NDArray[Any]:
    # Pillow spreads 2 and 4 bits over 0 to 255, which would change the labels of a mask.
    spread = {"L;2": 85, "L;4": 17}.get(raw_mode, 1)
    return data.astype(data.dtype.newbyteorder("="), copy=False) // spread if spread > 1 else _native(data)


def _native(data: NDArray[Any]) -> NDArray[Any]:
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def _raw_mode(image: Image.Image) -> str:
    arguments = image.tile[0][3] if image.tile else ""
    raw = arguments if isinstance(arguments, str) else (arguments or ("",))[0]
    return raw if isinstance(raw, str) else ""


def _sixteen_bits(path: Path) -> NDArray[Any]:
    # Pillow keeps only the upper 8 bits of a coloured PNG with 16.
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


def decode_other(path: Path) -> Decoded:
    """Read what neither tifffile nor Pillow knows, with imageio."""
    import imageio.v3 as iio

    try:
        data = np.asarray(iio.imread(path))
    except DECODING_ERRORS as error:
        raise unreadable(path, error) from error
    if data.ndim == 3 and data.shape[-1] in (3, 4):
        return Decoded(data=_native(data), axes="YXC", colour=True, alpha=data.shape[-1] == 4)
    return Decoded(data=_native(data), axes="IJKLMNOPQ"[: data.ndim - 2] + "YX")
