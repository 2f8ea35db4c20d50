"""What training can minimise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..config import TrainingConfig

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]

# Where nothing counts, sums of weights are 0 and so is the loss.
_LEAST = 1e-6


def build_loss(config: TrainingConfig) -> Loss:
    """Give the loss that the settings name, averaged over the pixels of a batch.

    Parameters
    ----------
    config : TrainingConfig
        ``loss`` and the settings of that loss.

    Returns
    -------
    callable
        Takes logits (N, L, Y, X) of any float type, targets (N, L, Y, X) float32, the probability of each
        class, and weights (N, Y, X) float32, how much each pixel counts: 0 for one that is ignored. Gives a
        float32 scalar of at least 0, which is finite also where no pixel counts.
    """
    loss = _LOSSES[config.loss](config)
    # Sums over a batch are beyond the range or the digits of half precision.
    return lambda logits, targets, weights: loss(logits.float(), targets, weights)


def _cross_entropy(config: TrainingConfig) -> Loss:
    from torch.nn import CrossEntropyLoss

    return _mean_over_pixels(CrossEntropyLoss(reduction="none"))


def _soft_cross_entropy(config: TrainingConfig) -> Loss:
    from torch.nn import CrossEntropyLoss

    return _mean_over_pixels(CrossEntropyLoss(reduction="none", label_smoothing=config.label_smoothing))


def _poly1_cross_entropy(config: TrainingConfig) -> Loss:
    """Leng et al., PolyLoss, ICLR 2022: cross-entropy whose first term of the Taylor series weighs more."""
    from torch.nn import CrossEntropyLoss

    cross_entropy = CrossEntropyLoss(reduction="none")

    def poly1(logits: Tensor, targets: Tensor) -> Tensor:
        missed = (targets * (1 - logits.softmax(1))).sum(1)
        return cross_entropy(logits, targets) + config.poly1_epsilon * missed

    return _mean_over_pixels(poly1)


def _focal(config: TrainingConfig) -> Loss:
    from monai.losses import FocalLoss

    focal = FocalLoss(use_softmax=True, gamma=config.focal_gamma, reduction="none")
    return _mean_over_pixels(lambda logits, targets: focal(logits, targets).sum(1))


def _mean_over_pixels(loss: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """Make a loss of each pixel, shape (N, Y, X), their mean, weighted."""
    return lambda logits, targets, weights: (
        (loss(logits, targets) * weights).sum() / weights.sum().clamp_min(_LEAST)
    )


def _dice(config: TrainingConfig) -> Loss:
    from monai.losses import DiceLoss

    # Over the whole batch, since a single tile may well hold no foreground.
    return _of_probabilities(DiceLoss(batch=True, soft_label=True))


def _jaccard(config: TrainingConfig) -> Loss:
    from monai.losses import DiceLoss

    return _of_probabilities(DiceLoss(batch=True, soft_label=True, jaccard=True))


def _tversky(config: TrainingConfig) -> Loss:
    from monai.losses import TverskyLoss

    alpha, beta = config.tversky_alpha, config.tversky_beta
    return _of_probabilities(TverskyLoss(batch=True, soft_label=True, alpha=alpha, beta=beta))


def _of_probabilities(loss: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """Make a loss of the overlap of probabilities p with targets t one of logits.

    With ``soft_label`` MONAI makes it from sums of p, t and abs(p - t): weighted p and t give the weighted
    loss, and it is least at p = t, where the usual form wants all p to be 0 or 1 [1]_.

    References
    ----------
    .. [1] Wang et al., Dice Semimetric Losses: Optimizing the Dice Score with Soft Labels, MICCAI 2023.
    """

    def weighted(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        share = weights[:, None]
        return loss(logits.softmax(1) * share, targets * share)

    return weighted


def _cross_entropy_dice(config: TrainingConfig) -> Loss:
    cross_entropy, dice = _cross_entropy(config), _dice(config)
    return lambda logits, targets, weights: (
        cross_entropy(logits, targets, weights) + dice(logits, targets, weights)
    )


def _lovasz(config: TrainingConfig) -> Loss:
    return _lovasz_softmax


def _lovasz_softmax(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Convex continuation of the Jaccard loss, averaged over the classes that the batch shows.

    Berman, Triki, Blaschko, The Lovász-Softmax loss, CVPR 2018. Each pixel counts with its weight, and
    belongs to a class with its target: for weights of 1 and hard labels that is the loss of the paper.
    """
    import torch

    errors, counts = (logits.softmax(1) - targets).abs(), weights.flatten()
    costs, shown = [], []
    for class_ in range(logits.shape[1]):
        error, belongs = errors[:, class_].flatten(), targets[:, class_].flatten() * counts
        costs.append((error * _jaccard_steps(error.detach(), belongs, counts - belongs)).sum())
        shown.append(belongs.sum() > _LEAST)
    present = torch.stack(shown)
    return (torch.stack(costs) * present).sum() / present.sum().clamp_min(1)


def _jaccard_steps(errors: Tensor, belongs: Tensor, foreign: Tensor) -> Tensor:
    """By how much the Jaccard loss grows as each pixel in turn, the worst first, is counted as wrong.

    Parameters
    ----------
    errors : Tensor of float32, shape (M,)
        At least 0.
    belongs, foreign : Tensor of float32, shape (M,)
        How much each pixel counts for the class and for the rest.
    """
    import torch

    # The bits of floats from 0 on are in the order of the floats, and integers are sorted ten times faster.
    order = (-errors.view(torch.int32)).sort().indices
    belongs, foreign = belongs[order], foreign[order]
    # A wrong pixel leaves the intersection or widens the union.
    size = belongs.sum()
    intersection = size - belongs.cumsum(0) + belongs
    union = size + foreign.cumsum(0)
    before = union - foreign
    # The difference of two quotients, written so that nearly equal numbers are not subtracted.
    steps = (intersection * foreign + before * belongs) / (before * union).clamp_min(_LEAST)
    return torch.empty_like(steps).scatter(0, order, steps)


_LOSSES: dict[str, Callable[[TrainingConfig], Loss]] = {
    "cross_entropy": _cross_entropy,
    "soft_cross_entropy": _soft_cross_entropy,
    "dice": _dice,
    "cross_entropy_dice": _cross_entropy_dice,
    "jaccard": _jaccard,
    "focal": _focal,
    "lovasz": _lovasz,
    "tversky": _tversky,
    "poly1_cross_entropy": _poly1_cross_entropy,
}
