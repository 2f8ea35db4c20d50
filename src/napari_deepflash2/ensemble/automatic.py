"""Settings that say "auto", decided once at the start of a run for the device it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import Configuration
from .device import best_precision

if TYPE_CHECKING:
    import torch


def resolved(config: Configuration, device: torch.device, before: Configuration | None) -> Configuration:
    """Replace every "auto" by what is best here.

    Parameters
    ----------
    config : Configuration
        As the user gave it.
    device : torch.device
        Where the run computes.
    before : Configuration or None
        Resolved settings of the run that is resumed: what was decided for it stays.
    """
    training = config.training
    if training.precision != "auto":
        return config
    precision = before.training.precision if before else best_precision(device)
    return config.replace("training", precision=precision)
