"""Settings that say "auto", decided for the device that is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..config import Configuration, PredictionConfig
from .device import best_precision
from .manifest import MemberRecord

if TYPE_CHECKING:
    import torch

    from ..prediction.preparing import Precision


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


def precision_of_prediction(
    config: PredictionConfig, members: Sequence[MemberRecord], device: torch.device
) -> Precision:
    """Choose bfloat16 where the device has it and every member was found not to suffer from it.

    Parameters
    ----------
    config : PredictionConfig
        What it says is done, unless that is "auto".
    members : sequence of MemberRecord
        All that predict together.
    device : torch.device
        Where they do.
    """
    if config.precision != "auto":
        return config.precision
    safe = all(member.bfloat16 is not None and member.bfloat16.is_safe for member in members)
    return "bfloat16" if safe and best_precision(device) == "bfloat16" else "float32"
