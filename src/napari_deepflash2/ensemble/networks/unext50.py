"""UneXt-50: ResNeXt-50, atrous spatial pyramid pooling, a pixel-shuffle decoder and a feature pyramid.

After the UneXt50 of Kaggle's HuBMAP competition (2020), from which deepflash2 grew.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .resnext import ResNeXt50

_BRANCH, _BOTTLENECK, _PYRAMID = 256, 512, 16
_DILATIONS = (1, 2, 3, 4)
# Groups of the dilated convolutions, which would else be most of the network.
_GROUPS = 4
_DECODER = (256, 128, 64, 32)


class UneXt50(nn.Module):
    """Map images to logits.

    Parameters
    ----------
    channels, classes : int
        Of the images, and of the masks with the background.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.encoder = ResNeXt50(channels)
        *skips, deepest = self.encoder.channels
        self.pooling = _AtrousPyramid(deepest, _BOTTLENECK)
        self.dropout = nn.Dropout2d(0.5)
        inputs = (_BOTTLENECK, *_DECODER[:-1])
        self.decoder = nn.ModuleList(
            _ShuffleBlock(*widths) for widths in zip(inputs, reversed(skips), _DECODER, strict=True)
        )
        self.pyramid = nn.ModuleList(_lateral(width) for width in inputs)
        self.head_dropout = nn.Dropout2d(0.1)
        self.head = nn.Conv2d(_DECODER[-1] + _PYRAMID * len(inputs), classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, Y, X) to logits (N, L, Y, X)."""
        *skips, deepest = self.encoder(images)
        levels = [self.dropout(self.pooling(deepest))]
        for block in self.decoder:
            levels.append(block(levels[-1], skips.pop()))
        logits = self.head(self.head_dropout(self._at_half_size(levels)))
        return interpolate(logits, scale_factor=2.0, mode="bilinear")

    def _at_half_size(self, levels: Sequence[Tensor]) -> Tensor:
        """Put the last level beside what the pyramid makes of those before it."""
        *coarse, last = levels
        size = last.shape[-2:]
        found = [
            interpolate(lateral(level), size, mode="bilinear")
            for lateral, level in zip(self.pyramid, coarse, strict=True)
        ]
        return torch.cat((*found, last), 1)


class _AtrousPyramid(nn.Module):
    """Look at surroundings of several sizes, and at the whole tile, side by side."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([_branch(channels, 1, 1)])
        self.branches.extend(_branch(channels, 3, dilation, _GROUPS) for dilation in _DILATIONS)
        # No batch normalisation here: of one tile there is but one value to normalise.
        self.whole = nn.Sequential(
            nn.AdaptiveMaxPool2d(1), nn.Conv2d(channels, _BRANCH, 1), nn.ReLU(inplace=True)
        )
        self.join = nn.Sequential(
            nn.Conv2d(_BRANCH * (len(self.branches) + 1), out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        whole = self.whole(x).expand(-1, -1, *x.shape[-2:])
        return self.join(torch.cat([*(branch(x) for branch in self.branches), whole], 1))


class _ShuffleBlock(nn.Module):
    """Double the size by moving channels into pixels, put the skip beside it, convolve twice."""

    def __init__(self, channels: int, skip: int, width: int) -> None:
        super().__init__()
        half = channels // 2
        self.widen = nn.Sequential(nn.Conv2d(channels, 4 * half, 1), nn.ReLU(inplace=True))
        self.shuffle = nn.PixelShuffle(2)
        _start_without_checkerboard(self.widen[0])
        self.norm = nn.BatchNorm2d(skip)
        self.relu = nn.ReLU(inplace=True)
        self.convolutions = nn.Sequential(
            nn.Conv2d(half + skip, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        up = self.shuffle(self.widen(x))
        return self.convolutions(self.relu(torch.cat((up, self.norm(skip)), 1)))


def _branch(channels: int, kernel: int, dilation: int, groups: int = 1) -> nn.Sequential:
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(channels, _BRANCH, kernel, padding=padding, dilation=dilation, groups=groups, bias=False),
        nn.BatchNorm2d(_BRANCH),
        nn.ReLU(inplace=True),
    )


def _lateral(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 2 * _PYRAMID, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(2 * _PYRAMID),
        nn.Conv2d(2 * _PYRAMID, _PYRAMID, 3, padding=1),
    )


def _start_without_checkerboard(convolution: nn.Conv2d) -> None:
    """Give the four pixels that one becomes the same weights (ICNR, Aitken et al. 2017)."""
    with torch.no_grad():
        for values in (convolution.weight, convolution.bias):
            values.copy_(values[::4].repeat_interleave(4, 0))
