"""Blind annotation: one package per expert with neutral names, an order of its own and repeated images."""

from __future__ import annotations

import math
import os
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..errors import InputError, Problem, raise_if_any
from ..progress import Progress, ProgressCallback, ignore_progress
from .blind_key import IMAGES, KEY_NAME, MASKS, BlindKey, KitImage, Showing, pixels_sha256
from .blind_return import BlindReport, read_back
from .experts import NOT_EXPERTS
from .folders import same_name_key
from .new_folder import built_aside, new_folder_problems
from .pairing import duplicate_names
from .reading import ImageFile, list_images, read_image

__all__ = ["BlindKit", "BlindReport", "make_blind_kit", "read_back"]

# The time that all files of a package bear, so that times tell nothing about the order.
_NEUTRAL_TIME = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_NOT_A_NAME = re.compile(r'[<>:"/\\|?*\x00-\x1f]|^[.~@\s]|^__|[.\s]$|(?i:^(con|prn|aux|nul|com\d|lpt\d)$)')
_TRIES = 200
README = """\
{count} images to annotate, for {expert}
{line}

Annotate the images of the folder "images" in the order of their numbers, each on its own, without
looking at the masks that you made before.

1. Open images/image_001.tif in the program that you like (napari, Fiji, QuPath, ...).
2. Mark what you were asked to mark. In the mask, 0 is background; the same number everywhere (such as 1
   or 255) marks foreground; one number for each class, or one for each object, is fine too.
3. Save the mask as TIFF or PNG in the folder "masks", under the same name: masks/image_001.tif.
   Not as JPEG, which changes numbers. It must have as many pixels as the image.
4. An image on which there is nothing to mark gets a mask all the same, filled with 0.

Then send this folder back, zipped or not. Please do not rename anything, and do not talk about single
images with other experts before you have finished.
"""


@dataclass(frozen=True)
class BlindKit:
    """What `make_blind_kit` wrote.

    Attributes
    ----------
    out : Path
        The kit's folder.
    key : Path
        Tells which neutral name is which image. Keep it, and keep it from the experts.
    packages : dict of str to Path
        For each expert the zip archive to send; beside it lies a folder with the same content.
    repeated : tuple of str
        Names of the images that every expert gets twice.
    notes : tuple of Problem
        How images were read.
    """

    out: Path
    key: Path
    packages: dict[str, Path]
    repeated: tuple[str, ...]
    notes: tuple[Problem, ...]


def make_blind_kit(
    images_dir: Path | str,
    out: Path | str,
    experts: Sequence[str],
    repeats: float = 0.1,
    random_state: int = 42,
    progress: ProgressCallback = ignore_progress,
) -> BlindKit:
    """Write one package of images per expert, blinded.

    Every expert gets all images, in a random order of the expert's own, under the names ``image_001.tif``
    and so on, as TIFF without the metadata of the originals. Some images come a second time, far from the
    first, under a name of their own: they measure how far the expert agrees with himself or herself.

    Parameters
    ----------
    images_dir : path
        Holds the images.
    out : path
        The kit's folder; must be new or empty. Gets ``<expert>/`` and ``<expert>.zip`` for each expert and,
        beside them and in none of them, ``key.json``.
    experts : sequence of str
        Names; they become folders.
    repeats : int or float
        How many images come twice: a whole number is a count, a number below 1 a share of the images,
        rounded up. The same images for every expert, so that experts can be compared.
    random_state : int
        The same number gives the same kit.
    progress : ProgressCallback
        Called once an image.

    Returns
    -------
    BlindKit
        Where everything is.

    Raises
    ------
    InputError
        Lists every name of an expert that cannot be a folder, every image that cannot be read, and
        whatever else is wrong; nothing is written then.
    """
    out = Path(out)
    paths = list_images(images_dir)
    count = _repeat_count(repeats, len(paths))
    raise_if_any(
        [*_name_problems(experts), *duplicate_names(paths), *new_folder_problems(out, Path(images_dir))]
    )
    rng = np.random.default_rng(random_state)
    repeated = sorted(rng.choice(len(paths), count, replace=False).tolist())
    with built_aside(out) as aside:
        masters = aside / ".masters"
        images, notes = _neutral_copies(paths, masters, progress)
        packages = {}
        for expert, own_rng in zip(experts, rng.spawn(len(experts)), strict=True):
            showings = _ordered(len(paths), repeated, own_rng)
            names = _neutral_names(len(showings))
            packages[expert] = dict(zip(names, showings, strict=True))
            _write_package(aside / expert, expert, packages[expert], masters)
        shutil.rmtree(masters)
        key = BlindKey(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            random_state=random_state,
            images=images,
            packages=packages,
        )
        (aside / KEY_NAME).write_text(key.model_dump_json(indent=1), encoding="utf-8")
    return BlindKit(
        out,
        out / KEY_NAME,
        {expert: out / f"{expert}.zip" for expert in experts},
        tuple(paths[index].name for index in repeated),
        notes,
    )


def _repeat_count(repeats: float, images: int) -> int:
    count = math.ceil(repeats * images) if isinstance(repeats, float) and 0 < repeats < 1 else repeats
    if not 0 <= count <= images or count != int(count):
        raise InputError.one(
            "repeats",
            f"{repeats} of {images} images",
            f"Give a whole number from 0 to {images}, or a share below 1.",
            "bad-repeats",
        )
    return int(count)


def _name_problems(experts: Sequence[str]) -> list[Problem]:
    problems = []
    if not experts:
        problems.append(Problem("experts", "no expert is named", "Name at least one.", "no-experts"))
    seen: dict[str, str] = {}
    for expert in experts:
        key = " ".join(same_name_key(expert).split())
        if not key or _NOT_A_NAME.search(expert) or key in NOT_EXPERTS or len(expert) > 100:
            remedy = "Use letters, digits, spaces inside, '-' and '_', and no name of a common folder."
            problems.append(
                Problem(f"expert {expert!r}", "cannot be the name of a folder", remedy, "bad-name")
            )
        elif key in seen:
            found = f"has the same name as {seen[key]!r} but for letter case, spaces or Unicode form"
            problems.append(Problem(f"expert {expert!r}", found, "Give them different names.", "same-expert"))
        seen[key] = expert
    return problems


def _neutral_copies(
    paths: list[Path], masters: Path, progress: ProgressCallback
) -> tuple[tuple[KitImage, ...], tuple[Problem, ...]]:
    masters.mkdir()
    images: list[KitImage] = []
    notes: list[Problem] = []
    problems: list[Problem] = []
    for number, path in enumerate(paths):
        try:
            image = read_image(path)
        except InputError as error:
            problems += error.problems
            continue
        _write_neutral(masters / f"{number}.tif", image)
        images.append(_kit_image(path.name, image))
        notes += image.notes
        progress(Progress("images", number + 1, len(paths)))
    raise_if_any(problems)
    return tuple(images), tuple(notes)


def _kit_image(name: str, image: ImageFile) -> KitImage:
    shape = tuple(length for axis, length in zip(image.axes, image.data.shape, strict=True) if axis != "C")
    return KitImage(
        name=name, shape=shape, n_bytes=image.data.nbytes, pixels_sha256=pixels_sha256(image.data)
    )


def _write_neutral(path: Path, image: ImageFile) -> None:
    """Write the pixels and nothing that tells where they come from, so that Fiji too knows the axes."""
    import tifffile

    data, axes = image.data, image.axes
    if axes == "YXC" and data.shape[-1] == 3 and data.dtype in (np.uint8, np.uint16):
        tifffile.imwrite(path, data, photometric="rgb", metadata=None)
        return
    if "C" in axes:
        # ImageJ keeps channels in front of the plane.
        place = max(len(axes) - 3, 0)
        data, axes = np.moveaxis(data, -1, place), axes[:place] + "C" + axes[place:-1]
    if data.dtype == np.bool_:
        data = data.astype(np.uint8)
    imagej = data.dtype in (np.uint8, np.uint16, np.float32)
    tifffile.imwrite(path, data, imagej=imagej, photometric="minisblack", metadata={"axes": axes})


def _ordered(images: int, repeated: list[int], rng: np.random.Generator) -> list[Showing]:
    """Random order in which the two showings of an image are as far apart as chance lets them be."""
    shown = np.array([*range(images), *repeated])
    best, widest = rng.permutation(shown), -1
    for _ in range(_TRIES if repeated else 0):
        order = rng.permutation(shown)
        gap = min(int(np.ptp(np.flatnonzero(order == image))) for image in repeated)
        if gap > widest:
            best, widest = order, gap
        if widest >= len(shown) // 3:
            break
    seen: set[int] = set()
    showings = []
    for image in best.tolist():
        showings.append(Showing(image=image, repeat=image in seen))
        seen.add(image)
    return showings


def _neutral_names(count: int) -> list[str]:
    digits = max(3, len(str(count)))
    return [f"image_{number:0{digits}}" for number in range(1, count + 1)]


def _write_package(folder: Path, expert: str, showings: dict[str, Showing], masters: Path) -> None:
    (folder / IMAGES).mkdir(parents=True)
    (folder / MASKS).mkdir()
    line = "=" * len(f"{len(showings)} images to annotate, for {expert}")
    readme = README.format(count=len(showings), expert=expert, line=line)
    (folder / "README.txt").write_text(readme, encoding="utf-8")
    for name, showing in showings.items():
        shutil.copyfile(masters / f"{showing.image}.tif", folder / IMAGES / f"{name}.tif")
    files = sorted(path for path in folder.rglob("*"))
    for path in files:
        os.utime(path, (_NEUTRAL_TIME, _NEUTRAL_TIME))
    with zipfile.ZipFile(folder.with_name(f"{folder.name}.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, f"{expert}/{path.relative_to(folder).as_posix()}")
