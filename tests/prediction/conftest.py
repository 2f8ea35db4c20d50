"""Networks whose output is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from napari_deepflash2.data.normalisation import Normalisation
from napari_deepflash2.prediction import Predictor


class Identity(torch.nn.Module):
    """Gives back the probability of the foreground that the image holds, whatever surrounds a pixel."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        foreground = images[:, :1] * self.gain
        return torch.cat([torch.log1p(-foreground), torch.log(foreground)], 1)


@pytest.fixture(scope="session")
def identity() -> Callable[..., Predictor]:
    """Make a predictor that returns the image, times `gain`, as the probability of the foreground."""
    as_it_is = Normalisation("training", (0.0,), (1.0,))
    return lambda gain=1.0, name="identity": Predictor(name, Identity(gain), as_it_is)
