"""What training can minimise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[["Tensor", "Tensor"], "Tensor"]


def build_loss(name: str) -> Loss:
    """Give a loss of logits (N, L, Y, X) and classes int64 (N, Y, X), averaged over the batch.

    Parameters
    ----------
    name : str
        A value of `TrainingConfig.loss`.
    """
    return _LOSSES[name]()


def _cross_entropy() -> Loss:
    from torch.nn import CrossEntropyLoss

    return CrossEntropyLoss()


def _dice() -> Loss:
    from monai.losses import DiceLoss

    # Over the whole batch, since a single tile may well hold no foreground.
    return _with_class_axis(DiceLoss(to_onehot_y=True, softmax=True, batch=True))


def _cross_entropy_dice() -> Loss:
    from monai.losses import DiceCELoss

    return _with_class_axis(DiceCELoss(to_onehot_y=True, softmax=True, batch=True))


def _focal() -> Loss:
    from monai.losses import FocalLoss

    return _with_class_axis(FocalLoss(to_onehot_y=True, use_softmax=True))


def _tversky() -> Loss:
    from monai.losses import TverskyLoss

    # Missing weighs more than inventing: in sparse images the network else predicts nothing.
    return _with_class_axis(TverskyLoss(to_onehot_y=True, softmax=True, batch=True, alpha=0.3, beta=0.7))


def _with_class_axis(loss: Loss) -> Loss:
    return lambda logits, classes: loss(logits, classes[:, None])


_LOSSES: dict[str, Callable[[], Loss]] = {
    "cross_entropy": _cross_entropy,
    "dice": _dice,
    "cross_entropy_dice": _cross_entropy_dice,
    "focal": _focal,
    "tversky": _tversky,
}
