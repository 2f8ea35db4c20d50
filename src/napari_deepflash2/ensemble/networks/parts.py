"""Small pieces that several networks need."""

from __future__ import annotations

from torch import Tensor, nn


class FirstOutput(nn.Module):
    """A network that returns a list of outputs, of which only the first is wanted."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, Y, X) to the first output, (N, L, Y, X)."""
        first: Tensor = self.network(images)[0]
        return first
