"""How near what a preview network says comes to what its ensemble says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..prediction import Moments
from ..prediction.result import most_probable
from ..prediction.uncertainty import epistemic_uncertainty, total_uncertainty
from .student_files import Fidelity
from .student_tiles import SoftTarget
from .validation import mean_dice

Maps = Sequence[NDArray[np.float32]]


def compared(found: Sequence[Moments], targets: Sequence[SoftTarget]) -> Fidelity:
    """Hold what a student says of images against what the ensemble says of them, image by image."""
    own, others = [one.mean for one in found], [target.probabilities for target in targets]
    pairs = [(most_probable(a), most_probable(b)) for a, b in zip(own, others, strict=True)]
    return Fidelity(
        images=len(found),
        agreement=agreement(own, others),
        dice=float(np.mean([mean_dice(a, b, len(own[0])) for a, b in pairs])),
        uncertainty=correlation([total_uncertainty(p) for p in own], [total_uncertainty(p) for p in others]),
        epistemic=correlation(
            [epistemic_uncertainty(one.mean, one.mean_of_squares) for one in found],
            [target.epistemic for target in targets],
        ),
    )


def agreement(own: Maps, others: Maps) -> float:
    """Share of the pixels of all images for which two give the same class; (L, Y, X) each."""
    same = [(most_probable(a) == most_probable(b)).ravel() for a, b in zip(own, others, strict=True)]
    return float(np.concatenate(same).mean())


def correlation(own: Maps, others: Maps) -> float | None:
    """Pearson's, over the pixels of all maps; None where one of the two is constant."""
    a, b = (np.concatenate([map_.ravel() for map_ in maps]).astype(np.float64) for maps in (own, others))
    if a.std() < 1e-9 or b.std() < 1e-9:
        return None
    return float(np.clip(np.corrcoef(a, b)[0, 1], -1, 1))
