"""The same network with less work, for prediction, where the weights stay as they are."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .winograd import with_winograd

if TYPE_CHECKING:
    from torch import Tensor

_Convolution = (nn.Conv2d, nn.ConvTranspose2d)
# Of the largest logit: far more than rounding and far less than what any mistake makes.
_TOLERANCE = 1e-4
# Two pixels are left where a network halves it five times; instance normalisation needs more than one.
_SIDE = 64


def faster(network: nn.Module, channels: int, device: torch.device) -> nn.Module:
    """Make a network that gives the same in less time.

    Batch normalisation is folded into the convolution before it. For a processor channels come last in
    memory, where instance normalisation is computed by a module that leaves them there. Which layers belong
    together is seen in one forward pass, and every change is held against the network as it was, on a
    random tile; one that gives anything else is left out.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, float32, on the processor; stays as it is.
    channels : int
        Of its images.
    device : torch.device
        Where it will be used.

    Returns
    -------
    torch.nn.Module
        Takes and gives what `network` does; logits differ by rounding, at most 1e-4 of the largest.
    """
    tile = _random_tile(channels)
    steps: list[Callable[[nn.Module, Tensor], None]] = [_fold_batch_norm]
    if device.type == "cpu":
        steps.append(_lay_channels_last)
    with torch.no_grad():
        expected = network(tile)
        for step in steps:
            changed = copy.deepcopy(network)
            step(changed, tile)
            if _same(changed(tile), expected):
                network = changed
    return network


def multiplying_less(network: nn.Module, channels: int) -> nn.Module:
    """Make a network with Winograd's convolutions where they are faster, unless they change what it gives.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, float32, on the processor; stays as it is.
    channels : int
        Of its images.

    Returns
    -------
    torch.nn.Module
        Shares its weights with `network`; logits differ by rounding, at most 1e-4 of the largest.
    """
    tile, changed = _random_tile(channels), with_winograd(network)
    with torch.no_grad():
        return changed if changed is network or _same(changed(tile), network(tile)) else network


class InstanceNorm(nn.Module):
    """Instance normalisation of channels that come last in memory, which torch's own brings back first.

    Parameters
    ----------
    norm : torch.nn.InstanceNorm2d
        One that keeps no running statistics; its weights are shared.
    """

    def __init__(self, norm: nn.InstanceNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, images: Tensor) -> Tensor:
        """Give each channel of each image (N, C, Y, X) the mean 0 and the deviation 1, then the weights."""
        if images.dtype != torch.float32:
            # A batch of one image is its instance; this kernel is fast, and as exact as such numbers are.
            parts = [self._of_one(image) for image in images.split(1)]
            return torch.cat(parts) if len(parts) > 1 else parts[0]
        # In two passes: a mean far beside 0 would cost the single pass of torch's kernel its digits.
        deviation = images - images.mean((2, 3), keepdim=True)
        factor = torch.rsqrt(deviation.square().mean((2, 3), keepdim=True) + self.eps)
        if self.weight is None:
            return deviation.mul_(factor)
        return torch.addcmul(self.bias[:, None, None], deviation, factor * self.weight[:, None, None])

    def _of_one(self, image: Tensor) -> Tensor:
        return functional.batch_norm(image, None, None, self.weight, self.bias, training=True, eps=self.eps)


def _fold_batch_norm(network: nn.Module, tile: Tensor) -> None:
    names = {module: name for name, module in network.named_modules()}
    for convolution, norm in _pairs(network, tile):
        folded = fuse_conv_bn_eval(convolution, norm, isinstance(convolution, nn.ConvTranspose2d))
        network.set_submodule(names[convolution], folded)
        network.set_submodule(names[norm], nn.Identity())


def _pairs(network: nn.Module, tile: Tensor) -> list[tuple[nn.Module, nn.Module]]:
    """Find each batch normalisation that takes what a convolution gave, where both run just once."""
    given: dict[int, tuple[nn.Module, Tensor]] = {}
    runs: Counter[nn.Module] = Counter()
    pairs: list[tuple[nn.Module, nn.Module]] = []

    def look_up(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(layer, nn.BatchNorm2d) and id(inputs[0]) in given:
            pairs.append((given[id(inputs[0])][0], layer))

    def keep(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        runs[layer] += 1
        # What works in place, such as a ReLU, takes over the tensor of the layer before it. The tensor is
        # kept with its address, which another one might get otherwise.
        given[id(output)] = (layer, output)

    leaves = [layer for layer in network.modules() if not any(layer.children())]
    hooks = [leaf.register_forward_pre_hook(look_up) for leaf in leaves]
    hooks += [leaf.register_forward_hook(keep) for leaf in leaves]
    network(tile)
    for hook in hooks:
        hook.remove()
    return [pair for pair in pairs if _can_fold(*pair) and all(runs[layer] == 1 for layer in pair)]


def _can_fold(layer: nn.Module, norm: nn.Module) -> bool:
    return isinstance(layer, _Convolution) and norm.running_mean is not None


def _lay_channels_last(network: nn.Module, _: Tensor) -> None:
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.InstanceNorm2d) and module.running_mean is None:
            network.set_submodule(name, InstanceNorm(module))
    network.to(memory_format=torch.channels_last)


def _random_tile(channels: int) -> Tensor:
    return torch.randn(1, channels, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))


def _same(found: Tensor, expected: Tensor) -> bool:
    largest = float(expected.abs().max())
    return bool(((found - expected).abs() <= _TOLERANCE * largest).all())
