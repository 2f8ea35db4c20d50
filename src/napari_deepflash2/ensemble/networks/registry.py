"""The table of networks, and how one is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from ..device import seeded
from .entry import NetworkEntry

if TYPE_CHECKING:
    from torch import nn

Builder = Callable[[int, int], "nn.Module"]
# Names under which ensembles were trained before, and what they are called now.
_FORMER_NAMES = {"flexible_unet": "flexible_unet_efficientnet-b0"}


def build_network(name: str, channels: int, classes: int, *seed: int) -> nn.Module:
    """Build a network of the registry with random weights.

    The same seed gives the same weights; random numbers outside go on as if nothing had been.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`, or a name of an earlier version.
    channels, classes : int
        Of the images, and of the masks with the background.
    *seed : int
        What names these weights, such as the random state and the fold.

    Raises
    ------
    InputError
        Where there is no network of that name; lists those that there are.
    """
    entry = network_entry(name)
    with seeded(*seed):
        return entry.build(channels, classes)


def network_entry(name: str) -> NetworkEntry:
    """Look a network up by its name, or by that of an earlier version; see `build_network`."""
    entry = NETWORKS.get(_FORMER_NAMES.get(name, name))
    if entry is None:
        raise InputError.one(
            "architecture",
            f"there is no network {name!r}",
            f"Choose one of {', '.join(sorted(NETWORKS))}.",
            "unknown-architecture",
        )
    return entry


def default_architecture(device: str) -> str:
    """Name the network for a kind of device: ``"cpu"``, ``"cuda"`` or ``"mps"``."""
    return "unet" if device == "cpu" else "unet_efficientnet_lite0"


def _monai(class_name: str, **arguments: Any) -> Builder:
    def build(channels: int, classes: int) -> nn.Module:
        from monai.networks import nets

        return getattr(nets, class_name)(in_channels=channels, out_channels=classes, **arguments)

    return build


def _first_of_monai(class_name: str, **arguments: Any) -> Builder:
    def build(channels: int, classes: int) -> nn.Module:
        from .parts import FirstOutput

        return FirstOutput(_monai(class_name, **arguments)(channels, classes))

    return build


def _unext50(channels: int, classes: int) -> nn.Module:
    from .unext50 import UneXt50

    return UneXt50(channels, classes)


def _efficientnet_lite(size: int, parameters: int, gflops: float, purpose: str) -> NetworkEntry:
    def build(channels: int, classes: int) -> nn.Module:
        from .efficientnet_lite import EfficientNetLite
        from .encoder_unet import EncoderUNet

        return EncoderUNet(EfficientNetLite(f"lite{size}", channels), classes, _LITE_DECODER)

    name = f"unet_efficientnet_lite{size}"
    return NetworkEntry(name, purpose, parameters, gflops, build, imagenet=f"efficientnet-lite{size}")


def _flexible(encoder: str, parameters: int, gflops: float, purpose: str) -> NetworkEntry:
    build = _monai("FlexibleUNet", spatial_dims=2, backbone=encoder, pretrained=False)
    imagenet = encoder if encoder.startswith("efficientnet") else None
    return NetworkEntry(f"flexible_unet_{encoder}", purpose, parameters, gflops, build, imagenet)


_LEVELS = (16, 32, 64, 128, 256)
_HALVES = (2, 2, 2, 2)
_FEATURES = (16, 16, 32, 64, 128, 16)
# Half as wide as usual: on a processor a step takes 0.6 of the time.
_LITE_DECODER = (128, 64, 32, 16, 16)

NETWORKS = {
    entry.name: entry
    for entry in (
        NetworkEntry(
            "unet",
            "A small residual U-Net with quick steps, the default on a processor.",
            838_996,
            3.67,
            _monai("UNet", spatial_dims=2, channels=_LEVELS, strides=_HALVES, num_res_units=1),
        ),
        NetworkEntry(
            "basic_unet",
            "A plain U-Net with skips at full resolution, for thin structures.",
            495_922,
            9.94,
            _monai("BasicUNet", spatial_dims=2, features=_FEATURES),
        ),
        NetworkEntry(
            "basic_unet_plusplus",
            "A U-Net with nested, dense skips, for structures of very different size.",
            604_328,
            32.6,
            _first_of_monai("BasicUNetPlusPlus", spatial_dims=2, features=_FEATURES),
        ),
        NetworkEntry(
            "attention_unet",
            "A U-Net that gates its skips, for small objects in a busy background.",
            1_987_434,
            21.2,
            _monai("AttentionUnet", spatial_dims=2, channels=_LEVELS, strides=_HALVES),
        ),
        NetworkEntry(
            "segresnet",
            "A residual encoder with a light decoder, for long training.",
            1_576_402,
            31.1,
            _monai(
                "SegResNet", spatial_dims=2, init_filters=16, blocks_down=(1, 2, 2, 4), blocks_up=(1, 1, 1)
            ),
        ),
        NetworkEntry(
            "dynunet",
            "The plain U-Net of nnU-Net, at its width, to compare with it; for a graphics card.",
            7_762_018,
            96.3,
            _monai(
                "DynUNet",
                spatial_dims=2,
                kernel_size=(3,) * 5,
                strides=(1, *_HALVES),
                upsample_kernel_size=_HALVES,
                filters=(32, 64, 128, 256, 512),
            ),
        ),
        _efficientnet_lite(
            0, 3_786_722, 11.0, "An encoder that can begin with what ImageNet taught it, for few images."
        ),
        _efficientnet_lite(
            1, 4_551_394, 12.3, "A deeper encoder with ImageNet's weights, for a graphics card."
        ),
        _efficientnet_lite(
            2, 5_236_514, 13.2, "A wider encoder with ImageNet's weights, for a graphics card."
        ),
        NetworkEntry(
            "unext50",
            "ResNeXt-50, atrous pyramid and pixel shuffle, deepflash2's first network, for a graphics card.",
            35_212_802,
            75.7,
            _unext50,
        ),
        *(
            _flexible(f"efficientnet-{size}", parameters, gflops, purpose)
            for size, parameters, gflops, purpose in (
                ("b0", 7_059_846, 18.9, "The smallest EfficientNet encoder with squeeze-and-excitation."),
                ("b1", 9_565_482, 20.8, "An EfficientNet encoder, deeper than b0."),
                ("b2", 10_956_572, 21.9, "An EfficientNet encoder, wider than b1."),
                ("b3", 14_172_098, 25.6, "An EfficientNet encoder for large sets and a graphics card."),
                ("b4", 21_445_234, 31.5, "An EfficientNet encoder for large sets and a graphics card."),
                ("b5", 32_648_570, 40.7, "An EfficientNet encoder for large sets and a graphics card."),
                ("b6", 45_474_738, 51.7, "An EfficientNet encoder for very large sets and a graphics card."),
                ("b7", 68_963_642, 70.9, "An EfficientNet encoder for very large sets and a graphics card."),
                ("b8", 90_214_568, 90.0, "The largest EfficientNet encoder, for very large sets."),
            )
        ),
        *(
            _flexible(f"resnet{depth}", parameters, gflops, "A ResNet encoder, for a graphics card.")
            for depth, parameters, gflops in (
                (18, 13_539_458, 37.7),
                (34, 23_647_618, 57.0),
                (50, 32_103_554, 77.1),
            )
        ),
        NetworkEntry(
            "swin_unetr",
            "A transformer as encoder, for large sets, long training and a graphics card.",
            6_306_884,
            36.1,
            # Group normalisation, because that of instances cannot do with the single pixel that 32 become.
            _monai("SwinUNETR", spatial_dims=2, feature_size=24, norm_name=("group", {"num_groups": 8})),
        ),
    )
}
