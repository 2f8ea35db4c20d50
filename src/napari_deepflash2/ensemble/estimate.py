"""What a training will take here: time, room on the disk, and the epochs that its iterations make."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..config import Configuration
from ..data.folds import epochs_for
from ..data.planes import Plane
from ..progress import Progress, ProgressCallback, ignore_progress
from .automatic import resolved
from .device import choose_device
from .member import Member
from .schedule import Schedule
from .training_set import TrainingSet

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, int]

_TASK = "estimate"
_STEPS, _MOST_SECONDS = 3, 3.0
_VIEWS = {"none": 1, "flips": 4, "dihedral": 8}
# An image that is measured on is no larger than this: what one pixel takes does not change above it.
_LARGEST_SIDE = 1024
# Weights, the two moments of their gradients, the best weights and perhaps the running mean.
_WEIGHTS_IN_CHECKPOINT = 5
# The latest, the one before, that of the last validation, and the one being written.
_CHECKPOINTS = 4
_BYTES_OF_EVENT = 200
# Image, mask, labels, uncertainty and experts' disagreement of the out-of-fold folder, and float16
# probabilities of each class.
_BYTES_OF_PIXEL, _BYTES_OF_PROBABILITY = 16, 2


@dataclass(frozen=True)
class RunEstimate:
    """What a training will take.

    Attributes
    ----------
    models : int
        Models there will be.
    iterations, epochs : int
        Steps of each, and the epochs they make.
    seconds : float
        On this machine as busy as it is now, out-of-fold predictions included.
    disk_bytes : int
        At most, while it trains.
    """

    models: int
    iterations: int
    epochs: int
    seconds: float
    disk_bytes: int

    @property
    def text(self) -> str:
        """In one sentence."""
        models = f"{self.models} model{'s' * (self.models > 1)}"
        return (
            f"{models} of {self.iterations} iterations ({self.epochs} epochs): about "
            f"{duration(self.seconds)} here, and up to {self.disk_bytes / 1e6:.0f} MB on disk"
        )


def estimate_run(
    shapes: Sequence[Shape],
    config: Configuration,
    channels: int = 1,
    classes: int = 2,
    models: int | None = None,
    progress: ProgressCallback = ignore_progress,
) -> RunEstimate:
    """Measure a few steps and a prediction on noise, with the real network and settings; takes some seconds.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Height and width of each training image, in pixels.
    config : Configuration
        All settings.
    channels, classes : int
        Of the images, and of the masks with the background.
    models : int, optional
        Models that have still to be trained; what the settings give when not given.
    progress : callable
        Called after each step and within the prediction; may raise `Cancelled`.
    """
    config = resolved(config, choose_device(), None)
    training = config.training
    splits = min(training.max_splits, max(len(shapes), 2))
    planned = min(training.models or splits, splits) if models is None else models
    held_out = sum(y * x for y, x in shapes) // splits
    n_training = max(1, len(shapes) - -(-len(shapes) // splits))
    member = _on_noise(shapes, config, channels, classes)
    step, prediction = _seconds_of_step(member, progress), _seconds_of_pixel(member, progress)
    n_validations = len(Schedule.plan(training, n_training, max(1, held_out)).validations)
    views = _VIEWS[config.prediction.test_time_augmentation]
    seconds = training.iterations * step + (n_validations + views) * held_out * prediction
    return RunEstimate(
        planned,
        training.iterations,
        epochs_for(training.iterations, n_training, training.batch_size),
        planned * seconds,
        disk_need(member.network, shapes, classes, planned, training.iterations),
    )


def disk_need(network: nn.Module, shapes: Sequence[Shape], classes: int, models: int, iterations: int) -> int:
    """Bytes that a run writes at most, as `estimate_run` says."""
    weights = sum(value.nbytes for value in network.state_dict().values())
    pixels = sum(y * x for y, x in shapes)
    return (
        weights * (models + _CHECKPOINTS * _WEIGHTS_IN_CHECKPOINT)
        + pixels * (_BYTES_OF_PIXEL + classes * _BYTES_OF_PROBABILITY)
        + models * iterations * _BYTES_OF_EVENT
    )


def duration(seconds: float) -> str:
    """Time in words of one unit, such as ``"12 minutes"``."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= 1.5 * size or unit == "second":
            count = max(1, round(seconds / size))
            return f"{count} {unit}{'s' * (count != 1)}"
    raise AssertionError


def _on_noise(shapes: Sequence[Shape], config: Configuration, channels: int, classes: int) -> Member:
    rng = np.random.default_rng(0)
    height, width = (min(_LARGEST_SIDE, int(np.mean(sides))) for sides in zip(*shapes, strict=True))
    planes = [
        Plane(
            name,
            name,
            rng.standard_normal((height, width, channels), dtype=np.float32),
            rng.integers(0, classes, (height, width), dtype=np.uint8),
            name,
        )
        for name in "ab"
    ]
    # Of experts there are none here, and what is drawn from them takes no time to speak of.
    config = config.replace("training", target="consensus", disagreement_weight=0)
    data = TrainingSet.from_planes(planes, range(classes), [])
    return Member(data, 1, (np.array([0]), np.array([1])), config, choose_device())


def _seconds_of_step(member: Member, progress: ProgressCallback) -> float:
    # The first one also plans the convolutions, which later ones need not do again.
    member.step()
    times: list[float] = []
    while len(times) < _STEPS and sum(times) < _MOST_SECONDS:
        progress(Progress(_TASK, len(times), _STEPS))
        times.append(_timed(member.step))
    return statistics.median(times)


def _seconds_of_pixel(member: Member, progress: ProgressCallback) -> float:
    def repeat(_: Progress) -> None:
        progress(Progress(_TASK, _STEPS, _STEPS))

    return _timed(lambda: member.validate(repeat)) / member.data.labels[1].size


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
