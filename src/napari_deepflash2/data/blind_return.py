"""Reading the packages of a blind kit back: checked whole, then named as the originals."""

from __future__ import annotations

import math
import shutil
import tempfile
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..consensus.overlap import dice
from ..errors import InputError, Problem, raise_if_any
from ..progress import Progress, ProgressCallback, ignore_progress
from ..tables import write_csv
from .blind_key import MASKS, BlindKey, KitImage, pixels_sha256, read_key
from .folders import IMAGE_EXTENSIONS, image_id, same_name_key, shown_names
from .mask_kind import MaskKind
from .masks import interpret_masks
from .new_folder import built_aside, new_folder_problems
from .reading import read_labels
from .unpacking import unpack

if TYPE_CHECKING:
    import pandas as pd

OWN_ERROR = "own_error.csv"
# What a mask may take unpacked: eight bytes a pixel and something for the file around it.
_BYTES_PER_PIXEL, _SLACK = 8, 2**20


@dataclass(frozen=True)
class BlindReport:
    """What `read_back` wrote.

    Attributes
    ----------
    out : Path
        Experts' folder, as `find_expert_masks` takes it.
    own_error : DataFrame
        One row per expert, repeated image and label: expert, image, first, second (neutral names), label,
        dice. 1.0 where the label is in neither mask.
    notes : tuple of Problem
        What is missing, where that was allowed.
    """

    out: Path
    own_error: pd.DataFrame
    notes: tuple[Problem, ...]


@dataclass(frozen=True)
class _Mask:
    expert: str
    name: str
    image: KitImage
    repeat: bool
    path: Path
    data: NDArray[np.integer]


def read_back(
    kit: Path | str,
    returned: Path | str,
    out: Path | str,
    allow_missing: bool = False,
    mask_kind: MaskKind = "auto",
    progress: ProgressCallback = ignore_progress,
) -> BlindReport:
    """Check the masks that experts sent back and put them into a folder of experts' masks.

    Parameters
    ----------
    kit : path
        The kit's folder, or its ``key.json``.
    returned : path
        Holds ``<expert>/`` or ``<expert>.zip`` for each expert; the masks lie in its folder ``masks``, or
        where there is none in the package itself.
    out : path
        Must be new or empty. Gets ``<expert>/<name of the original>`` with the extension of the mask, the
        first showing of each image, byte by byte as it came; and ``own_error.csv``.
    allow_missing : bool
        Whether missing masks and packages are notes rather than errors.
    mask_kind : {"auto", "classes", "instances"}
        What the values of the masks are, for the experts' own error.
    progress : ProgressCallback
        Called once an expert.

    Returns
    -------
    BlindReport
        With the table of each expert's own error.

    Raises
    ------
    InputError
        Lists every mask that is missing, unknown, double, unreadable, of another shape than its image, or
        the image itself, and every archive that is damaged or reaches outside of its folder. Nothing is
        written then.
    """
    key, returned, out = read_key(kit), Path(returned), Path(out)
    raise_if_any([*new_folder_problems(out, returned), *_unknown_packages(key, returned)])
    problems: list[Problem] = []
    missing: list[Problem] = []
    masks: list[_Mask] = []
    with ExitStack() as unpacked:
        for done, expert in enumerate(key.packages, start=1):
            found = _collect(key, expert, returned, unpacked, problems, missing)
            masks += found
            progress(Progress("packages", done, len(key.packages)))
        if not allow_missing:
            problems += missing
        raise_if_any(problems)
        if not masks:
            raise InputError.one(
                returned, "holds no mask at all", "Give what the experts returned.", "no-masks"
            )
        table, notes = _own_error(masks, mask_kind)
        with built_aside(out) as aside:
            for mask in masks:
                if not mask.repeat:
                    target = aside / mask.expert / f"{image_id(mask.image.name)}{mask.path.suffix.lower()}"
                    target.parent.mkdir(exist_ok=True)
                    shutil.copyfile(mask.path, target)
            write_csv(table, aside / OWN_ERROR)
    return BlindReport(out, table, (*missing, *notes))


def _collect(
    key: BlindKey,
    expert: str,
    returned: Path,
    unpacked: ExitStack,
    problems: list[Problem],
    missing: list[Problem],
) -> list[_Mask]:
    """Masks of one expert that are in order; what is not is added to `problems` and `missing`."""
    try:
        package = _package(key, expert, returned, unpacked)
    except InputError as error:
        problems += error.problems
        return []
    if package is None:
        found = f"neither a folder {expert} nor {expert}.zip is there"
        missing.append(
            Problem(str(returned), found, "Put it there, or allow it to be missing.", "no-package")
        )
        return []
    files, wrong = _by_neutral_name(key, expert, package)
    problems += wrong
    lacking = [Path(name) for name in key.packages[expert] if name not in files]
    if lacking:
        found = f"{len(lacking)} masks are missing: {shown_names(lacking)}"
        remedy = "Ask for them, or allow them to be missing."
        missing.append(Problem(f"expert {expert}", found, remedy, "missing-mask"))
    masks = []
    for name, path in files.items():
        showing = key.packages[expert][name]
        image = key.images[showing.image]
        try:
            data = _checked(f"expert {expert}, {path.name}", path, image)
        except InputError as error:
            problems += error.problems
        else:
            masks.append(_Mask(expert, name, image, showing.repeat, path, data))
    return masks


def _package(key: BlindKey, expert: str, returned: Path, unpacked: ExitStack) -> Path | None:
    folders = [path for path in sorted(returned.iterdir()) if _expert_of(path) == same_name_key(expert)]
    if len(folders) > 1:
        found = f"several packages of {expert}: {shown_names(folders)}"
        raise InputError.one(returned, found, "Keep the one that counts.", "two-packages")
    if not folders:
        return None
    if folders[0].is_dir():
        return _masks_folder(folders[0])
    place = Path(unpacked.enter_context(tempfile.TemporaryDirectory(prefix="deepflash2-")))
    images = [key.images[one.image] for one in key.packages[expert].values()]
    # An expert may have left the images in the package.
    limit = sum(_SLACK + _BYTES_PER_PIXEL * math.prod(one.shape) + one.n_bytes for one in images)
    unpack(folders[0], place, limit)
    return _masks_folder(place)


def _masks_folder(package: Path) -> Path:
    named = [path for path in sorted(package.rglob("*")) if path.is_dir() and path.name.lower() == MASKS]
    if named:
        return named[0]
    inside = [path for path in sorted(package.iterdir()) if not path.name.startswith((".", "__"))]
    return _masks_folder(inside[0]) if len(inside) == 1 and inside[0].is_dir() else package


def _by_neutral_name(key: BlindKey, expert: str, folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    neutral = {same_name_key(name): name for name in key.packages[expert]}
    files: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.iterdir()):
        if (
            path.name.startswith((".", "~"))
            or path.suffix.lower() not in IMAGE_EXTENSIONS
            or not path.is_file()
        ):
            continue
        name = neutral.get(same_name_key(image_id(path)))
        where = f"expert {expert}, {path.name}"
        if name is None:
            remedy = "Give it the name of its image, such as image_001.tif, or take it out."
            problems.append(Problem(where, "is the mask of no image of the package", remedy, "extra-mask"))
        elif name in files:
            found = f"is a second mask of one image, beside {files[name].name}"
            problems.append(Problem(where, found, "Keep one of the two.", "two-masks"))
        else:
            files[name] = path
    return files, problems


def _checked(where: str, path: Path, image: KitImage) -> NDArray[np.integer]:
    try:
        data = read_labels(path, pages="slices" if len(image.shape) > 2 else "refuse").data
    except InputError as error:
        # A file of an archive lies in a folder that is gone when this is read.
        raise InputError(Problem(where, one.found, one.remedy, one.code) for one in error.problems) from error
    if data.shape != image.shape:
        found = f"has {_by(data.shape)} pixels, the image has {_by(image.shape)}"
        raise InputError.one(where, found, "Save the mask at the size of its image.", "mask-shape")
    if data.any() and pixels_sha256(data) == image.pixels_sha256:
        raise InputError.one(where, "is the image itself", "Save the mask in its place.", "image-as-mask")
    return data


def _own_error(masks: list[_Mask], kind: MaskKind) -> tuple[pd.DataFrame, list[Problem]]:
    import pandas as pd

    rows: list[dict[str, object]] = []
    problems: list[Problem] = []
    notes: list[Problem] = []
    for expert in dict.fromkeys(mask.expert for mask in masks):
        own = [mask for mask in masks if mask.expert == expert]
        if not any(mask.data.any() for mask in own):
            remedy = "Check that nothing was to be marked."
            notes.append(Problem(f"expert {expert}", "marked nothing in any image", remedy, "no-foreground"))
            continue
        names = [f"expert {expert}, {mask.name}" for mask in own]
        try:
            meaning = interpret_masks([mask.data for mask in own], names, kind, ridges=False)
        except InputError as error:
            problems += error.problems
            continue
        labels = {(mask.image.name, mask.repeat): place for place, mask in enumerate(own)}
        for (image, repeat), second in labels.items():
            first = labels.get((image, False))
            if not repeat or first is None:
                continue
            found = {"expert": expert, "image": image, "first": own[first].name, "second": own[second].name}
            for code, value in enumerate(meaning.classes[1:], start=1):
                overlap = dice(meaning.labels[first] == code, meaning.labels[second] == code)
                rows.append(found | {"label": value, "dice": overlap})
    raise_if_any(problems)
    return pd.DataFrame(rows, columns=["expert", "image", "first", "second", "label", "dice"]), notes


def _unknown_packages(key: BlindKey, returned: Path) -> list[Problem]:
    if not returned.is_dir():
        return [Problem(str(returned), "is no folder", "Give the folder of what came back.", "bad-folder")]
    known = {same_name_key(expert) for expert in key.packages}
    return [
        Problem(str(path), "belongs to no expert of this kit", "Rename it or take it out.", "unknown-package")
        for path in sorted(returned.iterdir())
        if (name := _expert_of(path)) is not None and name not in known
    ]


def _expert_of(path: Path) -> str | None:
    if path.name.startswith((".", "~", "__")):
        return None
    if path.is_dir():
        return same_name_key(path.name)
    return same_name_key(path.stem) if zipfile.is_zipfile(path) or path.suffix.lower() == ".zip" else None


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(str(length) for length in shape)
