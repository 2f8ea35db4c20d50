"""What is known of a training run from the events that it wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..progress import Progress

Phase = Literal["waiting", "running", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Epoch:
    """One epoch of one fold, for the curves.

    Attributes
    ----------
    fold, iteration : int
        Which model, from 1, and how many steps it had behind it.
    loss : float
        Mean over the steps of the epoch.
    held_out_loss, dice : float or None
        Over the held-out images; None where this epoch was not validated.
    """

    fold: int
    iteration: int
    loss: float
    held_out_loss: float | None
    dice: float | None


@dataclass(frozen=True)
class RunState:
    """Where a run stands.

    Attributes
    ----------
    phase : {"waiting", "running", "finished", "stopped", "failed"}
        Where it stands.
    models : int
        Models there will be; 0 before it started.
    progress : Progress or None
        The last training step.
    beside : Progress or None
        What it does that is no step, such as a validation; None while it learns.
    seconds, share : float
        When the last step was, since the run was started or resumed, and the share of all steps then done.
    first : tuple of (float, float) or None
        Seconds and share at the first step, from which the speed is known.
    epochs : tuple of Epoch
        All epochs so far; what was undone or done again counts once.
    notes : tuple of str
        What the run had to say.
    held_out_dice : dict of int to float
        At the end, by fold.
    message : str
        Why it failed.
    """

    phase: Phase = "waiting"
    models: int = 0
    progress: Progress | None = None
    beside: Progress | None = None
    seconds: float = 0.0
    share: float = 0.0
    first: tuple[float, float] | None = None
    epochs: tuple[Epoch, ...] = ()
    notes: tuple[str, ...] = ()
    held_out_dice: dict[int, float] = field(default_factory=dict)
    message: str = ""

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


def advance(state: RunState, events: Iterable[Mapping[str, Any]]) -> RunState:
    """Take events into the state, in order."""
    for event in events:
        state = _advanced(state, event)
    return state


def _advanced(state: RunState, event: Mapping[str, Any]) -> RunState:
    match event.get("kind"):
        case "start":
            return _begun(state, event)
        case "progress" if "fold" in event["values"]:
            return _stepped(state, event)
        case "progress":
            return replace(state, beside=_progress(event))
        case "epoch":
            return _closed(state, _epoch(event))
        case "note":
            return replace(state, notes=(*state.notes, str(event["text"])))
        case "finished":
            found = {int(fold): float(dice) for fold, dice in event["held_out_dice"].items()}
            return replace(state, phase="finished", held_out_dice=found, beside=None)
        case "stopped":
            return replace(state, phase="stopped", beside=None)
        case "failed":
            return replace(state, phase="failed", message=str(event.get("message", "")), beside=None)
    return state


def _begun(state: RunState, event: Mapping[str, Any]) -> RunState:
    notes = tuple(dict.fromkeys([*state.notes, *map(str, event.get("notes", ()))]))
    return replace(
        state, phase="running", models=int(event["models"]), message="", first=None, notes=notes, beside=None
    )


def _stepped(state: RunState, event: Mapping[str, Any]) -> RunState:
    step = _progress(event)
    seconds = float(event["elapsed"])
    share = (step.values["fold"] - 1 + step.done / step.total) / state.models
    first = state.first or (seconds, share)
    return replace(state, progress=step, beside=None, seconds=seconds, share=share, first=first)


def _progress(event: Mapping[str, Any]) -> Progress:
    return Progress(event["task"], event["done"], event["total"], event["values"])


def _closed(state: RunState, epoch: Epoch) -> RunState:
    last = state.epochs[-1] if state.epochs else None
    if last is None or (last.fold, last.iteration) < (epoch.fold, epoch.iteration):
        return replace(state, epochs=(*state.epochs, epoch))
    # A run that was rolled back or killed does some epochs again.
    kept = [other for other in state.epochs if other.fold != epoch.fold or other.iteration < epoch.iteration]
    return replace(state, epochs=(*kept, epoch))


def _epoch(event: Mapping[str, Any]) -> Epoch:
    return Epoch(
        fold=int(event["fold"]),
        iteration=int(event["iteration"]),
        loss=float(event["loss"]),
        held_out_loss=event.get("val_loss"),
        dice=event.get("val_dice"),
    )
