"""Where a model contradicts the mask of an image that it never saw: errors of the model, or of the mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.ignored import judged

Labels = NDArray[np.integer]
Probabilities = NDArray[np.floating]

# Rims of a pixel around objects are everywhere and say nothing; a region needs the weight of so many pixels.
LEAST_WEIGHT = 4.0
# A model that has learned nothing contradicts everywhere; so many regions of an image are kept.
_MOST_REGIONS = 200


@dataclass(frozen=True)
class Contradiction:
    """One connected region to which the model gives one class and the mask another.

    Attributes
    ----------
    y, x : int
        The pixel of the region that is nearest to its middle.
    top, left, bottom, right : int
        Bounding box; the last row and column are those before `bottom` and `right`.
    area : int
        Pixels.
    weight : float
        Sum over the pixels of the model's margin: the probability of the class it gives less that of the
        class of the mask. A pixel of which the model is sure weighs 1, one at which it wavers next to
        nothing.
    mask, model : int
        The class that the mask gives and the one that the model gives, as indices 0 to L - 1.
    """

    y: int
    x: int
    top: int
    left: int
    bottom: int
    right: int
    area: int
    weight: float
    mask: int
    model: int

    @property
    def margin(self) -> float:
        """Mean of the model's margin over the pixels, in [0, 1]."""
        return self.weight / self.area


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
    found = [
        region
        for true, said in pairs.tolist()
        for region in _regions(
            margins, differs & (mask == true) & (winners == said), true, said, least_weight
        )
    ]
    return sorted(found, key=lambda one: (-one.weight, one.top, one.left))[:_MOST_REGIONS]


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


def _regions(
    margins: NDArray[np.float32], differs: NDArray[np.bool_], mask: int, model: int, least: float
) -> Iterator[Contradiction]:
    from scipy import ndimage

    numbered, count = ndimage.label(differs, np.ones((3, 3)))
    weights = np.bincount(numbered.reshape(-1), margins.reshape(-1), count + 1)
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), start=1):
        if weights[number] >= least:
            inside = np.argwhere(numbered[rows, columns] == number)
            y, x = inside[((inside - inside.mean(0)) ** 2).sum(1).argmin()].tolist()
            yield Contradiction(
                y=rows.start + y,
                x=columns.start + x,
                top=rows.start,
                left=columns.start,
                bottom=rows.stop,
                right=columns.stop,
                area=len(inside),
                weight=float(weights[number]),
                mask=mask,
                model=model,
            )
