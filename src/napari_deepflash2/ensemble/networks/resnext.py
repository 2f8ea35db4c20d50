"""ResNeXt-50 (32x4d) as an encoder.

After Xie et al., "Aggregated residual transformations for deep neural networks", CVPR 2017. Weights have the
names that torchvision gives them, so that a file of its weights fits.
"""

from __future__ import annotations

from torch import Tensor, nn

_GROUPS, _EXPANSION, _STEM = 32, 4, 64
# Output channels and number of blocks of the four stages.
_STAGES = ((256, 3), (512, 4), (1024, 6), (2048, 3))


class ResNeXt50(nn.Module):
    """Encoder with five levels.

    Parameters
    ----------
    channels : int
        Of the images.
    """

    channels = (_STEM, *(width for width, _ in _STAGES))

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, _STEM, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        before = _STEM
        for number, (width, blocks) in enumerate(_STAGES, start=1):
            stride = 1 if number == 1 else 2
            setattr(self, f"layer{number}", _stage(before, width, blocks, stride))
            before = width

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (N, C, Y, X) to features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""
        features = [self.relu(self.bn1(self.conv1(images)))]
        x = self.maxpool(features[0])
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            features.append(x)
        return features


class _Bottleneck(nn.Module):
    """Narrow, filter in 32 groups, widen, add the input."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        narrow = width // 2
        self.conv1 = nn.Conv2d(channels, narrow, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(narrow)
        self.conv2 = nn.Conv2d(narrow, narrow, 3, stride, padding=1, groups=_GROUPS, bias=False)
        self.bn2 = nn.BatchNorm2d(narrow)
        self.conv3 = nn.Conv2d(narrow, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if channels != width:
            projection = nn.Conv2d(channels, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def _stage(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = _Bottleneck(channels, width, stride)
    return nn.Sequential(first, *(_Bottleneck(width, width, 1) for _ in range(blocks - 1)))
