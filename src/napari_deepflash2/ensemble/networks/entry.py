"""What the registry knows of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class NetworkEntry:
    """A network of the registry.

    Attributes
    ----------
    name : str
        As in the configuration and in the names of member files.
    purpose : str
        When to choose it, in one sentence.
    parameters : int
        Numbers to learn, with one channel and two classes.
    gflops : float
        Thousand million operations for one tile of 512 x 512 pixels, forwards, an addition and a
        multiplication counted as two; to three digits.
    build : callable
        Takes the number of channels and of classes; returns a network with random weights that maps
        (N, C, Y, X) to logits (N, L, Y, X) for Y and X that are multiples of 32.
    imagenet : str or None
        The encoder whose weights, learned from ImageNet, it can start from.
    """

    name: str
    purpose: str
    parameters: int
    gflops: float
    build: Callable[[int, int], nn.Module]
    imagenet: str | None = None
