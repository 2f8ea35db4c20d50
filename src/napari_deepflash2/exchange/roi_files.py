"""Reading ImageJ's `.roi` files and RoiSet `.zip` archives, without trusting either."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, Problem, raise_if_any

if TYPE_CHECKING:
    from roifile import ImagejRoi

ROI_EXTENSIONS = {".roi", ".zip"}
# Far beyond what anybody draws, and small enough for any laptop.
MOST_ROIS, MOST_BYTES_OF_ONE, MOST_BYTES = 100_000, 16 * 2**20, 256 * 2**20
# What roifile raises on bytes that are no ROI, depending on where it stumbles.
_DAMAGED = (ValueError, TypeError, IndexError, struct.error, RuntimeError, OverflowError, MemoryError)
_ZIP_START = b"PK"


def read_rois(path: Path | str) -> list[tuple[str, ImagejRoi]]:
    """Read the regions of interest of a file, in order.

    Parameters
    ----------
    path : path
        A ``.roi`` file or a ``.zip`` archive of such files; its content decides which.

    Returns
    -------
    list of (str, ImagejRoi)
        Name and region. The name is the one stored in the region, or that of its file.

    Raises
    ------
    InputError
        Where the file cannot be read, is neither, holds more than 100 000 regions or 256 MiB unpacked, or
        where one of its regions is damaged; names every one of these.
    """
    path = Path(path)
    found, problems = [], []
    for name, data in _stored(path):
        try:
            roi = _parsed(data)
        except _DAMAGED as error:
            problems.append(_not_a_roi(_place(path, name), error))
        else:
            found.append((roi.name or Path(name).stem, roi))
    raise_if_any(problems)
    return found


def _stored(path: Path) -> list[tuple[str, bytes]]:
    try:
        with path.open("rb") as stream:
            start = stream.read(2)
        if start == _ZIP_START:
            return _members(path)
        if path.stat().st_size > MOST_BYTES_OF_ONE:
            raise _too_large(path)
        return [(path.name, path.read_bytes())]
    except OSError as error:
        remedy = "Give an ImageJ .roi file or a RoiSet .zip."
        raise InputError.one(path, f"cannot be read ({error.strerror})", remedy, "no-file") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        remedy = "Save the ROI set again in ImageJ (ROI Manager, More, Save)."
        raise InputError.one(path, f"is a damaged zip archive ({error})", remedy, "bad-zip") from error


def _members(path: Path) -> list[tuple[str, bytes]]:
    found, total = [], 0
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if _counts(one)]
        if len(members) > MOST_ROIS:
            raise _too_large(path)
        for member in members:
            # The sizes that an archive states may lie, so that what really comes out is counted.
            with archive.open(member) as stream:
                data = stream.read(MOST_BYTES_OF_ONE + 1)
            total += len(data)
            if len(data) > MOST_BYTES_OF_ONE or total > MOST_BYTES:
                raise _too_large(path)
            found.append((member.filename, data))
    if not found:
        remedy = "Give the RoiSet .zip that the ROI Manager saved."
        raise InputError.one(path, "holds no .roi file", remedy, "no-rois")
    return found


def _counts(member: zipfile.ZipInfo) -> bool:
    name = member.filename
    hidden = name.startswith("__MACOSX/") or Path(name).name.startswith(".")
    return not member.is_dir() and not hidden


def _parsed(data: bytes) -> ImagejRoi:
    from roifile import ImagejRoi

    return ImagejRoi.frombytes(data)


def _place(path: Path, name: str) -> str:
    return str(path) if name == path.name else f"{path}, {name}"


def _not_a_roi(where: str, error: Exception) -> Problem:
    return Problem(
        where, f"is no ImageJ ROI ({error})", "Save it again in ImageJ, or take it out.", "not-a-roi"
    )


def _too_large(path: Path) -> InputError:
    return InputError.one(
        path,
        f"holds more than {MOST_ROIS} regions or {MOST_BYTES // 2**20} MiB, which no drawing needs",
        "Check where the file comes from.",
        "too-large",
    )
