"""What training can minimise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..config import TrainingConfig

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]


def build_loss(config: TrainingConfig) -> Loss:
    """Give the loss that the settings name, averaged over the pixels of a batch.

    Parameters
    ----------
    config : TrainingConfig
        Its part ``loss``.

    Returns
    -------
    callable
        Takes logits (N, L, Y, X) of any float type, targets (N, L, Y, X) float32, the probability of each
        class, and weights (N, Y, X) float32, how much each pixel counts: 0 for one that is ignored. Gives a
        float32 scalar, 0 where no pixel counts.
    """
    loss = _LOSSES[config.loss]()
    # Sums over a batch are beyond the range or the digits of half precision.
    return lambda logits, targets, weights: loss(logits.float(), targets, weights)


def _cross_entropy() -> Loss:
    from torch.nn import CrossEntropyLoss

    return _mean_over_pixels(CrossEntropyLoss(reduction="none"))


def _dice() -> Loss:
    from monai.losses import DiceLoss

    # Over the whole batch, since a single tile may well hold no foreground.
    return _of_probabilities(DiceLoss(batch=True, soft_label=True))


def _cross_entropy_dice() -> Loss:
    cross_entropy, dice = _cross_entropy(), _dice()
    return lambda logits, targets, weights: (
        cross_entropy(logits, targets, weights) + dice(logits, targets, weights)
    )


def _focal() -> Loss:
    from monai.losses import FocalLoss

    focal = FocalLoss(use_softmax=True, reduction="none")
    return _mean_over_pixels(lambda logits, targets: focal(logits, targets).sum(1))


def _tversky() -> Loss:
    from monai.losses import TverskyLoss

    # Missing weighs more than inventing: in sparse images the network else predicts nothing.
    return _of_probabilities(TverskyLoss(batch=True, alpha=0.3, beta=0.7, soft_label=True))


def _mean_over_pixels(loss: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """Make a loss of each pixel, shape (N, Y, X), their mean, weighted."""

    def mean(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        # The floor is for a batch of which no pixel counts.
        return (loss(logits, targets) * weights).sum() / weights.sum().clamp_min(1e-6)

    return mean


def _of_probabilities(loss: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """Make a loss of probabilities one of logits.

    With ``soft_label`` MONAI's losses of overlap are made of sums of p, t and abs(p - t), so that weighted
    probabilities and targets give weighted sums.
    """

    def weighted(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        share = weights[:, None]
        return loss(logits.softmax(1) * share, targets * share)

    return weighted


_LOSSES: dict[str, Callable[[], Loss]] = {
    "cross_entropy": _cross_entropy,
    "dice": _dice,
    "cross_entropy_dice": _cross_entropy_dice,
    "focal": _focal,
    "tversky": _tversky,
}
