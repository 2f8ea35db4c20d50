"""The loop that trains one member: when to validate, to keep a checkpoint, to report and to stop."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from ..config import TrainingConfig
from ..data.folds import epochs_for
from ..progress import Cancelled, Progress, ProgressCallback
from .checkpoint import Checkpoints
from .member import Member
from .run import EventLog

_SECONDS_BETWEEN_CHECKPOINTS = 30
_MOST_VALIDATIONS = 15
_LEAST_VALIDATIONS = 3
# Validation may cost about this share of training. A step costs three forward passes: backwards takes two.
_SHARE_OF_VALIDATION = 0.15
_PASSES_PER_STEP = 3


@dataclass(frozen=True)
class Schedule:
    """When one member's epochs end, and which of the ends are validated.

    Attributes
    ----------
    iterations : int
        Steps in all.
    epoch_ends, validations : frozenset of int
        Numbers of steps after which an epoch ends, and after which the held-out images are predicted.
    """

    iterations: int
    epoch_ends: frozenset[int]
    validations: frozenset[int]

    @classmethod
    def plan(cls, config: TrainingConfig, n_training: int, held_out_pixels: int) -> Schedule:
        """Spread the validations evenly, as many as their cost allows, the last one at the end.

        Parameters
        ----------
        config : TrainingConfig
            Iterations, batch and tile size.
        n_training : int
            Training images: an epoch shows as many tiles.
        held_out_pixels : int
            Pixels of one validation.
        """
        n_epochs = config.iterations * config.batch_size // n_training
        ends = {math.ceil(k * n_training / config.batch_size) for k in range(1, n_epochs + 1)}
        in_order = sorted(ends | {config.iterations})
        trained = _PASSES_PER_STEP * config.iterations * config.batch_size * config.tile_size**2
        affordable = int(_SHARE_OF_VALIDATION * trained / held_out_pixels)
        n = min(max(affordable, _LEAST_VALIDATIONS), _MOST_VALIDATIONS, len(in_order))
        chosen = {in_order[math.ceil(k * len(in_order) / n) - 1] for k in range(1, n + 1)}
        return cls(config.iterations, frozenset(in_order), frozenset(chosen))


def train_member(
    member: Member,
    config: TrainingConfig,
    checkpoints: Checkpoints,
    log: EventLog,
    progress: ProgressCallback,
) -> None:
    """Train until the end, from wherever the member is.

    Parameters
    ----------
    member : Member
        Trained in place; `member.best` holds the result.
    config : TrainingConfig
        How long.
    checkpoints : Checkpoints
        Saved after each validation and about twice a minute, and when the training is cancelled.
    log : EventLog
        Told of each epoch.
    progress : callable
        Called after each step and within validations; may raise `Cancelled`.

    Raises
    ------
    Cancelled
        After the state has been saved.
    """
    held_out_pixels = sum(member.data.labels[i].size for i in member.split[1])
    schedule = Schedule.plan(config, len(member.split[0]), held_out_pixels)
    try:
        _run(member, config, schedule, checkpoints, log, progress)
    except Cancelled:
        checkpoints.save(member.state())
        raise


def _run(
    member: Member,
    config: TrainingConfig,
    schedule: Schedule,
    checkpoints: Checkpoints,
    log: EventLog,
    progress: ProgressCallback,
) -> None:
    saved_at = time.monotonic()
    started = saved_at - (float(member.history[-1]["seconds"] or 0) if member.history else 0)
    while True:
        if member.iteration in schedule.epoch_ends and not _is_closed(member):
            _close_epoch(member, config, schedule, time.monotonic() - started, progress)
            log.write("epoch", **member.history[-1])
            saved_at = _saved(member, checkpoints, saved_at, member.iteration in schedule.validations)
        if member.iteration == schedule.iterations:
            return
        loss = member.step()
        progress(_progress(member, schedule, loss))
        saved_at = _saved(member, checkpoints, saved_at, now=False)


def _close_epoch(
    member: Member, config: TrainingConfig, schedule: Schedule, seconds: float, progress: ProgressCallback
) -> None:
    # The row is added last: an interrupted validation is then done again.
    found = member.validate(progress) if member.iteration in schedule.validations else None
    member.history.append(
        {
            "fold": member.fold,
            "epoch": epochs_for(member.iteration, len(member.split[0]), config.batch_size),
            "iteration": member.iteration,
            "loss": float(np.mean(member.losses)),
            "val_loss": found.loss if found else None,
            "val_dice": found.mean_dice if found else None,
            "lr": member.learning_rate,
            "seconds": round(seconds, 3),
        }
    )
    member.losses.clear()


def _is_closed(member: Member) -> bool:
    return bool(member.history) and member.history[-1]["iteration"] == member.iteration


def _saved(member: Member, checkpoints: Checkpoints, saved_at: float, now: bool) -> float:
    if now or time.monotonic() - saved_at > _SECONDS_BETWEEN_CHECKPOINTS:
        checkpoints.save(member.state())
        return time.monotonic()
    return saved_at


def _progress(member: Member, schedule: Schedule, loss: float) -> Progress:
    values = {"fold": member.fold, "loss": loss}
    if member.best is not None:
        values["dice"] = member.best.validation.mean_dice
    return Progress(f"fold {member.fold}", member.iteration, schedule.iterations, values)
