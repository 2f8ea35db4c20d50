"""The run folder: how a training run and those who watch it talk. Free of torch, quick to import.

A run writes one JSON object a line to ``events.jsonl``, holds ``lock`` while it lives and stops soon after a
file ``stop`` appears. A watcher may be another process, or come back after it was closed.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..progress import Progress

if TYPE_CHECKING:
    import psutil

EVENTS, STOP, LOCK = "events.jsonl", "stop", "lock"
# Where a viewer may put the arrays that the run in another process shall read.
INPUT = "input"
_SECONDS_BETWEEN_STEPS = 0.25

Event = dict[str, Any]


class RunFolder:
    """A training run as seen from outside.

    Parameters
    ----------
    path : path
        The ensemble's folder; may not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def events(self, since: int = 0) -> list[Event]:
        """Events from number `since` on, oldest first.

        Each has ``kind``: ``"start"``, ``"progress"``, ``"epoch"``, ``"note"``, ``"finished"``,
        ``"stopped"`` or ``"failed"``. A line that is still being written is left for the next call; ask
        then with `since` raised by the number of events received.
        """
        return self.news()[0][since:]

    def news(self, position: int = 0) -> tuple[list[Event], int]:
        """Events from a byte of the log on, and the byte to go on from: for those who look often.

        What a full disk cut short is left out.
        """
        try:
            with (self.path / EVENTS).open("rb") as stream:
                stream.seek(position)
                text = stream.read()
        except (FileNotFoundError, NotADirectoryError):
            return [], position
        whole = text[: text.rfind(b"\n") + 1]
        return [*_events(whole.split(b"\n")[:-1])], position + len(whole)

    def request_stop(self) -> None:
        """Ask the run to stop after the batch it is at."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / STOP).touch()

    def stop_is_requested(self) -> bool:
        """Whether somebody has asked for the end of the run."""
        return (self.path / STOP).exists()

    def owner(self) -> Event | None:
        """Who holds the folder: ``pid``, ``host``, ``started``, or None where nobody does."""
        try:
            owner: Event = json.loads((self.path / LOCK).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            return {}
        return owner

    def is_alive(self) -> bool:
        """Whether a run is at work in this folder.

        A run on another host cannot be looked at from here and counts as alive.
        """
        owner = self.owner()
        return owner is not None and _is_alive(owner)


class EventLog:
    """The writing side of ``events.jsonl``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        self._started = time.monotonic()
        self._task, self._written = "", self._started
        _end_last_line(self._path)

    def write(self, kind: str, **values: Any) -> None:
        """Append one event; it can be read as soon as this returns."""
        event = {"kind": kind, "elapsed": round(time.monotonic() - self._started, 3), **values}
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(event) + "\n")

    def write_progress(self, progress: Progress) -> None:
        """Append how far a task is: its first step, its last, and four a second of those in between.

        With every step the file of a long run would be too long to be read again and again.
        """
        now = time.monotonic()
        is_between = progress.task == self._task and progress.done < progress.total
        if is_between and now - self._written < _SECONDS_BETWEEN_STEPS:
            return
        self._task, self._written = progress.task, now
        self.write(
            "progress",
            task=progress.task,
            done=progress.done,
            total=progress.total,
            values=dict(progress.values),
        )


class RunLock:
    """Holds a folder for one run."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._folder = RunFolder(folder)

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        InputError
            Where another run holds the folder; names its process, host and start.
        """
        if not self._create():
            self._remove_stale()
            if not self._create():
                raise _locked(self._path, self._folder.owner() or {})

    def release(self) -> None:
        """Give the folder free, if it still is this process that holds it."""
        owner = self._folder.owner()
        if owner and (owner.get("pid"), owner.get("host")) == (os.getpid(), socket.gethostname()):
            self._path.unlink(missing_ok=True)

    def _create(self) -> bool:
        aside = self._path.with_name(f".writing-{LOCK}-{os.getpid()}")
        aside.write_text(json.dumps(_own_identity()), encoding="utf-8")
        try:
            # A link comes with its content: a lock without an owner, left by a kill in between, cannot be.
            os.link(aside, self._path)
        except FileExistsError:
            return False
        except OSError:
            return self._create_without_links()
        finally:
            aside.unlink(missing_ok=True)
        return True

    def _create_without_links(self) -> bool:
        """Take the lock on a disk that has no hard links."""
        try:
            handle = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(_own_identity(), stream)
        return True

    def _remove_stale(self) -> None:
        aside = self._path.with_name(f".{LOCK}-{os.getpid()}")
        try:
            stale = self._path.read_bytes()
            if self._folder.is_alive():
                return
            self._path.replace(aside)
        except FileNotFoundError:
            return
        # Another run may have replaced the stale lock between the look and the renaming.
        if aside.read_bytes() != stale:
            aside.replace(self._path)
        aside.unlink(missing_ok=True)


def _events(lines: Iterable[bytes]) -> Iterator[Event]:
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _own_identity() -> Mapping[str, Any]:
    import psutil

    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "process_started": _start_of(psutil.Process()),
    }


def _is_alive(owner: Mapping[str, Any]) -> bool:
    import psutil

    if owner.get("host") != socket.gethostname():
        return True
    try:
        # A process number is given again after a while; its start tells the two apart.
        return abs(_start_of(psutil.Process(owner["pid"])) - owner["process_started"]) < 1
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _start_of(process: psutil.Process) -> float:
    """When a process began, in seconds that no change of the clock moves."""
    import psutil

    # Linux counts from its own start, and psutil adds that start by the clock as it is now.
    return float(process.create_time() - (psutil.boot_time() if psutil.LINUX else 0))


def _locked(path: Path, owner: Mapping[str, Any]) -> InputError:
    who = (
        f"process {owner['pid']} on {owner['host']}, started {owner['started']}"
        if owner.get("pid")
        else "an unknown owner"
    )
    return InputError.one(
        path.parent,
        f"another run writes to this folder ({who})",
        f"Wait for it, stop it, or choose another folder; delete {path.name!r} if that run is surely gone.",
        "folder-in-use",
    )


def _end_last_line(path: Path) -> None:
    # A run that was killed may have left half a line; what follows must not be glued to it.
    if path.exists():
        with path.open("r+b") as stream:
            stream.truncate(stream.read().rfind(b"\n") + 1)
