"""Wide convolutions of 3 x 3 pixels with a quarter of the multiplications.

Four by four pixels of the result are computed at once, from six by six of the input, as products of 36
transformed values instead of 144 (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks,
CVPR 2016, arXiv:1509.09308). The transforms cost as much for one channel as for the next, the products grow
with the number of channels on both sides: from 128 on, layers on large tiles take about half the time.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import pad

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_CHANNELS = 128
# Transformed weights take four times the memory; of the widest layers too much for what they gain.
_MOST_BYTES = 2**25

_OF_INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_OF_WEIGHTS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_OF_RESULT = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)


def with_winograd(network: nn.Module) -> nn.Module:
    """Make a network whose wide convolutions are computed so, where it has any.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, float32, on the processor; stays as it is, and shares all other weights.
    """
    if not any(isinstance(layer, nn.Conv2d) and _gains(layer) for layer in network.modules()):
        return network
    kept = [*network.parameters(), *network.buffers()]
    changed = copy.deepcopy(network, {id(weights): weights for weights in kept})
    for name, layer in list(changed.named_modules()):
        if isinstance(layer, nn.Conv2d) and _gains(layer):
            changed.set_submodule(name, WinogradConvolution(layer))
    return changed


class WinogradConvolution(nn.Module):
    """A convolution of 3 x 3 pixels that keeps the size of its images.

    Parameters
    ----------
    layer : torch.nn.Conv2d
        Without stride and dilation, padded by 1, of one group, in float32 on the processor.
    """

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        of_input, of_weights, of_result = (
            torch.tensor(rows, dtype=torch.float64) for rows in (_OF_INPUT, _OF_WEIGHTS, _OF_RESULT)
        )
        weights = torch.einsum("ai,bj,kcij->abck", of_weights, of_weights, layer.weight.detach().double())
        self.register_buffer("weights", weights.flatten(0, 1).float().contiguous())
        self.register_buffer("of_input", torch.kron(of_input, of_input).float())
        self.register_buffer("of_result", torch.kron(of_result, of_result).float())
        self.bias = layer.bias

    def forward(self, images: Tensor) -> Tensor:
        """Convolve (N, C, Y, X); channels of the result come last in memory."""
        n, channels, height, width = images.shape
        rows, columns = -(-height // 4), -(-width // 4)
        framed = pad(images, (1, 4 * columns - width + 1, 1, 4 * rows - height + 1)).permute(0, 2, 3, 1)
        patches = framed.unfold(1, 6, 4).unfold(2, 6, 4).permute(4, 5, 0, 1, 2, 3)
        seen = (self.of_input @ patches.reshape(36, -1)).view(36, -1, channels)
        found = self.of_result @ torch.bmm(seen, self.weights).view(36, -1)
        parts = found.view(4, 4, n, rows, columns, -1).permute(2, 3, 0, 4, 1, 5)
        whole = parts.reshape(n, 4 * rows, 4 * columns, -1)[:, :height, :width]
        if self.bias is not None:
            whole = whole + self.bias
        return whole.permute(0, 3, 1, 2)


def _gains(layer: nn.Conv2d) -> bool:
    plain = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.groups)
    if plain != ((3, 3), (1, 1), (1, 1), (1, 1), 1) or layer.padding_mode != "zeros":
        return False
    channels = (layer.in_channels, layer.out_channels)
    return min(channels) >= _LEAST_CHANNELS and 36 * 4 * channels[0] * channels[1] <= _MOST_BYTES
