"""A training run in words."""

from __future__ import annotations

from ..viewer.training import RunState
from .tables import Cells

PERCENT = 100


def progress_text(state: RunState) -> str:
    """Say where the run is and how long it will still take."""
    if state.phase == "waiting":
        return "starting"
    where = "" if state.progress is None else f"{state.progress.task} of {state.models}, "
    return f"{where}{duration(state.seconds_left)}" if where else "reading the images"


def duration(seconds: float | None) -> str:
    """Say a time that is left; roughly, as it is."""
    if seconds is None:
        return "time left not known yet"
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute left"
    return f"about {minutes} min left" if minutes < 90 else f"about {minutes / 60:.1f} h left"


def result_cells(state: RunState) -> Cells:
    """Held-out Dice by fold."""
    folds = sorted(state.held_out_dice)
    return Cells(
        ("held-out Dice",),
        tuple(f"fold {fold}" for fold in folds),
        tuple((f"{state.held_out_dice[fold]:.3f}",) for fold in folds),
    )


def end_text(state: RunState, folder: object) -> str:
    """Say how the run ended and what can be done now."""
    match state.phase:
        case "finished":
            return f"Finished. The ensemble is in {folder}."
        case "stopped":
            return "Stopped; what was learned is saved. Press Resume to go on."
        case _:
            return f"Training failed: {state.message}"
