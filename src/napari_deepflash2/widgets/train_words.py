"""A training run in words."""

from __future__ import annotations

from ..viewer.run_state import RunState
from .tables import Cells

PERCENT = 100
MOST_NOTES = 6


def fold_text(state: RunState) -> str:
    """Say which model is trained and how far it is."""
    step = state.progress
    if step is None:
        return "starting" if state.phase == "waiting" else "reading the images"
    return f"fold {int(step.values['fold'])} of {state.models}: iteration {step.done} of {step.total}"


def now_text(state: RunState) -> str:
    """Say how long it will still take, and what is done that is no step of training."""
    if state.phase == "waiting":
        return "A process of its own starts, which takes some seconds."
    beside = state.beside
    doing = f"{beside.task}: {beside.done} of {beside.total}; " if beside else ""
    return f"{doing}{duration(state.seconds_left)}; it goes on when napari is closed"


def notes_of_run(state: RunState) -> str:
    """Give the last notes, a line each, and how many there were before."""
    before = len(state.notes) - MOST_NOTES
    more = [f"({before} notes before)"] if before > 0 else []
    return "\n".join([*more, *(f"Note: {note}" for note in state.notes[-MOST_NOTES:])])


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


def end_text(state: RunState, folder: object, resumable: bool) -> str:
    """Say how the run ended and what can be done now."""
    on = " Press Resume to go on from the last checkpoint." if resumable else ""
    match state.phase:
        case "finished":
            return f"Finished. The ensemble is in {folder}."
        case "stopped":
            return f"Stopped; what was learned is saved.{on}"
        case _:
            return f"Training failed: {_sentence(state.message)}{on}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
