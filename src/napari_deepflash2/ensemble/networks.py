"""The networks an ensemble can be made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError
from .device import seeded

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
    build : callable
        Takes the number of channels and of classes; returns a network with random weights that maps
        (N, C, Y, X) to logits (N, L, Y, X) for Y and X that are multiples of 32.
    """

    name: str
    purpose: str
    build: Callable[[int, int], nn.Module]


def build_network(name: str, channels: int, classes: int, *seed: int) -> nn.Module:
    """Build a network of the registry with random weights.

    The same seed gives the same weights; random numbers outside go on as if nothing had been.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`.
    channels, classes : int
        Of the images, and of the masks with the background.
    *seed : int
        What names these weights, such as the random state and the fold.

    Raises
    ------
    InputError
        Where there is no network of that name; lists those that there are.
    """
    if name not in NETWORKS:
        raise InputError.one(
            "architecture",
            f"there is no network {name!r}",
            f"Choose one of {', '.join(sorted(NETWORKS))}.",
            "unknown-architecture",
        )
    with seeded(*seed):
        return NETWORKS[name].build(channels, classes)


def _unet(channels: int, classes: int) -> nn.Module:
    from monai.networks.nets import UNet

    return UNet(2, channels, classes, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=1)


def _basic_unet(channels: int, classes: int) -> nn.Module:
    from monai.networks.nets import BasicUNet

    return BasicUNet(2, channels, classes, features=(16, 16, 32, 64, 128, 16))


def _attention_unet(channels: int, classes: int) -> nn.Module:
    from monai.networks.nets import AttentionUnet

    return AttentionUnet(2, channels, classes, (16, 32, 64, 128, 256), (2, 2, 2, 2))


def _segresnet(channels: int, classes: int) -> nn.Module:
    from monai.networks.nets import SegResNet

    return SegResNet(2, 16, channels, classes, blocks_down=(1, 2, 2, 4), blocks_up=(1, 1, 1))


def _flexible_unet(channels: int, classes: int) -> nn.Module:
    from monai.networks.nets import FlexibleUNet

    return FlexibleUNet(channels, classes, "efficientnet-b0", pretrained=False)


NETWORKS = {
    entry.name: entry
    for entry in (
        NetworkEntry(
            "unet",
            "The default: a small residual U-Net that learns the most per second on a processor.",
            _unet,
        ),
        NetworkEntry(
            "basic_unet", "A plain U-Net with skips at full resolution, for thin structures.", _basic_unet
        ),
        NetworkEntry(
            "attention_unet",
            "A U-Net that gates its skips, for small objects in a busy background.",
            _attention_unet,
        ),
        NetworkEntry("segresnet", "A residual encoder with a light decoder, for long training.", _segresnet),
        NetworkEntry(
            "flexible_unet",
            "An EfficientNet-b0 encoder with a U-Net decoder, for large sets and a graphics card.",
            _flexible_unet,
        ),
    )
}
