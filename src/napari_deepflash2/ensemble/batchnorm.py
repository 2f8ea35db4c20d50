"""Batch normalisation after a short training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def has_batch_norm(network: nn.Module) -> bool:
    """Whether a network keeps running statistics."""
    return bool(_batch_norms(network))


def re_estimate_batch_norm(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace the running statistics by the mean over batches, the weights staying as they are.

    The momentum of MONAI's EfficientNets is 0.01: after some hundred iterations their running statistics
    still are mostly the initial ones, and predictions made with them are worthless.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place; left in evaluation mode.
    batches : iterable of Tensor of float32, shape (N, C, Y, X)
        Training tiles.
    """
    import torch

    network.eval()
    norms = _batch_norms(network)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        for batch in batches:
            network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def _batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    from torch import nn

    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
