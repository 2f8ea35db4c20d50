"""Which run was started last and which ensembles predicted, so that a viewer opened later finds them."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_state_path

from ..ensemble.manifest import MANIFEST
from ..ensemble.run import RunFolder
from ..files import write_text
from .training import TrainingRun

_ENSEMBLES, _MOST = "recent-ensembles.txt", 8


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


def remember_ensemble(folder: Path) -> None:
    """Remember that an ensemble was of use, as the last one."""
    folder = folder.resolve()
    recent = [folder, *(other for other in recent_ensembles() if other != folder)][:_MOST]
    write_text(_state() / _ENSEMBLES, "\n".join(map(str, recent)))


def recent_ensembles() -> list[Path]:
    """Give the ensembles that predicted last and are still there, the last one first."""
    try:
        lines = (_state() / _ENSEMBLES).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [Path(line) for line in lines if (Path(line) / MANIFEST).is_file()]


def _note() -> Path:
    return _state() / "last-run.txt"


def _state() -> Path:
    return user_state_path("napari-deepflash2", appauthor=False)
