"""Finding a learning rate: one short training in which it grows from far too low to far too high."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration, TrainingConfig
from ..data.groups import Groups
from ..errors import InputError
from ..files import written_aside
from ..progress import Progress, ProgressCallback, ignore_progress
from .automatic import resolved
from .device import choose_device
from .initial_weights import InitialWeights
from .member import Member
from .optimisation import NotFinite
from .pace import Pace
from .training_set import Source, read_training_set

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .expert_planes import ExpertSource

_LOWEST, _HIGHEST = 1e-5, 1.0
# Of the running mean of the losses, as in fastai; it is corrected for its start.
_DECAY = 0.9
_LEAST_POINTS = 10
# So far above the lowest loss there is nothing to learn from higher rates.
_DIVERGED = 4.0


@dataclass(frozen=True)
class LearningRateCurve:
    """How the loss moves while the learning rate grows.

    Attributes
    ----------
    rates : ndarray of float64, shape (n,)
        Growing evenly on a logarithmic scale.
    losses : ndarray of float64, shape (n,)
        Of the batch that was trained on at each rate, before the step.
    smoothed : ndarray of float64, shape (n,)
        Running mean of the losses.
    suggestion : float
        A rate at which the loss falls fast and surely.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]
    suggestion: float

    @classmethod
    def of(cls, rates: NDArray[np.float64], losses: NDArray[np.float64]) -> LearningRateCurve:
        """Smooth the losses and look for the valley."""
        smoothed = _smoothed(losses)
        return cls(rates, losses, smoothed, float(rates[_valley(smoothed)]))

    def save(self, folder: Path | str) -> None:
        """Write ``learning_rate.csv`` and ``learning_rate.png``."""
        folder = Path(folder)
        with (
            written_aside(folder / "learning_rate.csv") as aside,
            aside.open("w", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.writer(stream)
            writer.writerow(["rate", "loss", "smoothed"])
            writer.writerows(zip(self.rates, self.losses, self.smoothed, strict=True))
        with written_aside(folder / "learning_rate.png") as aside:
            self.figure().savefig(aside, dpi=150)

    def figure(self) -> Figure:
        """Draw the curve and the suggestion."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, color="0.8", label="each batch")
        axes.plot(self.rates, self.smoothed, color="C0", label="running mean")
        axes.axvline(self.suggestion, color="C3", ls="--", label=f"suggestion: {self.suggestion:.1e}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="training loss")
        axes.legend()
        return figure


def find_learning_rate(
    images: Source,
    masks: Source | None = None,
    config: Configuration | Mapping[str, Any] | Path | str | None = None,
    progress: ProgressCallback = ignore_progress,
    *,
    experts: ExpertSource | None = None,
    groups: Groups | None = None,
    steps: int = 100,
) -> LearningRateCurve:
    """Train on all images while the learning rate grows, and suggest one (Smith, arXiv:1506.01186).

    Parameters
    ----------
    images, masks, experts, groups
        As for `train_ensemble`.
    config : Configuration, mapping, path of a TOML or YAML file, optional
        Settings; the defaults where not given. Its own learning rate does not matter.
    progress : callable
        Called after each step; may raise `Cancelled`.
    steps : int
        Rates that are tried at most; it ends earlier when the loss has become far too high.

    Returns
    -------
    LearningRateCurve

    Raises
    ------
    InputError
        Where the data or settings are of no use, or the loss was no number from the beginning.
    """
    settings = Configuration.of(config)
    data = read_training_set(images, masks, experts, settings, groups, progress)
    device = choose_device()
    settings = resolved(settings, device, None).replace("training", learning_rate=_HIGHEST, iterations=steps)
    everything = (np.arange(len(data.ids)), np.array([], dtype=np.intp))
    initial = InitialWeights.of(settings.training, data, [everything])
    member = Member(data, 1, everything, settings, device, _growing, initial)
    rates: list[float] = []
    while len(rates) < steps and not _has_diverged(member.losses):
        rate = member.learning_rate
        try:
            member.step()
        except NotFinite:
            break
        rates.append(rate)
        progress(Progress("learning rate", len(rates), steps, {"rate": rate, "loss": member.losses[-1]}))
    if len(rates) < _LEAST_POINTS:
        raise InputError.one(
            "training",
            f"the loss was no number after {len(rates)} steps at the lowest learning rates",
            "Look at the images for extreme values (check).",
            "loss-not-finite",
        )
    return LearningRateCurve.of(np.array(rates), np.array(member.losses))


def _growing(config: TrainingConfig, iteration: int) -> Pace:
    return Pace((_LOWEST / _HIGHEST) ** (1 - iteration / max(1, config.iterations - 1)), None)


def _has_diverged(losses: list[float]) -> bool:
    if len(losses) < _LEAST_POINTS:
        return False
    smoothed = _smoothed(np.array(losses))
    return bool(smoothed[-1] > _DIVERGED * smoothed.min())


def _smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    means, mean = [], 0.0
    for number, loss in enumerate(losses, start=1):
        mean = _DECAY * mean + (1 - _DECAY) * float(loss)
        means.append(mean / (1 - _DECAY**number))
    return np.array(means)


def _valley(losses: NDArray[np.float64]) -> int:
    """Place in the middle of the longest fall: the longest falling subsequence, as fastai's `valley`."""
    lengths = np.ones(len(losses), dtype=int)
    for i in range(1, len(losses)):
        above = lengths[:i][losses[:i] > losses[i]]
        lengths[i] = above.max(initial=0) + 1
    end = int(lengths.argmax())
    return end - int(lengths[end]) // 2
