"""How large a pixel is, as far as files say it."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from html import unescape
from typing import TYPE_CHECKING, Any

from ..errors import Problem, listed

if TYPE_CHECKING:
    import tifffile

PixelSize = tuple[float, float]

_MICROMETRES = {
    "nm": 1e-3, "nanometer": 1e-3, "µm": 1, "μm": 1, "um": 1, "micron": 1, "microns": 1, "micrometer": 1,
    "mm": 1e3, "millimeter": 1e3, "cm": 1e4, "centimeter": 1e4, "m": 1e6, "meter": 1e6, "inch": 25_400,
    "inches": 25_400, "å": 1e-4, "angstrom": 1e-4, "pm": 1e-6,
}  # fmt: skip
# Cameras and picture editors write a resolution for printing, such as 72 or 300 per inch, that is no size of
# anything seen. A larger pixel is believed only where the unit is one of microscopes.
_LARGEST_PRINTED = 20.0
_FOR_PRINT = {"inch", "inches", "cm", "centimeter"}
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}
_MIXED = 1.05


def in_words(size: PixelSize | None) -> str:
    """Size for a table or message, such as ``0.65 µm`` or ``0.65 x 0.5 µm``; empty where it is not known."""
    if size is None:
        return ""
    height, width = (f"{length:.4g}" for length in size)
    return f"{height} µm" if height == width else f"{height} x {width} µm"


def from_lengths(height: float, width: float, unit: str) -> PixelSize | None:
    """Size of a pixel in micrometres; None where it is no length, or only one for printing.

    Parameters
    ----------
    height, width : float
        Of a pixel, in the unit.
    unit : str
        As a file names it, such as ``µm``, ``micron`` or ``inch``; µ may be written as an escape.
    """
    name = re.sub(r"\\u00b5|\\u03bc", "µ", unit.strip().lower())
    name = re.sub(r"(metre)(s?)$", "meter", name)
    factor = _MICROMETRES.get(name)
    if factor is None or not all(math.isfinite(length) and length > 0 for length in (height, width)):
        return None
    size = (height * factor, width * factor)
    if name in _FOR_PRINT and max(size) > _LARGEST_PRINTED:
        return None
    return size


def of_tiff(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> PixelSize | None:
    """Size of a TIFF's pixels by its OME metadata, else by those of ImageJ, else by its resolution tags."""
    if tif.is_ome and (size := _of_ome(tif.ome_metadata or "")):
        return size
    per_unit = [_ratio(page.tags.valueof(name)) for name in ("YResolution", "XResolution")]
    if None in per_unit or 0 in per_unit:
        return None
    unit = _RESOLUTION_UNITS.get(int(page.tags.valueof("ResolutionUnit", default=1)), "")
    if tif.is_imagej:
        unit = str((tif.imagej_metadata or {}).get("unit", unit))
    height, width = (1 / value for value in per_unit if value)
    return from_lengths(height, width, unit)


def as_tiff_tags(size: PixelSize | None) -> dict[str, Any]:
    """Arguments of `tifffile.imwrite` that store a pixel size, as other programs read it too."""
    if size is None:
        return {}
    height, width = (length / _MICROMETRES["cm"] for length in size)
    return {"resolution": (1 / width, 1 / height), "resolutionunit": "CENTIMETER"}


def of_picture(info: Mapping[str, Any]) -> PixelSize | None:
    """Size of a PNG's pixels, from what Pillow says of the picture."""
    per_inch = info.get("dpi")
    if not (isinstance(per_inch, tuple) and len(per_inch) == 2 and all(per_inch)):
        return None
    return from_lengths(1 / per_inch[1], 1 / per_inch[0], "inch")


def notes_of_sizes(sizes: Sequence[PixelSize | None], names: Sequence[str]) -> list[Problem]:
    """Note a set in which pixels have several sizes.

    Parameters
    ----------
    sizes : sequence of (float, float) or None
        In micrometres.
    names : sequence of str
        A name for each image.
    """
    known = [size for size in sizes if size is not None]
    lengths = [length for size in known for length in size]
    if not known or max(lengths) <= _MIXED * min(lengths):
        return []
    by_size: dict[str, list[str]] = defaultdict(list)
    for size, name in zip(sizes, names, strict=True):
        by_size[in_words(size) or "not known"].append(name)
    shown = "; ".join(f"{size}: {listed(own, most=3)}" for size, own in by_size.items())
    usual = Counter(max(size) for size in known).most_common(1)[0][0]
    return [
        Problem(
            "images",
            f"pixels of several sizes: {shown}",
            f"Set 'target_pixel_size', for instance to {usual:.4g}, if objects shall be seen at one scale.",
            "mixed-pixel-sizes",
        )
    ]


def _of_ome(text: str) -> PixelSize | None:
    # Of the first image; a file with several is refused. Four attributes are not worth an XML parser.
    found = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", text)
    values = dict(re.findall(r'\b(PhysicalSize[XY](?:Unit)?)\s*=\s*"([^"]*)"', found[0])) if found else {}
    try:
        height, width = (float(values[f"PhysicalSize{axis}"]) for axis in "YX")
    except (KeyError, ValueError):
        return None
    units = {unescape(values.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "YX"}
    return from_lengths(height, width, units.pop()) if len(units) == 1 else None


def _ratio(value: Any) -> float | None:
    """Divide what a TIFF writes as numerator and denominator."""
    try:
        numerator, denominator = value
        return float(numerator) / float(denominator)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
