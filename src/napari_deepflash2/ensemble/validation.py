"""How good a member is on images it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.ignored import IGNORE, judged
from ..data.normalisation import FloatImage
from ..prediction import Predictor, predict_moments
from ..progress import ProgressCallback
from .losses import Loss
from .targets import targets_of_labels

if TYPE_CHECKING:
    from torch import device


@dataclass(frozen=True)
class Validation:
    """Figures of one pass over the held-out images.

    Attributes
    ----------
    loss : float
        Mean over the images.
    dice : tuple of float
        Of each image of which anything was judged, as `mean_dice` defines it.
    """

    loss: float
    dice: tuple[float, ...]

    @property
    def mean_dice(self) -> float:
        """Mean over the images; 0 where nothing of them was judged."""
        return float(np.mean(self.dice)) if self.dice else 0.0


def validate(
    predictor: Predictor,
    images: Sequence[FloatImage],
    labels: Sequence[NDArray[np.uint8]],
    n_classes: int,
    config: PredictionConfig,
    loss: Loss,
    device: device,
    progress: ProgressCallback,
    show: Callable[[int, NDArray[np.float32]], None],
) -> Validation:
    """Predict whole images, as later in use but without test-time augmentation, and compare.

    `show` is given the number of each image and its class probabilities (L, Y, X).
    """
    import torch

    plain = config.model_copy(update={"test_time_augmentation": "none"})
    losses, scores = [], []
    for number, (image, mask) in enumerate(zip(images, labels, strict=True)):
        if not judged(mask).any():
            continue
        mean = predict_moments([predictor], image, n_classes, plain, device, progress, "validate").mean
        show(number, mean)
        # The logarithm of probabilities serves as logits: softmax gives the probabilities back.
        logits = torch.from_numpy(mean).clamp_min(1e-7).log()[None]
        losses.append(float(loss(logits, *targets_of_labels(torch.from_numpy(mask)[None], n_classes))))
        scores.append(mean_dice(mean.argmax(0), mask, n_classes))
    return Validation(float(np.mean(losses)) if losses else 0.0, tuple(scores))


def mean_dice(predicted: NDArray[np.integer], truth: NDArray[np.integer], n_classes: int) -> float:
    """Dice of two label images, averaged over the foreground classes that either of them holds.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (Y, X)
        Classes from 0, the background. Where `truth` is `IGNORE` a pixel has no part in it.
    n_classes : int
        With the background.

    Returns
    -------
    float
        In [0, 1]; 1 where both are empty, since nothing was to be found and nothing was.
    """
    scores, counts = [], truth != IGNORE
    for class_ in range(1, n_classes):
        a, b = (predicted == class_) & counts, truth == class_
        size = int(a.sum()) + int(b.sum())
        if size:
            scores.append(2 * int((a & b).sum()) / size)
    return float(np.mean(scores)) if scores else 1.0
