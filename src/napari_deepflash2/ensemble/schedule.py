"""When the epochs of a training end, and which of the ends are validated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..config import TrainingConfig

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
