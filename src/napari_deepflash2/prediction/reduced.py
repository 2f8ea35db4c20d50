"""A network that computes with fewer bits than it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class Reduced(nn.Module):
    """A network whose weights and layers have half the bits.

    Parameters
    ----------
    network : torch.nn.Module
        Float32; is changed.
    dtype : torch.dtype
        ``torch.bfloat16`` or ``torch.float16``.
    device : torch.device
        Where it is.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.network, self._dtype = network.to(dtype), dtype
        if device.type == "cuda":
            # Half the bits run on tensor cores, which want channels last; in float32 few networks gain.
            self.network.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Map float32 (N, C, Y, X) to float32 logits (N, L, Y, X)."""
        logits: Tensor = self.network(images.to(self._dtype)).float()
        return logits
