"""Taking hold of an ensemble's folder for one run, and recording how the run ended."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError
from ..progress import Cancelled
from .manifest import MANIFEST
from .run import EVENTS, INPUT, LOCK, STOP, EventLog, RunLock

_OF_A_RUN = {EVENTS, STOP, LOCK, INPUT}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


@contextmanager
def claimed_folder(folder: Path, resume: bool) -> Iterator[EventLog]:
    """Hold the folder for the length of the block; whatever ends it is the last event.

    Raises
    ------
    InputError
        Where the folder cannot be written, is held by another run, or holds other things; or when the
        disk is full.
    """
    _check_content(folder, resume)
    with _held(folder):
        log = EventLog(folder)
        if resume:
            _clean(folder)
        try:
            yield log
        except (Cancelled, KeyboardInterrupt):
            (folder / STOP).unlink(missing_ok=True)
            log.write("stopped")
            raise
        except OSError as error:
            problem = _problem_of_disk(folder, error)
            with suppress(OSError):
                log.write("failed", message=str(problem or error))
            raise problem or error from error
        except Exception as error:
            log.write("failed", message=str(error))
            raise


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = RunLock(folder)
        lock.acquire()
    except OSError as error:
        raise InputError.one(
            folder,
            f"cannot be written ({error.strerror})",
            "Choose a folder that you may write to.",
            "folder-not-writable",
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            lock.release()


def _check_content(folder: Path, resume: bool) -> None:
    if not folder.is_dir():
        return
    names = sorted(p.name for p in folder.iterdir() if p.name not in _OF_A_RUN and p.name[0] != ".")
    if MANIFEST in names and not resume:
        raise InputError.one(
            folder,
            "already holds an ensemble",
            "Choose another folder, or resume this run.",
            "folder-holds-ensemble",
        )
    if names and MANIFEST not in names:
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        raise InputError.one(
            folder, f"holds other files ({shown})", "Choose a new or an empty folder.", "folder-not-empty"
        )


def check_free_space(folder: Path, need: int) -> None:
    """Refuse a disk that has no room for so many bytes.

    Raises
    ------
    InputError
        Says how many megabytes are missing.
    """
    missing = need - shutil.disk_usage(folder).free
    if missing > 0:
        raise InputError.one(
            folder,
            f"{missing / 2**20:.0f} MiB are missing on its disk for models, checkpoints and predictions",
            "Make room, or choose a folder on another disk.",
            "disk-full",
        )


def _clean(folder: Path) -> None:
    """Remove what only makes sense while a run lives, and what a killed one left half-written."""
    (folder / STOP).unlink(missing_ok=True)
    for leftover in folder.rglob(".writing-*"):
        leftover.unlink()


def _room(folder: Path) -> str:
    need = max((path.stat().st_size for path in folder.glob("checkpoints/*")), default=0)
    free = shutil.disk_usage(folder).free
    return f"{free / 2**20:.1f} MiB are free, a checkpoint takes {need / 2**20:.1f}"


def _problem_of_disk(folder: Path, error: OSError) -> InputError | None:
    """Say in words what is wrong with the folder; None where the error is about something else."""
    if error.errno in _NO_SPACE:
        return InputError.one(
            folder,
            f"there is no space left on its disk ({_room(folder)}); all that was saved before is whole",
            "Make room, then resume this run.",
            "disk-full",
        )
    if not (folder / LOCK).exists():
        return InputError.one(
            folder,
            "has vanished, or the lock in it, while the run wrote to it",
            "Connect its disk again and resume this run, or train into another folder.",
            "folder-vanished",
        )
    if error.errno in _READ_ONLY:
        return InputError.one(
            folder,
            f"cannot be written any more ({error.strerror}); all that was saved before is whole",
            "See that its disk may be written to, then resume this run.",
            "folder-not-writable",
        )
    return None
