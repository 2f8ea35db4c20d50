"""Listing the images of a folder: what counts, what is left out, what is refused."""

from __future__ import annotations

import logging
import os
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, Problem, listed, raise_if_any

_log = logging.getLogger(__name__)

TIFF_EXTENSIONS = {".tif", ".tiff", ".btf", ".tf8"}
PICTURE_EXTENSIONS = {
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".jp2",
    ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".pcx", ".sgi", ".qoi", ".avif",
}  # fmt: skip
# Listed so that they are refused with a reason and not passed over.
FOREIGN_EXTENSIONS = {
    ".czi", ".nd2", ".lif", ".svs", ".ndpi", ".oib", ".oif", ".vsi", ".ims", ".lsm", ".stk", ".zvi", ".mrxs",
    ".scn", ".dv", ".qptiff", ".npy", ".npz", ".h5", ".hdf5", ".mha", ".nrrd", ".nii", ".fits", ".dcm",
}  # fmt: skip
IMAGE_EXTENSIONS = TIFF_EXTENSIONS | PICTURE_EXTENSIONS | FOREIGN_EXTENSIONS


@dataclass(frozen=True)
class Folder:
    """The image files of a folder and what a user should know about the rest.

    Attributes
    ----------
    files : tuple of Path
        Regular files with the extension of an image, sorted by name.
    notes : tuple of Problem
        What was left out.
    """

    files: tuple[Path, ...]
    notes: tuple[Problem, ...]


def list_images(folder: Path | str) -> list[Path]:
    """List the image files that lie directly in a folder, sorted by name.

    Files that are not images by their extension, hidden and temporary files and sub-folders are left out,
    and the log says so.

    Raises
    ------
    InputError
        Where the folder is missing, cannot be read, holds no image, or holds something under an image's
        name that is not a regular file; names each.
    """
    listing = scan_folder(folder)
    for note in listing.notes:
        _log.info("%s", note)
    return list(listing.files)


def scan_folder(folder: Path | str) -> Folder:
    """List a folder as `list_images` does, and give the notes back."""
    folder = Path(folder)
    entries = _entries(folder)
    images = [entry for entry in entries if _is_named_like_an_image(entry) and not _is_hidden(entry)]
    raise_if_any(_not_regular(entry) for entry in images if not entry.is_file())
    if not images:
        raise _nothing_there(folder, entries)
    return Folder(tuple(images), tuple(_left_out(folder, entries, images)))


def image_id(path: Path | str) -> str:
    """Name of an image: its file name without the last extension, in Unicode's composed form.

    ``.ome.tif`` counts as one extension, so that ``a.ome.tif`` is ``a``; ``plate1.wellA.tif`` is
    ``plate1.wellA``.
    """
    path = Path(path)
    stem = path.stem
    if path.suffix.lower() in TIFF_EXTENSIONS and stem.lower().endswith(".ome"):
        stem = stem[: -len(".ome")]
    return unicodedata.normalize("NFC", stem)


def same_name_key(name: str) -> str:
    """Return what two names have in common that some disk takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def sub_folders(folder: Path | str) -> list[Path]:
    """List the sub-folders of a folder, sorted by name; hidden ones and links to what is above are left out.

    Raises
    ------
    InputError
        Where the folder is missing or cannot be read.
    """
    above = Path(folder).resolve()
    return [
        path
        for path in _entries(Path(folder))
        if path.is_dir() and not _is_hidden(path) and path.resolve() not in {above, *above.parents}
    ]


def _is_hidden(path: Path) -> bool:
    # Files of macOS, of editors and of network drives; __MACOSX and @eaDir are folders.
    return path.name.startswith((".", "~$", "__MACOSX", "@eaDir"))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted((Path(entry) for entry in os.scandir(folder)), key=lambda path: path.name)
    except OSError as error:
        raise InputError.one(
            folder,
            f"cannot be opened as a folder ({error.strerror})",
            "Give the path of an existing folder.",
            "bad-folder",
        ) from error


def _is_named_like_an_image(path: Path) -> bool:
    if path.suffix.lower() not in IMAGE_EXTENSIONS:
        return False
    return path.is_symlink() or not path.is_dir()


def _not_regular(path: Path) -> Problem:
    return Problem(
        str(path), f"is {_kind(path)}, not a regular file", "Replace it by the file itself.", "not-a-file"
    )


def _kind(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError:
        return "a link to a file that is not there"
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _nothing_there(folder: Path, entries: list[Path]) -> InputError:
    return InputError.one(
        folder,
        f"holds no image (expected TIFF, PNG, JPEG, BMP, ...); there: {shown_names(entries) or 'nothing'}",
        "Give the folder in which the images themselves lie.",
        "no-images",
    )


def _left_out(folder: Path, entries: list[Path], images: list[Path]) -> list[Problem]:
    used = set(images)
    rest = [entry for entry in entries if entry not in used and not _is_hidden(entry)]
    kinds = {
        "sub-folders": [entry for entry in rest if entry.is_dir()],
        "files that are not images": [entry for entry in rest if not entry.is_dir()],
        "hidden files": [entry for entry in entries if _is_hidden(entry)],
    }
    return [
        Problem(
            str(folder),
            f"{len(found)} {what} left out: {shown_names(found)}",
            "Nothing to do unless images are among them: these must lie in the folder itself.",
            "left-out",
        )
        for what, found in kinds.items()
        if found
    ]


def shown_names(paths: list[Path], most: int = 10) -> str:
    """Names for a message, the first ten and how many more."""
    return listed([path.name for path in paths], most)
