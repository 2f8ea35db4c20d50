"""How a preview network says what an ensemble says, and how far off it is.

It has one output more than there are classes. With p the probabilities that the others give, that one gives
the share s of the uncertainty p (1 - p) which is disagreement among members and views. So the epistemic part
is never more than the whole, and what is known of moments holds for a single network too::

    mean = p        mean of squares = p² + s p (1 - p)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.normalisation import FloatImage, Standardisation
from ..prediction import Moments
from ..prediction.engine import averaged_tiles
from ..progress import ProgressCallback, ignore_progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

# Of the share in the loss: classes matter more than how their uncertainty is divided.
_WEIGHT_OF_SHARE = 0.2
# Of tiles, at most: seams of a preview are seen less than its other faults.
_OVERLAP = 0.125


def distillation_loss(logits: Tensor, maps: Tensor) -> Tensor:
    """Cross-entropy with the ensemble's probabilities and with its share of disagreement.

    The share is a mean where it counts: pixels weigh as much as the ensemble is unsure of them.

    Parameters
    ----------
    logits : Tensor of float32, shape (N, L + 1, Y, X)
        Of the network.
    maps : Tensor of float32, shape (N, L + 1, Y, X)
        Probabilities and share, as `SoftTarget` has them.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

    targets, share = maps[:, :-1], maps[:, -1]
    of_classes = -(targets * log_softmax(logits[:, :-1], 1)).sum(1).mean()
    weights = (targets * (1 - targets)).sum(1)
    of_share = binary_cross_entropy_with_logits(logits[:, -1], share, weights, reduction="sum")
    return of_classes + _WEIGHT_OF_SHARE * of_share / weights.sum().clamp_min(1e-6)


class StudentTiles:
    """Runs a preview network over tiles; what comes out are moments, as those of `TilePredictor`.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (N, C, Y, X) to (N, L + 1, Y, X); in evaluation mode, on its device.
    look : Standardisation
        Of the image that the tiles are from.
    n_classes : int
        Classes L, with the background.
    device : torch.device
        Where the network is.
    """

    def __init__(
        self, network: nn.Module, look: Standardisation, n_classes: int, device: torch.device
    ) -> None:
        self._network, self._look, self._device = network, look, device
        self.kinds: tuple[int, ...] = (n_classes, n_classes)

    def maps(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the probabilities and the means of their squares, (N, 2 L, height, width)."""
        import torch

        seen = np.stack([self._look.apply(np.moveaxis(tile, 0, -1)) for tile in tiles])
        with torch.inference_mode():
            logits = self._network(torch.from_numpy(seen).to(self._device)).float()
            p, share = logits[:, :-1].softmax(1), logits[:, -1:].sigmoid()
            # p² + s p (1 - p)
            squares = p * (p + share * (1 - p))
            return torch.cat([p, squares], 1).cpu().numpy()


def student_moments(
    network: nn.Module,
    image: FloatImage,
    look: Standardisation,
    n_classes: int,
    config: PredictionConfig,
    device: torch.device,
    progress: ProgressCallback = ignore_progress,
    task: str = "preview",
) -> Moments:
    """Predict an image, or a part of one, with a preview network.

    Parameters
    ----------
    network : torch.nn.Module
        As for `StudentTiles`.
    image : ndarray of float32, shape (Y, X, C)
        Intensities as stored, at the size at which it is predicted.
    look : Standardisation
        Of the whole image.
    n_classes : int
        With the background.
    config : PredictionConfig
        Tiles; there is one view whatever it says.
    device : torch.device
        Where the network is.
    progress : callable
        Called after every batch of tiles; may raise `Cancelled`.
    task : str
        Name of the task in the progress.
    """
    run = StudentTiles(network, look, n_classes, device)
    return Moments.of(averaged_tiles(run, image, tiles_of_preview(config), device, progress, task))


def tiles_of_preview(config: PredictionConfig) -> PredictionConfig:
    """Take larger steps than an ensemble may."""
    return config.model_copy(update={"overlap": min(config.overlap, _OVERLAP)})
