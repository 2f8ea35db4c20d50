"""What a network shall learn at each pixel: a probability for each class, and how much the pixel counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..data.ignored import IGNORE

if TYPE_CHECKING:
    from torch import Tensor


def targets_of_labels(labels: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Turn class labels into what a loss takes.

    Parameters
    ----------
    labels : Tensor of uint8, shape (N, Y, X)
        Classes 0 to `n_classes` - 1, or `IGNORE`.
    n_classes : int
        Classes, with the background.

    Returns
    -------
    targets : Tensor of float32, shape (N, L, Y, X)
        1 for the class of a pixel, else 0; of an ignored pixel 0 for all.
    weights : Tensor of float32, shape (N, Y, X)
        0 for ignored pixels, else 1.
    """
    import torch

    classes = torch.arange(n_classes, dtype=torch.uint8, device=labels.device)
    return (labels[:, None] == classes[:, None, None]).float(), (labels != IGNORE).float()
