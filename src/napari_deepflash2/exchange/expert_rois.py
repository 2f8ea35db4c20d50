"""Experts' ImageJ ROI sets as a folder of experts' masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data import image_id, list_images, read_image
from ..data.folders import same_name_key, sub_folders
from ..errors import InputError, Problem, raise_if_any
from ..files import written_aside
from ..progress import Progress, ProgressCallback, ignore_progress
from .roi_files import ROI_EXTENSIONS
from .rois import RoiLabels, labels_of_rois


@dataclass(frozen=True)
class ImportedRois:
    """What `import_expert_rois` wrote.

    Attributes
    ----------
    out : Path
        Folder with one sub-folder for each expert.
    masks : dict of str to dict of str to Path
        For each image (file name), the mask of each expert who has a ROI set for it.
    notes : tuple of Problem
        Regions left out or cut, and sets that are missing.
    """

    out: Path
    masks: dict[str, dict[str, Path]]
    notes: tuple[Problem, ...]


def import_expert_rois(
    rois_dir: Path | str,
    images_dir: Path | str,
    out: Path | str,
    progress: ProgressCallback = ignore_progress,
) -> ImportedRois:
    """Turn the ROI sets of several experts into masks, as `find_expert_masks` takes them.

    Parameters
    ----------
    rois_dir : path
        Holds one sub-folder for each expert, with one ``.roi`` or ``.zip`` for each image, named like it.
    images_dir : path
        The images: they give the masks their shape.
    out : path
        Gets one sub-folder for each expert, with one TIFF of object numbers for each image.
    progress : ProgressCallback
        Called once a ROI set.

    Raises
    ------
    InputError
        Lists every ROI set that cannot be used, belongs to no image, or is one of two for the same image.
        Nothing is written then.
    """
    images = {same_name_key(image_id(path)): path for path in list_images(images_dir)}
    sets = _sets(Path(rois_dir), images)
    shapes: dict[str, tuple[int, ...]] = {}
    read: list[tuple[str, Path, RoiLabels]] = []
    problems: list[Problem] = []
    for done, (expert, key, path) in enumerate(sets, start=1):
        try:
            if key not in shapes:
                shapes[key] = _shape(images[key])
            read.append((expert, images[key], labels_of_rois(path, shapes[key])))
        except InputError as error:
            problems += error.problems
        progress(Progress("ROI sets", done, len(sets)))
    raise_if_any(problems)
    masks: dict[str, dict[str, Path]] = {}
    for expert, image, found in read:
        masks.setdefault(image.name, {})[expert] = _write(
            Path(out) / expert / f"{image_id(image)}.tif", found.labels
        )
    notes = [note for _, _, found in read for note in found.notes] + _missing(sets, images)
    return ImportedRois(Path(out), dict(sorted(masks.items())), tuple(notes))


def _sets(rois_dir: Path, images: dict[str, Path]) -> list[tuple[str, str, Path]]:
    """Expert, key of the image and path of every ROI set."""
    found: list[tuple[str, str, Path]] = []
    problems: list[Problem] = []
    for folder in sub_folders(rois_dir):
        seen: dict[str, Path] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() not in ROI_EXTENSIONS or path.name.startswith("."):
                continue
            key = same_name_key(image_id(path))
            if key not in images:
                remedy = "Name it like its image, or take it out."
                problems.append(Problem(str(path), "has no image of its name", remedy, "no-image"))
            elif key in seen:
                found_text = f"is a second ROI set for the image of {seen[key].name}"
                problems.append(Problem(str(path), found_text, "Keep one of the two.", "two-sets"))
            else:
                seen[key] = path
                found.append((folder.name, key, path))
    raise_if_any(problems)
    if not found:
        remedy = "Give the folder that holds one sub-folder of .roi or .zip files for each expert."
        raise InputError.one(rois_dir, "holds no ROI set", remedy, "no-rois")
    return found


def _shape(path: Path) -> tuple[int, ...]:
    image = read_image(path)
    return tuple(length for axis, length in zip(image.axes, image.data.shape, strict=True) if axis != "C")


def _write(path: Path, labels: NDArray[np.unsignedinteger]) -> Path:
    import tifffile

    axes = "ZYX"[-labels.ndim :]
    with written_aside(path) as aside:
        tifffile.imwrite(aside, labels, compression="zlib", metadata={"axes": axes})
    return path


def _missing(sets: list[tuple[str, str, Path]], images: dict[str, Path]) -> list[Problem]:
    notes = []
    there = {(expert, key) for expert, key, _ in sets}
    for expert in dict.fromkeys(expert for expert, _, _ in sets):
        lacking = [path.name for key, path in images.items() if (expert, key) not in there]
        if lacking:
            found = f"has no ROI set for {len(lacking)} of {len(images)} images: {', '.join(lacking[:10])}"
            notes.append(Problem(expert, found, "They count as not annotated by this expert.", "no-set"))
    return notes
