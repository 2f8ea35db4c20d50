"""Settings that say "auto", decided for the device that is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Configuration, PredictionConfig, TrainingConfig
from .device import best_precision
from .initial_weights import is_ensemble
from .manifest import Manifest, MemberRecord
from .networks import default_architecture, find_pretrained

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
    undecided = [name for name in _AUTOMATIC if getattr(training, name) == "auto"]
    if before is not None:
        return config.replace("training", **{name: getattr(before.training, name) for name in undecided})
    for name in undecided:
        config = config.replace("training", **{name: _AUTOMATIC[name](config.training, device)})
    return config


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


def _architecture(training: TrainingConfig, device: torch.device) -> str:
    source = training.initial_weights
    if is_ensemble(source):
        return Manifest.load(Path(source)).configuration.training.architecture
    return default_architecture(device.type)


def _initial_weights(training: TrainingConfig, device: torch.device) -> str:
    return "imagenet" if find_pretrained(training.architecture) else "random"


def _precision(training: TrainingConfig, device: torch.device) -> str:
    return best_precision(device)


# In this order: what to start from depends on the network.
_AUTOMATIC: dict[str, Callable[[TrainingConfig, torch.device], str]] = {
    "architecture": _architecture,
    "initial_weights": _initial_weights,
    "precision": _precision,
}
