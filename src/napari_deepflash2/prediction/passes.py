"""What all members and views of an ensemble say about a batch of tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.normalisation import Normalisation, Standardisation
from ..errors import InputError
from .views import VIEWS, View

if TYPE_CHECKING:
    from torch import Tensor, device, nn


# In standard deviations of the image, or of the training images: noise stays below, objects do not.
_BACKGROUND = 0.5


@dataclass(frozen=True)
class Predictor:
    """One trained network with what it needs to see an image.

    Attributes
    ----------
    name : str
        What the user calls it: its file.
    network : torch.nn.Module
        Maps (N, C, Y, X) to logits (N, L, Y, X); in evaluation mode, on the device to use.
    normalisation : Normalisation
        How its images are standardised.
    """

    name: str
    network: nn.Module
    normalisation: Normalisation


class TilePredictor:
    """Runs every member on every view of tiles and sums up their probabilities.

    Parameters
    ----------
    predictors : sequence of Predictor
        The members.
    looks : mapping of Normalisation to Standardisation
        How each of their normalisations standardises the image that the tiles are from.
    n_classes : int
        Classes L, with the background.
    config : PredictionConfig
        Views, whether entropies are wanted, and whether background is skipped.
    device : torch.device
        Where the networks are.

    Attributes
    ----------
    kinds : tuple of int
        How many maps there are of each kind: probabilities, their squares, entropy.
    """

    def __init__(
        self,
        predictors: Sequence[Predictor],
        looks: Mapping[Normalisation, Standardisation],
        n_classes: int,
        config: PredictionConfig,
        device: device,
    ) -> None:
        self._predictors, self._looks, self._device = predictors, looks, device
        self._n_classes, self._entropy = n_classes, config.entropy
        self._skips_background = config.skip_background
        self._views: tuple[View, ...] = VIEWS[config.test_time_augmentation]
        self.kinds: tuple[int, ...] = (n_classes, n_classes, *((1,) if config.entropy else ()))

    def maps(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Average over members and views.

        Parameters
        ----------
        tiles : ndarray of float32, shape (N, C, height, width)
            Intensities as stored.

        Returns
        -------
        ndarray of float32, shape (N, M, height, width)
            Means of the L probabilities, then of their L squares, then, where asked for, of the entropy.

        Raises
        ------
        InputError
            Where a member gives values that are no numbers; names it.
        """
        empty = np.array([self._skips_background and self._is_background(tile) for tile in tiles])
        if not empty.any():
            return self._computed(tiles)
        maps = np.zeros((len(tiles), sum(self.kinds), *tiles.shape[2:]), dtype=np.float32)
        # Surely background: its probability is 1, and so is the square of that.
        maps[:, [0, self._n_classes]] = 1
        if not empty.all():
            maps[~empty] = self._computed(tiles[~empty])
        return maps

    def _is_background(self, tile: NDArray[np.float32]) -> bool:
        span = tile.max((1, 2)) - tile.min((1, 2))
        return all((span <= _BACKGROUND * np.array(look.scale)).all() for look in self._looks.values())

    def _computed(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            seen = {look: self._standardised(tiles, look) for look in set(self._looks.values())}
            # The total of each member's probabilities tells whether all of them are numbers.
            totals = [torch.zeros((), device=self._device) for _ in self._predictors]
            sums = sum(view.undone(self._of_view(view, seen, totals)) for view in self._views)
            self._refuse_not_finite(totals)
            return (sums / (len(self._predictors) * len(self._views))).cpu().numpy()

    def _of_view(self, view: View, seen: Mapping[Standardisation, Tensor], totals: list[Tensor]) -> Tensor:
        import torch

        turned = {look: view.of(tiles) for look, tiles in seen.items()}
        n, _, *shape = next(iter(turned.values())).shape
        sums = torch.zeros(n, sum(self.kinds), *shape, device=self._device)
        for predictor, total in zip(self._predictors, totals, strict=True):
            logits = predictor.network(turned[self._looks[predictor.normalisation]])
            p = logits.float().softmax(1)
            sums[:, : self._n_classes] += p
            sums[:, self._n_classes : 2 * self._n_classes].addcmul_(p, p)
            if self._entropy:
                sums[:, -1] += torch.special.entr(p).sum(1)
            total += p.sum()
        return sums

    def _standardised(self, tiles: NDArray[np.float32], look: Standardisation) -> Tensor:
        import torch

        standardised = np.stack([look.apply(np.moveaxis(tile, 0, -1)) for tile in tiles])
        return torch.from_numpy(standardised).to(self._device)

    def _refuse_not_finite(self, totals: Sequence[Tensor]) -> None:
        for predictor, total in zip(self._predictors, totals, strict=True):
            if not total.isfinite():
                raise InputError.one(
                    predictor.name,
                    "gives probabilities that are no finite numbers",
                    "Train this member again; its weights are of no use.",
                    "member-not-finite",
                )
