"""Unpacking archives that others sent."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import InputError, Problem, raise_if_any
from .folders import same_name_key

_MOST_FILES = 100_000
_CHUNK = 2**20


def unpack(archive: Path, into: Path, most_bytes: int) -> None:
    """Unpack a zip archive into a folder, and never outside of it.

    Parameters
    ----------
    archive : path
        The zip archive; junk that macOS adds is left out.
    into : path
        An empty folder.
    most_bytes : int
        How much may come out, counted as it comes.

    Raises
    ------
    InputError
        Where the archive is damaged, locked or too large, or holds links, paths that lead out of the folder,
        or two files of one name; names every such file.
    """
    remedy = "Ask for the package again, zipped as a plain .zip."
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [one for one in opened.infolist() if not one.is_dir() and not _is_junk(one.filename)]
            raise_if_any(_problems(archive, members))
            left = most_bytes
            for member in members:
                left = _write(archive, opened, member, into, left)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise InputError.one(
            archive, f"is a damaged or locked archive ({error})", remedy, "bad-zip"
        ) from error
    except OSError as error:
        raise InputError.one(archive, f"cannot be unpacked ({error.strerror})", remedy, "bad-zip") from error


def _is_junk(name: str) -> bool:
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith("._")


def _problems(archive: Path, members: list[zipfile.ZipInfo]) -> list[Problem]:
    remedy = "Ask for the package again, zipped as a plain .zip."
    if len(members) > _MOST_FILES:
        return [Problem(str(archive), f"holds {len(members)} files", remedy, "too-large")]
    problems = []
    seen: set[str] = set()
    for member in members:
        where, name = f"{archive}, {member.filename}", same_name_key(member.filename)
        if _leads_out(member.filename):
            problems.append(Problem(where, "leads out of its folder", remedy, "unsafe-path"))
        elif stat.S_ISLNK(member.external_attr >> 16):
            problems.append(Problem(where, "is a link", remedy, "unsafe-path"))
        elif name in seen:
            problems.append(Problem(where, "is there twice", remedy, "same-name"))
        seen.add(name)
    return problems


def _leads_out(name: str) -> bool:
    # A name that is harmless on one system may be a path on another.
    windows = PureWindowsPath(name)
    return bool(windows.drive or windows.root or ".." in windows.parts or PurePosixPath(name).is_absolute())


def _write(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo, into: Path, left: int) -> int:
    target = into.joinpath(*PurePosixPath(member.filename).parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, target.open("wb") as stream:
        while chunk := source.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                found = "holds more than masks of these images take"
                raise InputError.one(archive, found, "Check where it comes from.", "too-large")
            stream.write(chunk)
    return left
