"""Training an ensemble in a child process that outlives the viewer, and watching its run folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..config import Configuration
from ..ensemble.run import INPUT, RunFolder
from ..errors import InputError
from ..files import write_text
from ..progress import Progress, ProgressCallback
from .training_data import TakenData, write_training_data

JOB, SETTINGS, LOG = "job.json", "config.toml", "training.log"
LOG_TAIL = 1500

Phase = Literal["waiting", "running", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Epoch:
    """One epoch of one fold, for the curves; Dice is None where it was not validated."""

    fold: int
    iteration: int
    loss: float
    dice: float | None


@dataclass(frozen=True)
class RunState:
    """What is known of a run from its events.

    Attributes
    ----------
    phase : {"waiting", "running", "finished", "stopped", "failed"}
        Where it stands.
    models : int
        Models there will be; 0 before it started.
    progress : Progress or None
        The last training step.
    seconds, share : float
        When it was, since the run was started or resumed, and the share of all steps then done.
    first : tuple of (float, float) or None
        Seconds and share at the first step, from which the speed is known.
    epochs : tuple of Epoch
        All epochs so far.
    held_out_dice : dict of int to float
        At the end, by fold.
    message : str
        Why it failed.
    seen : int
        Number of events taken in.
    """

    phase: Phase = "waiting"
    models: int = 0
    progress: Progress | None = None
    seconds: float = 0.0
    share: float = 0.0
    first: tuple[float, float] | None = None
    epochs: tuple[Epoch, ...] = ()
    held_out_dice: dict[int, float] = field(default_factory=dict)
    message: str = ""
    seen: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether the run is over, one way or the other."""
        return self.phase in ("finished", "stopped", "failed")

    @property
    def seconds_left(self) -> float | None:
        """Time that the rest will take at the speed so far; None where the speed is not known yet."""
        if self.first is None or self.share <= self.first[1]:
            return None
        speed = (self.share - self.first[1]) / max(self.seconds - self.first[0], 1e-6)
        return (1 - self.share) / speed


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
        self.state = advance(RunState(), RunFolder(folder).events())
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
        self.state = advance(self.state, run.events(self.state.seen))
        if alive and self._stop_asked and not run.stop_is_requested():
            # A run that resumes clears old requests when it begins, and with them an early one.
            run.request_stop()
        if not alive and not self.state.has_ended:
            self.state = replace(self.state, phase="failed", message=self._last_words())
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
        path = self.folder / INPUT / LOG
        text = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
        return text[-LOG_TAIL:] or "the training process has ended without a word"


def advance(state: RunState, events: Sequence[Mapping[str, Any]]) -> RunState:
    """Take events into the state, in order."""
    for event in events:
        state = _advanced(replace(state, seen=state.seen + 1), event)
    return state


def start(data: TakenData, folder: Path, config: Configuration, progress: ProgressCallback) -> TrainingRun:
    """Write the data and start to train; a job for a worker.

    Parameters
    ----------
    data : TakenData
        Layers are written to the folder ``input`` of the run. A single pair of folders is trained on
        where it is; several, or folders beside layers, are copied together.
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
        images, masks = _data_on_disk(data, folder / INPUT, progress)
        config.save(folder / INPUT / SETTINGS)
        write_text(folder / INPUT / JOB, json.dumps({"images": str(images), "masks": str(masks)}))
    except OSError as error:
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
    """Whether the folder holds a run of the viewer that has not come to its end."""
    if not (folder / INPUT / JOB).is_file() or RunFolder(folder).is_alive():
        return False
    return advance(RunState(), RunFolder(folder).events()).phase != "finished"


def refuse_used(folder: Path) -> None:
    """Refuse an output folder that is in use or holds something; an `InputError` says what to do."""
    if RunFolder(folder).is_alive():
        raise _in_use(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError.one(
            folder,
            "is not empty",
            "Choose a new folder, or press Resume where a run in it was interrupted.",
            "folder-not-empty",
        )


def python_executable() -> str:
    """Find the Python that runs this napari; in a bundle `sys.executable` may be napari itself."""
    candidates = [
        Path(sys.executable or ""),
        Path(sys.prefix) / ("python.exe" if os.name == "nt" else "bin/python3"),
        Path(sys.exec_prefix) / ("python.exe" if os.name == "nt" else "bin/python"),
    ]
    for path in candidates:
        if path.name.lower().startswith("python") and path.is_file():
            return str(path)
    raise InputError.one(
        "this napari",
        "brings no Python interpreter that can be started",
        "Train by command line (napari-deepflash2 train).",
        "no-python",
    )


def _advanced(state: RunState, event: Mapping[str, Any]) -> RunState:
    match event.get("kind"):
        case "start":
            return replace(state, phase="running", models=int(event["models"]), message="", first=None)
        case "progress" if "fold" in event["values"]:
            return _stepped(state, event)
        case "epoch":
            return replace(state, epochs=(*state.epochs, _epoch(event)))
        case "finished":
            found = {int(fold): float(dice) for fold, dice in event["held_out_dice"].items()}
            return replace(state, phase="finished", held_out_dice=found)
        case "stopped":
            return replace(state, phase="stopped")
        case "failed":
            return replace(state, phase="failed", message=str(event.get("message", "")))
    return state


def _stepped(state: RunState, event: Mapping[str, Any]) -> RunState:
    step = Progress(event["task"], event["done"], event["total"], event["values"])
    seconds = float(event["elapsed"])
    share = (step.values["fold"] - 1 + step.done / step.total) / state.models
    first = state.first or (seconds, share)
    return replace(state, progress=step, seconds=seconds, share=share, first=first)


def _epoch(event: Mapping[str, Any]) -> Epoch:
    return Epoch(int(event["fold"]), int(event["iteration"]), float(event["loss"]), event.get("val_dice"))


def _data_on_disk(data: TakenData, folder: Path, progress: ProgressCallback) -> tuple[Path, Path]:
    if not data.layers and len(data.folders) == 1:
        folder.mkdir(parents=True, exist_ok=True)
        return data.folders[0].images, data.folders[0].masks
    return write_training_data(data, folder, progress)


def _launch(folder: Path, options: list[str]) -> TrainingRun:
    job = json.loads((folder / INPUT / JOB).read_text(encoding="utf-8"))
    command = [
        *(python_executable(), "-m", "napari_deepflash2", "train"),
        *("--images", job["images"], "--masks", job["masks"]),
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
