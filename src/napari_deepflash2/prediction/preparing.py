"""Networks as a prediction asks for them: with fewer bits or multiplications, or compiled."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ..errors import InputError
from .passes import Predictor

if TYPE_CHECKING:
    import torch
    from torch import nn

Precision = Literal["float32", "bfloat16", "float16"]


def prepare(
    predictors: Sequence[Predictor], precision: Precision, compiled: bool, device: torch.device
) -> tuple[Predictor, ...]:
    """Make predictors that compute with fewer bits, with fewer multiplications, or with torch's compiler.

    Parameters
    ----------
    predictors : sequence of Predictor
        The members, in float32; stay as they are.
    precision : {"float32", "bfloat16", "float16"}
        What weights and layers are computed in. Input, logits and all that follows stay float32.
    compiled : bool
        Whether to compile the networks when they first meet a shape of tiles, which takes a minute each.
    device : torch.device
        Where the networks are.

    Raises
    ------
    InputError
        Where they shall be compiled and there is no compiler.
    """
    if compiled:
        _refuse_without_compiler()
    return tuple(replace(one, network=_prepared(one, precision, compiled, device)) for one in predictors)


def _prepared(predictor: Predictor, precision: Precision, compiled: bool, device: torch.device) -> nn.Module:
    import torch

    network = predictor.network
    if precision == "float32" and device.type == "cpu":
        from .faster import multiplying_less

        network = multiplying_less(network, predictor.normalisation.channels)
    elif precision != "float32":
        from .reduced import Reduced

        network = Reduced(copy.deepcopy(network), getattr(torch, precision), device)
    return torch.compile(network, dynamic=False) if compiled else network


def _refuse_without_compiler() -> None:
    names = ([os.environ["CXX"]] if "CXX" in os.environ else []) + ["g++", "clang++", "cl"]
    if not any(shutil.which(name) for name in names):
        raise InputError.one(
            "compiled",
            "networks cannot be compiled: there is no C++ compiler",
            "Install one, or switch the setting 'compiled' off.",
            "no-compiler",
        )
