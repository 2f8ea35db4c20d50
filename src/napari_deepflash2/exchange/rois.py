"""ImageJ regions of interest as label images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem, raise_if_any
from .roi_files import read_rois

if TYPE_CHECKING:
    from roifile import ImagejRoi

_NO_AREA = {"LINE", "FREELINE", "POLYLINE", "ANGLE", "POINT", "NOROI"}


@dataclass(frozen=True)
class RoiLabels:
    """What the regions of one file mark.

    Attributes
    ----------
    labels : array, (Y, X) or (Z, Y, X), uint16 or uint32
        Object numbers: the place of the region in the file, from 1; 0 is background.
    names : dict of int to str
        Name of each object that is in `labels`.
    notes : tuple of Problem
        Regions without area, cut at the border, or covered by others.
    """

    labels: NDArray[np.unsignedinteger]
    names: dict[int, str]
    notes: tuple[Problem, ...]


@dataclass(frozen=True)
class _Drawn:
    number: int
    name: str
    plane: int | None
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    cut: bool


def labels_of_rois(path: Path | str, shape: Sequence[int]) -> RoiLabels:
    """Read an ImageJ ROI file or set as an image of object numbers.

    A pixel belongs to a region when its centre lies inside the outline, as in ImageJ. Polygons, freehand
    and traced outlines, rectangles (also with sub-pixel and rotated ones), ovals, ellipses and composites
    with holes are areas; lines, angles, points and texts are none and are left out with a note. **Where
    regions overlap, the smaller one has the pixel** (of equal ones the later), so that no object vanishes
    under a larger one drawn around it.

    Parameters
    ----------
    path : path
        A ``.roi`` file or a RoiSet ``.zip``.
    shape : (Y, X) or (Z, Y, X)
        Of the image. In a stack a region lies in the plane of its position; in one image positions are
        passed over.

    Returns
    -------
    RoiLabels
        Labels with their names.

    Raises
    ------
    InputError
        Where the file cannot be used, holds no area, or regions lie outside of the image, or in a stack
        have no plane of it; names every region.
    """
    path, shape = Path(path), tuple(int(length) for length in shape)
    if len(shape) not in (2, 3):
        found = f"the image has {len(shape)} axes"
        raise InputError.one(path, found, "Give the shape (Y, X) or (Z, Y, X).", "roi-axes")
    drawn: list[_Drawn] = []
    notes: list[Problem] = []
    problems: list[Problem] = []
    for number, (name, roi) in enumerate(read_rois(path), start=1):
        where = f"{path}, region {number} ({name})"
        if _has_no_area(roi):
            notes.append(_no_area_note(where, roi))
            continue
        try:
            drawn.append(_draw(where, number, name, roi, shape))
        except InputError as error:
            problems += error.problems
    raise_if_any(problems)
    if not drawn:
        raise InputError.one(
            path, "holds no region with an area", "Draw outlines, not lines or points.", "no-area"
        )
    labels = _painted(drawn, shape)
    visible = set(np.unique(labels).tolist())
    notes += _notes(path, drawn, visible)
    return RoiLabels(labels, {one.number: one.name for one in drawn if one.number in visible}, tuple(notes))


def _has_no_area(roi: ImagejRoi) -> bool:
    if roi.composite:
        return False
    return roi.roitype.name in _NO_AREA or roi.subtype.name in {"TEXT", "ARROW", "IMAGE"}


def _draw(where: str, number: int, name: str, roi: ImagejRoi, shape: tuple[int, ...]) -> _Drawn:
    top, left, filled = _filled(where, roi, shape[-2:])
    rows, columns = np.nonzero(filled)
    rows, columns = rows + top, columns + left
    inside = (rows >= 0) & (rows < shape[-2]) & (columns >= 0) & (columns < shape[-1])
    if not inside.any():
        found = "holds the centre of no pixel of the image"
        raise InputError.one(where, found, "Draw it larger, or take it out of the set.", "no-pixel")
    plane = _plane(where, roi, shape[0]) if len(shape) == 3 else None
    return _Drawn(number, name, plane, rows[inside], columns[inside], not inside.all())


def _plane(where: str, roi: ImagejRoi, depth: int) -> int:
    position = roi.z_position or roi.position
    if not 1 <= position <= depth:
        found = f"lies in plane {position} of {depth}" if position else "is tied to no plane of the stack"
        raise InputError.one(where, found, "Set its position in ImageJ (Properties).", "no-plane")
    return position - 1


def _filled(where: str, roi: ImagejRoi, image: tuple[int, ...]) -> tuple[int, int, NDArray[np.bool_]]:
    """Top, left and pixels of a region, cut to a little more than the image so that cuts show."""
    if roi.roitype.name in {"RECT", "OVAL"} and not roi.composite:
        return _filled_box(where, roi, image)
    try:
        paths = [np.asarray(path, float) for path in roi.coordinates(multi=True)]
    except (NotImplementedError, RuntimeError, IndexError, ValueError) as error:
        remedy = "In ImageJ, turn it into a polygon (Edit, Selection, Interpolate), or take it out."
        raise InputError.one(
            where, f"has an outline that cannot be read ({error})", remedy, "bad-outline"
        ) from error
    paths = [path for path in paths if len(path)]
    if not paths:
        raise InputError.one(where, "has no outline", "Take it out of the set.", "bad-outline")
    top, left, size = _window(where, np.concatenate(paths), image)
    filled = np.zeros(size, bool)
    for path in paths:
        # Even-odd, as ImageJ composes: a path within another one is a hole.
        filled ^= _inside_polygon(path[:, 1] - top, path[:, 0] - left, size)
    return top, left, filled


def _filled_box(where: str, roi: ImagejRoi, image: tuple[int, ...]) -> tuple[int, int, NDArray[np.bool_]]:
    if roi.roitype.name == "RECT" and roi.rounded_rect_arc_size:
        remedy = "In ImageJ, set its corner diameter to 0, or draw a polygon."
        raise InputError.one(where, "is a rectangle with rounded corners", remedy, "bad-outline")
    x, y, width, height = (
        (roi.xd, roi.yd, roi.widthd, roi.heightd)
        if roi.subpixelrect
        else (roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top)
    )
    top, left, size = _window(where, np.array([(x, y), (x + width, y + height)], float), image)
    # Of the pixels' centres, as a share of half the box.
    down = (np.arange(size[0])[:, None] + top + 0.5 - y - height / 2) / max(height / 2, 1e-9)
    right = (np.arange(size[1])[None] + left + 0.5 - x - width / 2) / max(width / 2, 1e-9)
    if roi.roitype.name == "OVAL":
        return top, left, down**2 + right**2 <= 1
    return top, left, (down >= -1) & (down < 1) & (right >= -1) & (right < 1)


def _window(
    where: str, points: NDArray[np.float64], image: tuple[int, ...]
) -> tuple[int, int, tuple[int, int]]:
    """Box of (x, y) points, no more than a pixel beyond the image whatever a file says."""
    if not np.isfinite(points).all():
        raise InputError.one(
            where, "has coordinates that are no numbers", "Take it out of the set.", "bad-outline"
        )
    height, width = image
    lowest, highest = points.min(axis=0), points.max(axis=0)
    if (highest <= 0).any() or (lowest >= (width, height)).any():
        found = f"lies outside of the image of {height} × {width} pixels"
        remedy = "Check that the set belongs to this image, or take the region out."
        raise InputError.one(where, found, remedy, "outside-image")
    left, top = np.clip(np.floor(lowest), -1, (width, height)).astype(int)
    right, bottom = np.clip(np.ceil(highest), 0, (width + 1, height + 1)).astype(int)
    return int(top), int(left), (max(int(bottom - top), 1), max(int(right - left), 1))


def _inside_polygon(
    rows: NDArray[np.float64], columns: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.bool_]:
    from skimage.draw import polygon

    filled = np.zeros(size, bool)
    # Centres on an edge belong to the region on their right, or below, as ImageJ has it; skimage would give
    # them to both. Shifts this small decide that and nothing else.
    filled[polygon(rows - 0.5 - 1e-9, columns - 0.5 - 1e-6, size)] = True
    return filled


def _painted(drawn: list[_Drawn], shape: tuple[int, ...]) -> NDArray[np.unsignedinteger]:
    most = max(one.number for one in drawn)
    labels = np.zeros(shape, np.uint16 if most < 2**16 else np.uint32)
    for one in sorted(drawn, key=lambda one: (-one.rows.size, one.number)):
        plane = labels if one.plane is None else labels[one.plane]
        plane[one.rows, one.columns] = one.number
    return labels


def _no_area_note(where: str, roi: ImagejRoi) -> Problem:
    kind = (roi.subtype if roi.subtype.value > 0 else roi.roitype).name.lower()
    return Problem(where, f"is a {kind} and has no area", "It is left out.", "no-area")


def _notes(path: Path, drawn: list[_Drawn], visible: set[int]) -> list[Problem]:
    cut = [one.name for one in drawn if one.cut]
    covered = [one.name for one in drawn if one.number not in visible]
    notes = []
    if cut:
        found = f"{len(cut)} regions reach beyond the image: {_shown(cut)}"
        notes.append(Problem(str(path), found, "They are cut at its border.", "cut-at-border"))
    if covered:
        found = f"{len(covered)} regions lie wholly under smaller or later ones: {_shown(covered)}"
        notes.append(Problem(str(path), found, "They are left out; look for doubles.", "covered"))
    return notes


def _shown(names: list[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
