"""Which run was started last, so that a viewer opened later finds it still going."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_state_path

from ..ensemble.run import RunFolder
from ..files import write_text
from .training import TrainingRun


def remember_run(folder: Path) -> None:
    """Remember where the last run was started."""
    write_text(_note(), str(folder.resolve()))


def last_run() -> TrainingRun | None:
    """Give the run that was started last where it still goes on."""
    try:
        folder = Path(_note().read_text(encoding="utf-8"))
    except OSError:
        return None
    return TrainingRun(folder) if RunFolder(folder).is_alive() else None


def _note() -> Path:
    return user_state_path("napari-deepflash2", appauthor=False) / "last-run.txt"
