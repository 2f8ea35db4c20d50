"""EfficientNet-Lite, the EfficientNet without squeeze-and-excitation, as an encoder.

After Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", ICML 2019, and
its authors' Lite variants (2020). Names of the weights are those of the files that carry ImageNet's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import pad

_STEM = 32
# Tensorflow's, with which the ImageNet weights were learned.
_EPSILON = 1e-3


@dataclass(frozen=True)
class _Stage:
    """Blocks of one kind; only the first of them has the stride."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    blocks: int


_STAGES = (
    _Stage(3, 1, 1, 16, 1),
    _Stage(3, 2, 6, 24, 2),
    _Stage(5, 2, 6, 40, 2),
    _Stage(3, 2, 6, 80, 3),
    _Stage(5, 1, 6, 112, 3),
    _Stage(5, 2, 6, 192, 4),
    _Stage(3, 1, 6, 320, 1),
)
# Relative width and depth.
_SIZES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}


class EfficientNetLite(nn.Module):
    """Encoder with five levels.

    Parameters
    ----------
    size : str
        ``"lite0"``, ``"lite1"`` or ``"lite2"``.
    channels : int
        Of the images.
    """

    def __init__(self, size: str, channels: int) -> None:
        super().__init__()
        self._conv_stem = _SameConv(channels, _STEM, 3, 2, bias=False)
        self._bn0 = _norm(_STEM)
        self._act = nn.ReLU6(inplace=True)
        self._blocks = nn.ModuleList()
        self._level_ends: list[int] = []
        self.channels: list[int] = []
        before = _STEM
        for stage in _scaled(*_SIZES[size]):
            if stage.stride == 2:
                self._end_level(before)
            for block in range(stage.blocks):
                stride = stage.stride if block == 0 else 1
                self._blocks.append(_Block(before, stage.channels, stage.kernel, stride, stage.expansion))
                before = stage.channels
        self._end_level(before)

    def _end_level(self, channels: int) -> None:
        self._level_ends.append(len(self._blocks))
        self.channels.append(channels)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (N, C, Y, X) to features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""
        features = []
        x = self._act(self._bn0(self._conv_stem(images)))
        for number, block in enumerate(self._blocks, start=1):
            x = block(x)
            if number in self._level_ends:
                features.append(x)
        return features


class _Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel by itself, narrow."""

    def __init__(self, channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        if expansion > 1:
            self._expand_conv = nn.Conv2d(channels, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = _SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, out_channels, 1, bias=False)
        self._bn2 = _norm(out_channels)
        self._act = nn.ReLU6(inplace=True)
        self._expands = expansion > 1
        self._is_residual = stride == 1 and channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self._act(self._bn0(self._expand_conv(x))) if self._expands else x
        y = self._act(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return y + x if self._is_residual else y


class _SameConv(nn.Conv2d):
    """Convolution padded as in Tensorflow, which with a stride of two and an even size is lopsided."""

    def __init__(
        self, channels: int, out_channels: int, kernel: int, stride: int, **arguments: object
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(channels, out_channels, kernel, stride, padding, **arguments)
        before = (kernel - 2) // 2
        self._lopsided = (before, kernel - 2 - before) * 2

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self.stride[0] == 1 else pad(x, self._lopsided))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON)


def _scaled(width: float, depth: float) -> list[_Stage]:
    """Widen and deepen the stages; the first and the last keep their number of blocks."""
    last = len(_STAGES) - 1
    return [
        _Stage(
            stage.kernel,
            stage.stride,
            stage.expansion,
            _rounded(stage.channels * width),
            stage.blocks if number in (0, last) else math.ceil(stage.blocks * depth),
        )
        for number, stage in enumerate(_STAGES)
    ]


def _rounded(channels: float) -> int:
    """Nearest multiple of 8, but not less than nine tenths."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
