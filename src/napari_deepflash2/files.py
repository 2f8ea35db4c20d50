"""Writing files so that a file under its final name is complete, and telling whether it still is."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError

# Asking for the umask means setting it, for the whole process: done once, while only one thread runs.
_UMASK = os.umask(0)
os.umask(_UMASK)
# Windows: access denied, sharing violation, lock violation.
_HELD = {5, 32, 33}
_PAUSES = [0.01 * 2**n for n in range(10)]


@contextmanager
def written_aside(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends without error.

    Parameters
    ----------
    path : path
        The final name. Its folder is made where it is missing. An older file stays whole until the
        new one is.

    Yields
    ------
    pathlib.Path
        Where to write, with the suffix of `path` so that writers recognise the format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        flush_to_disk(aside)
        aside.chmod(0o666 & ~_UMASK)
        move(aside, path)
        flush_to_disk(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def move(source: Path, target: Path) -> None:
    """Rename a file over another, and wait where another program holds it.

    On Windows an antivirus, OneDrive, Excel or a viewer that reads keep a file from being replaced, most of
    them for a moment only. It is tried for about ten seconds.

    Raises
    ------
    InputError
        Where it is still held then.
    """
    for pause in _PAUSES:
        try:
            source.replace(target)
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _HELD:
                raise
            time.sleep(pause)
        else:
            return
    raise InputError.one(
        target,
        "is held by another program and cannot be written",
        "Close the program that has it open (Excel, a preview, a backup), then try again or resume.",
        "file-held",
    )


def sha256_of(path: Path | str) -> str:
    """SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text aside, then rename."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or what a folder lists, is on the disk."""
    # Windows can neither open nor flush a folder, and renames durably without it.
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
