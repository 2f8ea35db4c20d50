"""Putting weights learned elsewhere into the encoder of a network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

# MONAI numbers stage and block, the files the block alone: _blocks.2.4._bn0.bias is _blocks.4._bn0.bias.
_STAGE = re.compile(r"^_blocks\.\d+(?=\.\d+\.)")
# What comes after the last features and serves only to tell ImageNet's classes apart.
_CLASSIFIER = re.compile(r"^(_conv_head|_bn1|_fc|fc)\.")
_MARK = "encoder_was_trained"


def fill_encoder(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Give the encoder of a network weights that were learned on images of three channels.

    For one channel, the weights of the first convolution are added up, so that a grey image is seen as an RGB
    image with three equal channels was. For other numbers they are dealt out in turn (R, G, B, R, ...) and
    scaled by 3 / channels, so that features keep their size.

    Parameters
    ----------
    network : torch.nn.Module
        With an `encoder`; changed in place.
    weights : mapping of str to Tensor
        As torchvision, EfficientNet-PyTorch or its Lite variant name them.
    path : path
        Where they are from, for the error.

    Raises
    ------
    InputError
        Where the network has no encoder to fill, or some weights are missing or of another shape.
    """
    encoder = getattr(network, "encoder", None)
    own = {} if encoder is None else encoder.state_dict()
    found = {key: weights.get(_STAGE.sub("_blocks", key)) for key in own}
    stem = next(iter(own), "")
    first = found.get(stem)
    if first is not None and first.ndim == 4:
        found[stem] = for_channels(first, own[stem].shape[1])
    misfits = [key for key in own if _is_needed(key) and not _fits(found[key], own[key])]
    if encoder is None or misfits:
        raise _misfit(path, misfits)
    setattr(network, _MARK, True)
    encoder.load_state_dict(
        {key: value if _fits(value, own[key]) else own[key] for key, value in found.items()}
    )


def has_trained_encoder(network: nn.Module) -> bool:
    """Whether `fill_encoder` was here."""
    return getattr(network, _MARK, False)


def for_channels(weights: Tensor, channels: int) -> Tensor:
    """Make the weights (O, 3, K, K) of a first convolution fit another number of channels."""
    import torch

    known = weights.shape[1]
    if channels == known:
        return weights
    if channels == 1:
        return weights.sum(1, keepdim=True)
    return weights[:, torch.arange(channels) % known] * (known / channels)


def _is_needed(key: str) -> bool:
    return not key.endswith("num_batches_tracked") and not _CLASSIFIER.match(key)


def _fits(value: Tensor | None, own: Tensor) -> bool:
    return value is not None and value.shape == own.shape


def _misfit(path: Path, misfits: list[str]) -> InputError:
    found = f"does not fit the encoder of this network, which has {len(misfits)} other weights"
    shown = f" (the first is {misfits[0]})" if misfits else ""
    return InputError.one(
        path,
        found + shown if misfits else "holds weights of an encoder, and this network has none",
        "Choose the network that these weights belong to, or other weights.",
        "wrong-network",
    )
