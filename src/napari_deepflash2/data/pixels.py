"""From what a decoder gives to the pixels a user means: order of axes, colour tables, alpha, grey in RGB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem
from .decoded import Decoded

AXES = "TZYXC"
Pages = Literal["refuse", "slices", "channels"]


def arranged(path: Path, decoded: Decoded, pages: Pages) -> Decoded:
    """Bring the axes into the order T, Z, Y, X, C; axes of length 1 other than Y and X are dropped.

    Raises
    ------
    InputError
        Where the meaning of an axis is neither in the file nor in `pages`, or there is no pixel.
    """
    keep = [i for i, axis in enumerate(decoded.axes) if axis in "YX" or decoded.data.shape[i] > 1]
    axes = "".join(decoded.axes[i] for i in keep)
    shape = [decoded.data.shape[i] for i in keep]
    if "Y" not in axes or "X" not in axes or decoded.data.size == 0:
        raise InputError.one(
            path,
            f"has no pixels (shape {_times(decoded.data.shape)})",
            "Export the image again.",
            "no-pixels",
        )
    axes = _with_pages_named(path, axes, shape, pages)
    order = sorted(range(len(axes)), key=lambda i: AXES.index(axes[i]))
    return replace(
        decoded,
        data=decoded.data.reshape(shape).transpose(order),
        axes="".join(axes[i] for i in order),
    )


def _with_pages_named(path: Path, axes: str, shape: list[int], pages: Pages) -> str:
    unknown = [axis for axis in axes if axis not in AXES]
    if not unknown:
        return axes
    name = {"slices": "Z", "channels": "C"}.get(pages, "")
    if len(unknown) > 1 or not name or name in axes:
        raise InputError.one(
            path,
            f"holds pages of unknown meaning (shape {_times(shape)}): the file does not say whether they are "
            "slices or channels",
            "Save it from ImageJ/Fiji or as OME-TIFF, which name the axes, or set 'pages' to 'slices' or "
            "'channels'.",
            "unknown-axes",
        )
    return axes.replace(unknown[0], name)


def without_alpha(path: Path, decoded: Decoded) -> Decoded:
    """Leave out an alpha channel that is opaque everywhere.

    Raises
    ------
    InputError
        Where it is not, so that leaving it out would change the picture.
    """
    if not decoded.alpha:
        return decoded
    alpha = decoded.data[..., -1]
    opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1
    if not np.all(alpha == opaque):
        raise InputError.one(
            path,
            "its fourth channel is taken for transparency and is not opaque everywhere",
            "Flatten the picture; where the four are channels of a microscope, save it with named axes "
            "(ImageJ or OME-TIFF).",
            "transparency",
        )
    note = _note(path, "an opaque alpha channel was left out", "alpha-left-out")
    data, axes = decoded.data[..., :-1], decoded.axes
    if data.shape[-1] == 1:
        data, axes = data[..., 0], axes[:-1]
    return replace(decoded, data=data, axes=axes, alpha=False, notes=(*decoded.notes, note))


def one_channel_of_grey(path: Path, decoded: Decoded) -> Decoded:
    """Take one channel of an RGB picture whose three are equal: a grey one, saved in colours."""
    if not (decoded.colour and decoded.axes.endswith("C")):
        return decoded
    red = decoded.data[..., 0]
    if any(not np.array_equal(red, decoded.data[..., i]) for i in range(1, decoded.data.shape[-1])):
        return decoded
    note = _note(path, "RGB with three equal channels was taken as one grey channel", "grey-in-rgb")
    return replace(decoded, data=red, axes=decoded.axes[:-1], notes=(*decoded.notes, note))


def colours_of_palette(path: Path, decoded: Decoded) -> Decoded:
    """Replace the row numbers of a colour table by its colours, for images."""
    if decoded.palette is None:
        return decoded
    note = _note(path, "a picture with a colour table was taken by its colours", "palette")
    data = _looked_up(path, decoded.data, decoded.palette)
    return replace(
        decoded,
        data=data,
        axes=decoded.axes + "C",
        colour=True,
        palette=None,
        notes=(*decoded.notes, note),
    )


def labels_of_palette(path: Path, decoded: Decoded) -> Decoded:
    """Keep the row numbers of a colour table as labels, unless the table is grey: then its grey values."""
    if decoded.palette is None:
        return decoded
    used = np.unique(decoded.data)
    colours = _looked_up(path, used, decoded.palette)
    if np.all(colours == colours[:, :1]):
        return replace(decoded, data=_looked_up(path, decoded.data, decoded.palette[:, 0]), palette=None)
    note = _note(path, "labels are the numbers of the colour table, not its colours", "palette")
    return replace(decoded, palette=None, notes=(*decoded.notes, note))


def labels_of_colours(path: Path, decoded: Decoded, colours: Mapping[str, int]) -> Decoded:
    """Give each pixel of a coloured mask the label of its colour, named as ``#RRGGBB``.

    Raises
    ------
    InputError
        Where the mask holds colours that are not named.
    """
    if not (decoded.colour and decoded.axes.endswith("C")) or decoded.data.dtype != np.uint8:
        return decoded
    packed = decoded.data.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    labels = np.full(packed.shape, -1, np.int64)
    for name, label in colours.items():
        labels[packed == int(name[1:], 16)] = label
    unknown = decoded.data[labels < 0]
    if unknown.size:
        raise InputError.one(
            path,
            f"holds colours that 'mask_colours' does not name: {colour_table(unknown)}",
            "Name them too, or correct the mask.",
            "unknown-colours",
        )
    return replace(decoded, data=labels, axes=decoded.axes[:-1], colour=False)


def _looked_up(path: Path, rows: NDArray[Any], table: NDArray[Any]) -> NDArray[Any]:
    if rows.size and int(rows.max()) >= len(table):
        raise InputError.one(path, "its colour table is too short", "Export it again.", "unreadable")
    return np.asarray(table[rows.astype(np.intp)])


def colour_table(data: NDArray[Any], most: int = 6) -> str:
    """Return the most frequent colours of a picture (..., C) with their shares, for a message."""
    pixels = data.reshape(-1, data.shape[-1])[:: max(1, data.size // 3_000_000)]
    counts = Counter(map(tuple, pixels.tolist()))
    shown = [f"{colour} {100 * count / len(pixels):.1f} %" for colour, count in counts.most_common(most)]
    more = f" and {len(counts) - most} more" if len(counts) > most else ""
    return ", ".join(shown) + more


def _times(shape: Any) -> str:
    return " x ".join(map(str, shape))


def _note(path: Path, found: str, code: str) -> Problem:
    return Problem(str(path), found, "Nothing to do.", code)
