"""What the decoders of file formats hand over, and the refusals they share."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import InputError, Problem
from .pixel_size import PixelSize

# What decoders of damaged files are known to raise; their own classes derive from these.
DECODING_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

_MOST_PIXELS = 4_000_000_000
_LARGE_BYTES = 1 << 30
# Deflate reaches 1,030; pictures with something in them stay below a tenth of that.
_HIGHEST_RATIO = 500


@dataclass(frozen=True)
class Decoded:
    """Pixels as a decoder gives them.

    Attributes
    ----------
    data : ndarray
        Native byte order, values as stored.
    axes : str
        One letter for each axis of `data`: those of "TZYXC", or another for an axis of unknown meaning.
    colour : bool
        Whether C is red, green, blue (and alpha) of one coloured picture.
    alpha : bool
        Whether the last of C is an alpha channel.
    palette : ndarray or None
        Colour table (n, 3) of a picture that stores its row numbers.
    lossy : bool
        Whether the format changes values when it saves.
    orientation : int
        TIFF or EXIF orientation; 1 is the usual one.
    notes : tuple of Problem
        What a user should know about the file.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres, where the file says it.
    """

    data: NDArray[Any]
    axes: str
    colour: bool = False
    alpha: bool = False
    palette: NDArray[Any] | None = None
    lossy: bool = False
    orientation: int = 1
    notes: tuple[Problem, ...] = ()
    pixel_size: PixelSize | None = None


def unreadable(path: Path | str, error: object) -> InputError:
    """Make the refusal of a file that a decoder could not read."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError.one(
        path,
        f"cannot be read as an image: damaged, cut short or of an unknown kind ({reason[:200]})",
        "Copy it again from the microscope or export it as TIFF, or take it out of the folder.",
        "unreadable",
    )


def refuse_oversized(
    path: Path, shape: tuple[int, ...], itemsize: int, largest_pixels: int | None = None
) -> None:
    """Refuse by the header alone what would not fit into memory, before any is taken.

    Parameters
    ----------
    path : path
        The file.
    shape : tuple of int
        What its header announces.
    itemsize : int
        Bytes of one value.
    largest_pixels : int, optional
        Most values there may be. Without it they are 4 billion, and where they take more than 1 GiB, no
        more than 500 times the size of the file.
    """
    pixels = math.prod(shape)
    size = path.stat().st_size
    if largest_pixels is None:
        swollen = pixels * itemsize > _LARGE_BYTES and pixels * itemsize > _HIGHEST_RATIO * size
        allowed = pixels <= _MOST_PIXELS and not swollen
    else:
        allowed = pixels <= largest_pixels
    if not allowed:
        raise InputError.one(
            path,
            f"its header announces {' x '.join(map(str, shape))} values "
            f"({pixels * itemsize / 2**30:.1f} GiB) in a file of {size} bytes",
            "Export the image again, or crop it into smaller ones; if this is right, set 'largest_pixels' "
            f"to {pixels}.",
            "oversized",
        )
