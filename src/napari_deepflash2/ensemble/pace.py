"""How learning rate and momentum move over a training, as functions of the position alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..config import TrainingConfig

# Those of fastai and torch: start at a 25th, end at the 10,000th part of that, warm up for 30 % of the steps.
_START, _END, _WARM_UP = 1 / 25, 1 / 25 / 1e4, 0.3
_MOMENTUM = (0.85, 0.95)


@dataclass(frozen=True)
class Pace:
    """What the optimiser is told for one step.

    Attributes
    ----------
    rate : float
        Learning rate as a share of the highest.
    momentum : float or None
        Of the first moment; None where the optimiser's own stays.
    """

    rate: float
    momentum: float | None


PaceOfStep = Callable[[TrainingConfig, int], Pace]


def scheduled(config: TrainingConfig, iteration: int) -> Pace:
    """Give the pace of a step; nothing else decides it, so a resumed training has no schedule to restore.

    Parameters
    ----------
    config : TrainingConfig
        Schedule and number of iterations.
    iteration : int
        Steps done before, from 0; after the last, the end of the schedule.
    """
    total = config.iterations
    return _one_cycle(iteration, total) if config.schedule == "one_cycle" else _cosine(iteration, total)


def _one_cycle(iteration: int, total: int) -> Pace:
    """Warm up, then anneal, the momentum the other way round (Smith & Topin, arXiv:1708.07120)."""
    peak = _WARM_UP * (total + 1) - 1
    low, high = _MOMENTUM
    if iteration <= peak:
        share = iteration / peak
        return Pace(_between(_START, 1, share), _between(high, low, share))
    share = (iteration - peak) / (total - peak)
    return Pace(_between(1, _END, share), _between(low, high, share))


def _cosine(iteration: int, total: int) -> Pace:
    """Anneal along half a cosine (Loshchilov & Hutter, arXiv:1608.03983)."""
    return Pace(_between(1, 0, iteration / total), None)


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
