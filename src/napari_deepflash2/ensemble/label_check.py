"""Where a model contradicts the mask of an image that it never saw: errors of the model, or of the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.ignored import judged
from .spots import LEAST_WEIGHT, Spot, find_spots, heaviest

Labels = NDArray[np.integer]
Probabilities = NDArray[np.floating]


@dataclass(frozen=True)
class Contradiction(Spot):
    """One connected region to which the model gives one class and the mask another.

    A pixel weighs the model's margin: the probability of the class it gives less that of the class of the
    mask. One of which the model is sure weighs 1, one at which it wavers next to nothing.

    Attributes
    ----------
    mask, model : int
        The class that the mask gives and the one that the model gives, as indices 0 to L - 1.
    """

    mask: int
    model: int


def find_contradictions(
    probabilities: Probabilities, mask: Labels, least_weight: float = LEAST_WEIGHT
) -> list[Contradiction]:
    """Find the regions where model and mask differ, those first that weigh most.

    Parameters
    ----------
    probabilities : ndarray of float, shape (L, Y, X)
        The model's, for each class.
    mask : ndarray of int, shape (Y, X)
        Classes 0 to L - 1; pixels that are `IGNORE` contradict nothing.
    least_weight : float
        Regions of less weight are left out, in pixels.

    Returns
    -------
    list of Contradiction
        At most 200; of equal weights the one that comes first from the top.
    """
    margins, winners = _margins(probabilities, mask)
    differs = margins > 0
    pairs = np.unique(np.stack([mask[differs], winners[differs]], axis=1), axis=0)
    return heaviest(
        Contradiction(**vars(spot), mask=true, model=said)
        for true, said in pairs.tolist()
        for spot in find_spots(margins, differs & (mask == true) & (winners == said), least_weight)
    )


def contradiction_share(probabilities: Probabilities, mask: Labels) -> float:
    """How much of the foreground of an image is in contradiction.

    Parameters
    ----------
    probabilities : ndarray of float, shape (L, Y, X)
        The model's, for each class.
    mask : ndarray of int, shape (Y, X)
        Classes 0 to L - 1; pixels that are `IGNORE` have no part in it.

    Returns
    -------
    float
        Sum of the margins (see `Contradiction`) over the pixels that mask or model call foreground, in
        [0, 1]: 0 where they agree, 1 where the model is sure of something else everywhere. 0 without any
        foreground.
    """
    margins, winners = _margins(probabilities, mask)
    foreground = judged(mask) & ((mask > 0) | (winners > 0))
    return float(margins[foreground].mean(dtype=np.float64)) if foreground.any() else 0.0


def _margins(probabilities: Probabilities, mask: Labels) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Give the model's margin over the mask, 0 where they agree or nobody judged, and the model's classes."""
    winners = probabilities.argmax(0)
    known = judged(mask)
    own = np.take_along_axis(probabilities, np.where(known, mask, 0)[None].astype(np.intp), axis=0)[0]
    margins = probabilities.max(0).astype(np.float32) - own.astype(np.float32)
    return np.where(known, margins, np.float32(0)), winners
