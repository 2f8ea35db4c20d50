"""The loop that trains one member: steps, epochs, checkpoints, and whom to tell."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config import TrainingConfig
from ..data.folds import epochs_for
from ..progress import Cancelled, Progress, ProgressCallback
from .checkpoint import Checkpoints
from .member import Member
from .recovery import step_or_recover, validate_or_recover
from .run import EventLog
from .schedule import Schedule
from .validation import Validation

_SECONDS_BETWEEN_CHECKPOINTS = 30


@dataclass(frozen=True)
class Surroundings:
    """Whom a member's training tells what.

    Attributes
    ----------
    folder : path
        The ensemble's folder, for previews.
    checkpoints : Checkpoints
        Saved after each validation and about twice a minute, and when the training is cancelled.
    log : EventLog
        Told of each epoch, and in words of what went wrong and was put right.
    progress : callable
        Called after each step and within validations; may raise `Cancelled`.
    """

    folder: Path
    checkpoints: Checkpoints
    log: EventLog
    progress: ProgressCallback


def train_member(member: Member, config: TrainingConfig, around: Surroundings) -> None:
    """Train until the end, from wherever the member is.

    Parameters
    ----------
    member : Member
        Trained in place; `member.best` holds the result.
    config : TrainingConfig
        How long.
    around : Surroundings
        Whom to tell.

    Raises
    ------
    Cancelled
        After the state has been saved.
    InputError
        Where the loss stays no number, or memory is too small for a single tile.
    """
    try:
        _Loop(member, config, around).run()
    except Cancelled:
        around.checkpoints.save(member.state())
        raise


class _Loop:
    def __init__(self, member: Member, config: TrainingConfig, around: Surroundings) -> None:
        held_out_pixels = sum(member.data.labels[i].size for i in member.split[1])
        self._schedule = Schedule.plan(config, len(member.split[0]), held_out_pixels)
        self._member, self._config, self._around = member, config, around
        self._saved_at = time.monotonic()
        before = float(member.history[-1]["seconds"] or 0) if member.history else 0
        self._started = self._saved_at - before

    def run(self) -> None:
        member, schedule = self._member, self._schedule
        if member.iteration == 0:
            self._around.checkpoints.save(member.state(), good=True)
        while True:
            if member.iteration in schedule.epoch_ends and not self._is_closed():
                self._close_epoch()
            if member.iteration == schedule.iterations or self._has_stalled():
                return
            loss = step_or_recover(member, self._around.checkpoints, self._say)
            if loss is not None:
                self._around.progress(self._progress(loss))
                self._save_now_and_then()

    def _close_epoch(self) -> None:
        # The row is added last: an interrupted validation is then done again.
        member, found = self._member, None
        if member.iteration in self._schedule.validations:
            found = validate_or_recover(member, self._around.progress, self._say)
        member.history.append(self._row(found))
        member.losses.clear()
        self._around.log.write("epoch", **member.history[-1])
        if found is None:
            self._save_now_and_then()
            return
        self._save(good=True)
        if member.preview is not None:
            member.preview.save(self._around.folder, member.fold, member.iteration)

    def _row(self, found: Validation | None) -> dict[str, float | None]:
        member = self._member
        return {
            "fold": member.fold,
            "epoch": epochs_for(member.iteration, len(member.split[0]), self._config.batch_size),
            "iteration": member.iteration,
            "loss": float(np.mean(member.losses)),
            "val_loss": found.loss if found else None,
            "val_dice": found.mean_dice if found else None,
            "lr": member.learning_rate,
            "seconds": round(time.monotonic() - self._started, 3),
        }

    def _is_closed(self) -> bool:
        history = self._member.history
        return bool(history) and history[-1]["iteration"] == self._member.iteration

    def _has_stalled(self) -> bool:
        member, patience = self._member, self._config.early_stopping
        if patience is None or member.best is None or member.iteration not in self._schedule.validations:
            return False
        best_at = member.best.iteration
        later = [
            row for row in member.history if row["val_dice"] is not None and (row["iteration"] or 0) > best_at
        ]
        if len(later) < patience:
            return False
        self._say(
            f"stopped early at iteration {member.iteration}: {patience} validations brought nothing better "
            f"than iteration {best_at}"
        )
        return True

    def _say(self, text: str) -> None:
        if text not in self._member.notes:
            self._member.notes.append(text)
        self._around.log.write("note", fold=self._member.fold, text=f"fold {self._member.fold}: {text}")

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved_at > _SECONDS_BETWEEN_CHECKPOINTS:
            self._save()

    def _save(self, good: bool = False) -> None:
        self._around.checkpoints.save(self._member.state(), good)
        self._saved_at = time.monotonic()

    def _progress(self, loss: float) -> Progress:
        member = self._member
        values = {"fold": member.fold, "loss": loss}
        if member.best is not None:
            values["dice"] = member.best.validation.mean_dice
        return Progress(f"fold {member.fold}", member.iteration, self._schedule.iterations, values)
