"""A U-Net on an encoder that may have been trained before."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .efficientnet_lite import EfficientNetLite


class EncoderUNet(nn.Module):
    """Encoder, decoder with skips, and a head at full size.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps images to features at 1/2, 1/4, ... of the size; `encoder.channels` are theirs.
    classes : int
        Of the masks, with the background.
    widths : sequence of int
        Channels of the decoder, deepest level first, one more than there are skips.
    """

    def __init__(self, encoder: EfficientNetLite, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.encoder = encoder
        *skips, before = encoder.channels
        self.decoder = nn.ModuleList()
        for skip, width in zip((*reversed(skips), 0), widths, strict=True):
            self.decoder.append(_UpBlock(before, skip, width))
            before = width
        self.head = nn.Conv2d(before, classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, Y, X) to logits (N, L, Y, X)."""
        *skips, x = self.encoder(images)
        for block in self.decoder:
            x = block(x, skips.pop() if skips else None)
        return self.head(x)


class _UpBlock(nn.Module):
    """Double the size, put the skip beside it, and convolve twice."""

    def __init__(self, channels: int, skip: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*_convolution(channels + skip, width), *_convolution(width, width))

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        x = interpolate(x, scale_factor=2.0, mode="nearest")
        return self.convolutions(x if skip is None else torch.cat((x, skip), 1))


def _convolution(channels: int, width: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]
