"""Where a model is sure and experts disagree, or the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .spots import LEAST_WEIGHT, Spot, find_spots, heaviest

Map = NDArray[np.float32]

# Half of the scale: one of the two is nearer to a coin toss, the other to certainty.
LEAST_DIFFERENCE = 0.5
Undecided = Literal["experts", "model"]
_SIDES: dict[Undecided, int] = {"experts": -1, "model": 1}


@dataclass(frozen=True)
class Difference(Spot):
    """One connected region on which the experts disagree and the model is sure, or the other way round.

    A pixel weighs how far the two maps are apart.

    Attributes
    ----------
    undecided : {"experts", "model"}
        Whose map is the higher.
    """

    undecided: Undecided


def sides_of(disagreement: Map, uncertainty: Map) -> NDArray[np.int8]:
    """Tell at which pixels experts and model differ by half of the scale or more.

    Parameters
    ----------
    disagreement, uncertainty : ndarray of float32, shape (Y, X)
        In [0, 1]; see `disagreement_of_experts`.

    Returns
    -------
    ndarray of int8, shape (Y, X)
        -1 where the experts disagree and the model is sure, 1 where the model is uncertain and the experts
        agree; 0 elsewhere, and where either is not a number.
    """
    difference = uncertainty - disagreement
    return (difference >= LEAST_DIFFERENCE).astype(np.int8) - (difference <= -LEAST_DIFFERENCE)


def find_differences(
    disagreement: Map, uncertainty: Map, least_weight: float = LEAST_WEIGHT
) -> list[Difference]:
    """Find the regions in which experts and model differ most, those first that weigh most.

    Parameters
    ----------
    disagreement, uncertainty : ndarray of float32, shape (Y, X)
        In [0, 1]; where either is not a number nothing differs.
    least_weight : float
        Regions of less weight are left out, in pixels.

    Returns
    -------
    list of Difference
        At most 200.
    """
    sides, weights = sides_of(disagreement, uncertainty), np.nan_to_num(np.abs(uncertainty - disagreement))
    return heaviest(
        Difference(**vars(spot), undecided=who)
        for who, side in _SIDES.items()
        for spot in find_spots(weights, sides == side, least_weight)
    )
