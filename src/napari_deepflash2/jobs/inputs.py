"""What is to be predicted: small images that are read whole, and large ones that are read part by part."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config import DataConfig
from ..data import image_id, list_images
from ..data.channels import with_channels
from ..data.csv_table import read_columns
from ..data.folders import TIFF_EXTENSIONS, same_name_key
from ..data.lazy_image import LazyImage
from ..data.lazy_tiff import open_tiff, planes_are_large
from ..data.zarr_files import is_zarr, open_zarr
from ..errors import InputError, Problem, listed, raise_if_any

# Of 8192 pixels a side: with its maps such a plane takes some 2 GB of memory.
_MOST_PIXELS = 2**26
_LISTS = {".txt", ".csv"}

Images = Path | str | Sequence[Path | str]


@dataclass(frozen=True)
class Input:
    """An image to predict.

    Attributes
    ----------
    path : path or str
        A file, a Zarr folder, or an address.
    id : str
        Name of its results.
    """

    path: Path | str
    id: str

    def opened(self, config: DataConfig) -> LazyImage | None:
        """Open a large image; None for one that is to be read whole.

        Raises
        ------
        InputError
            Where it cannot be opened, or lacks a channel that the settings take.
        """
        if is_zarr(self.path):
            return with_channels(open_zarr(self.path, config.pages), config.channels)
        path = Path(self.path)
        if path.suffix.lower() in TIFF_EXTENSIONS and planes_are_large(path, _MOST_PIXELS):
            return with_channels(open_tiff(path, config.pages), config.channels)
        return None


def find_inputs(images: Images) -> tuple[list[Input], list[Problem]]:
    """List what is to be predicted.

    Parameters
    ----------
    images : path, str, or sequence of these
        A folder of images, Zarr folders among them; a single image, or its address; a list of images as
        text file (``.txt``, one path a line) or table (``.csv``, with a column ``image``), whose paths are
        those seen from its own folder; or several of all these.

    Returns
    -------
    inputs : list of Input
        In the order given, those of a folder by name; each once.
    missing : list of Problem
        What is not there.

    Raises
    ------
    InputError
        Where there is nothing to predict, a folder or a list cannot be read, or the results of two images
        would have one name.
    """
    several = [images] if isinstance(images, str | Path) else list(images)
    paths = dict.fromkeys(path for one in several for path in _paths_of(one))
    is_there = {path: is_zarr(path) or Path(path).exists() for path in paths}
    missing = [_missing(path) for path, known in is_there.items() if not known]
    inputs = [_input(path) for path, known in is_there.items() if known]
    if not inputs:
        raise InputError(missing or [_nothing()])
    raise_if_any(_of_one_name(inputs))
    return inputs, missing


def _paths_of(given: Path | str) -> list[Path | str]:
    path = Path(given)
    if is_zarr(given) or (path.is_file() and path.suffix.lower() not in _LISTS):
        return [given]
    if path.is_file():
        return _listed_in(path)
    return [path] if path.suffix and not path.exists() else _in_folder(path)


def _in_folder(folder: Path) -> list[Path | str]:
    folders = _zarr_folders(folder)
    try:
        files = list_images(folder)
    except InputError as error:
        if not folders or error.problems[0].code != "no-images":
            raise
        files = []
    return [*sorted([*files, *folders], key=lambda path: path.name)]


def _listed_in(path: Path) -> list[Path | str]:
    if path.suffix.lower() == ".csv":
        lines = [row["image"] for row in read_columns(path, ["image"], lambda found: _bad_list(path, found))]
    else:
        lines = _lines(path)
    return [line if is_zarr(line) else path.parent / line for line in lines if line]


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _bad_list(path, str(error)) from error


def _of_one_name(inputs: Sequence[Input]) -> Iterator[Problem]:
    by_name: dict[str, list[Input]] = defaultdict(list)
    for item in inputs:
        by_name[same_name_key(item.id)].append(item)
    for several in by_name.values():
        if len(several) > 1:
            yield Problem(
                listed([item.path for item in several], most=5),
                f"would all have results of the name {several[0].id}",
                "Rename them, or predict them into several output folders.",
                "same-name",
            )


def _missing(path: Path | str) -> Problem:
    return Problem(
        str(path), "is not there", "Check its spelling, or take it out of the list.", "missing-image"
    )


def _nothing() -> Problem:
    return Problem("images", "none are given", "Give a folder, an image, or a list of images.", "no-images")


def _bad_list(path: Path, found: str) -> InputError:
    return InputError.one(
        path,
        f"cannot be read as a list of images: {found}",
        "Save it in UTF-8: as .txt with one path a line, or as .csv with a column image.",
        "bad-list",
    )


def _zarr_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.suffix.lower() == ".zarr" and is_zarr(path)]


def _input(path: Path | str) -> Input:
    if not is_zarr(path):
        return Input(path, image_id(path))
    name = str(path).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    return Input(path, unicodedata.normalize("NFC", name.removesuffix(".zarr").removesuffix(".ome")))
