"""Training an ensemble in a child process that outlives the viewer, and watching its run folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import Configuration
from ..ensemble.manifest import MANIFEST
from ..ensemble.run import EVENTS, INPUT, LOCK, STOP, RunFolder
from ..errors import InputError
from ..files import write_text
from ..progress import ProgressCallback
from .interpreter import python_executable
from .run_sources import write_sources
from .run_state import RunState, advance
from .training_data import DataOnDisk, Taken, data_on_disk

JOB, SETTINGS, LOG = "job.json", "config.toml", "training.log"
LOG_TAIL = 1500


class TrainingRun:
    """A training run seen from the viewer: started here, or found running.

    Parameters
    ----------
    folder : path
        The ensemble's folder.
    process : subprocess.Popen, optional
        The child process, where it was started here.
    """

    def __init__(self, folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        events, self._position = RunFolder(folder).news()
        self.state = advance(RunState(), events)
        self._process = process
        self._stop_asked = False
        if process is not None:
            # The events of an earlier run in this folder say nothing about the child that now begins.
            self.state = replace(self.state, phase="waiting", message="")

    def poll(self) -> RunState:
        """Take in what happened since; to be called now and then."""
        # Asked before reading, so that the last words of a run that ends in between are not missed.
        alive = self.is_alive()
        run = RunFolder(self.folder)
        events, self._position = run.news(self._position)
        self.state = advance(self.state, events)
        if alive and self._stop_asked and not run.stop_is_requested():
            # A run that resumes clears old requests when it begins, and with them an early one.
            run.request_stop()
        if not alive and not self.state.has_ended:
            self.state = replace(self.state, phase="failed", message=self._last_words(), beside=None)
        return self.state

    def is_alive(self) -> bool:
        """Whether the process is there."""
        if self._process is not None:
            return self._process.poll() is None
        return RunFolder(self.folder).is_alive()

    def stop(self) -> None:
        """Ask for the end after the present batch; what was learned is saved."""
        self._stop_asked = True
        RunFolder(self.folder).request_stop()

    def _last_words(self) -> str:
        if not self.folder.is_dir():
            return f"its folder {self.folder} is gone, and what was learned with it"
        path = self.folder / INPUT / LOG
        text = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
        said = f". The last it said: {text[-LOG_TAIL:]}" if text else ""
        return f"the training process was ended from outside, or crashed{said}"


def start(
    taken: Sequence[Taken], folder: Path, config: Configuration, progress: ProgressCallback
) -> TrainingRun:
    """Write the data and start to train; a job for a worker.

    Parameters
    ----------
    taken : sequence of TakenPair and FolderPair
        What is not on disk yet is written to the folder ``input`` of the run; see `data_on_disk`.
    folder : path
        The ensemble's folder, new or empty.
    config : Configuration
        All settings.
    progress : callable
        Called as the data are written.

    Raises
    ------
    InputError
        Where the folder is in use or holds an ensemble, or this napari has no Python to start.
    """
    refuse_used(folder)
    try:
        with _new_input(folder):
            data = data_on_disk(taken, folder / INPUT, progress)
            write_sources(taken, folder / INPUT)
            config.save(folder / INPUT / SETTINGS)
            write_text(folder / INPUT / JOB, json.dumps(data.paths()))
    except OSError as error:
        if isinstance(error, FileExistsError) and (folder / INPUT).is_dir():
            raise _in_use(folder) from error
        raise InputError.one(
            folder,
            f"cannot be written ({error.strerror})",
            "Choose a folder that you may write to, not a file, on a disk with room.",
            "folder-not-writable",
        ) from error
    return _launch(folder, [])


def resume(folder: Path, progress: ProgressCallback) -> TrainingRun:
    """Go on with an interrupted run that the viewer started; a job for a worker.

    Raises
    ------
    InputError
        Where the folder is in use or was not made by the viewer.
    """
    if RunFolder(folder).is_alive():
        raise _in_use(folder)
    if not can_resume(folder):
        raise InputError.one(
            folder,
            "holds no training run that was started here",
            "Choose the output folder of such a run, or resume by command line.",
            "nothing-to-resume",
        )
    return _launch(folder, ["--resume"])


def can_resume(folder: Path) -> bool:
    """Whether the folder holds a run of the viewer that has begun and has not come to its end."""
    there = (folder / INPUT / JOB).is_file() and (folder / MANIFEST).is_file()
    if not there or RunFolder(folder).is_alive():
        return False
    return advance(RunState(), RunFolder(folder).events()).phase != "finished"


def refuse_used(folder: Path) -> None:
    """Refuse an output folder that is in use or holds something; an `InputError` says what to do."""
    if RunFolder(folder).is_alive():
        raise _in_use(folder)
    if folder.is_dir() and any(folder.iterdir()) and not _never_began(folder):
        raise InputError.one(
            folder,
            "is not empty",
            "Choose a new folder, or press Resume where a run in it was interrupted.",
            "folder-not-empty",
        )


def _never_began(folder: Path) -> bool:
    """Whether all there is are the data of a run that refused them: nothing was learned from them."""
    there = {path.name for path in folder.iterdir()}
    has_run = EVENTS in there or LOCK in there
    return there <= {INPUT, EVENTS, STOP, LOCK} and has_run and (folder / INPUT / JOB).is_file()


@contextmanager
def _new_input(folder: Path) -> Iterator[None]:
    """Make the folder for a run's data, which only one can do, and leave nothing of it where that fails."""
    if folder.is_dir() and any(folder.iterdir()) and _never_began(folder):
        shutil.rmtree(folder / INPUT)
        (folder / EVENTS).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INPUT).mkdir()
    whole = False
    try:
        yield
        whole = True
    finally:
        if not whole:
            shutil.rmtree(folder / INPUT, ignore_errors=True)


def _launch(folder: Path, options: list[str]) -> TrainingRun:
    data = DataOnDisk.of(json.loads((folder / INPUT / JOB).read_text(encoding="utf-8")))
    command = [
        *(python_executable(), "-m", "napari_deepflash2", "train"),
        *data.options(),
        *("--out", str(folder), "--config", str(folder / INPUT / SETTINGS), *options),
    ]
    with (folder / INPUT / LOG).open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TQDM_DISABLE": "1"},
            **_outliving_the_viewer(),
        )
    return TrainingRun(folder, process)


def _outliving_the_viewer() -> dict[str, Any]:
    if os.name == "nt":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW  # type: ignore[attr-defined]
        return {"creationflags": flags}
    return {"start_new_session": True}


def _in_use(folder: Path) -> InputError:
    return InputError.one(
        folder,
        "another run writes to this folder",
        "Watch or stop it, or choose another folder.",
        "folder-in-use",
    )
