"""The running mean of a network's weights, which predicts more steadily than the last of them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


class AveragedWeights:
    """An exponential moving average (Polyak & Juditsky, SIAM J. Control Optim. 30:838, 1992).

    Parameters
    ----------
    network : torch.nn.Module
        The average begins with its weights.
    decay : float
        Share of the old average that a step leaves.

    Attributes
    ----------
    network : torch.nn.Module
        A copy that holds the average.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._decay = decay

    def update(self, network: nn.Module, iteration: int) -> None:
        """Take in the weights that a network has after step number `iteration`, from 0."""
        import torch

        # A long memory must not hold on to random weights: it grows with the training.
        decay = min(self._decay, (1 + iteration) / (10 + iteration))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)
            for own, other in zip(self.network.buffers(), network.buffers(), strict=True):
                own.copy_(other)
