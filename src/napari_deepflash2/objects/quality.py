"""The overlap to be expected of an object with a true one, learned from images that no model had seen.

The first guess is the overlap of the object with the probabilities in and around it. How far it is off, by
the guess itself and by the size and roundness of the object, is learned by a ridge regression on a logistic
scale, in which few objects leave the guess nearly as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..consensus.matching import overlapping_pairs
from ..data.ignored import judged
from .traits import Floats, ObjectTraits, areas_of, classes_of, means_of, separate_objects

# Less teaches nothing that could be relied upon.
LEAST_GROUPS, LEAST_OBJECTS = 3, 50
# Of an object, that was judged.
_LEAST_JUDGED = 0.5
_PENALTY, _PENALTY_OF_CONSTANT = 10.0, 1.0
# Of Newton's method; a handful is enough.
_ROUNDS = 20


@dataclass(frozen=True, eq=False)
class ObjectQuality:
    """From traits to the expected overlap.

    Attributes
    ----------
    coefficients : ndarray of float64, shape (5,)
        Constant, and factors of `ObjectTraits.features`.
    low, high : ndarray of float64, shape (4,)
        The features that were seen; what lies beyond counts as the nearest of them, except for the guess.
    """

    coefficients: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(
        cls, traits: Sequence[ObjectTraits], overlaps: Sequence[Floats], groups: Sequence[str]
    ) -> ObjectQuality | None:
        """Learn from objects.

        Parameters
        ----------
        traits : sequence of ObjectTraits
            Of each image.
        overlaps : sequence of ndarray, shape (N,)
            True overlaps of its objects, see `best_overlaps`; NaN where not known.
        groups : sequence of str
            Group of each image.

        Returns
        -------
        ObjectQuality or None
            None where there are fewer than 50 objects, or objects in fewer than 3 groups.
        """
        known = [np.isfinite(one) for one in overlaps]
        with_objects = {group for group, some in zip(groups, known, strict=True) if some.any()}
        if sum(int(some.sum()) for some in known) < LEAST_OBJECTS or len(with_objects) < LEAST_GROUPS:
            return None
        features = np.concatenate([one.features[some] for one, some in zip(traits, known, strict=True)])
        true = np.concatenate([one[some] for one, some in zip(overlaps, known, strict=True)])
        low, high = features.min(0), features.max(0)
        low[0], high[0] = -np.inf, np.inf
        return cls(_fitted(features, true), low, high)

    def expected(self, traits: ObjectTraits) -> Floats:
        """Say what overlap objects will have, (N,), in [0, 1]."""
        features = np.clip(traits.features, self.low, self.high)
        found = self.coefficients[0] + features @ self.coefficients[1:]
        return _expit(found)


def best_overlaps(
    labels: NDArray[np.int32], winners: NDArray[np.unsignedinteger], truth: NDArray[np.unsignedinteger]
) -> Floats:
    """Intersection over union of each object with the true object of its class that it matches best.

    Parameters
    ----------
    labels : ndarray of int32, shape (Y, X)
        Objects numbered from 1 without a gap.
    winners : ndarray of uint, shape (Y, X)
        Their classes, 0 to L - 1.
    truth : ndarray of uint, shape (Y, X)
        True classes, `IGNORE` where nobody judged; its objects are found as those of a prediction are.

    Returns
    -------
    ndarray of float64, shape (N,)
        In [0, 1], over the pixels that were judged; 0 where there is no such object, NaN where less than
        half of the object was judged.
    """
    known = judged(truth)
    areas = areas_of(labels)
    found = np.zeros(len(areas))
    true_objects = separate_objects(np.where(known, truth, 0))
    said, true_said = classes_of(labels, winners), classes_of(true_objects, truth)
    rows, columns, overlaps = overlapping_pairs(np.where(known, labels, 0), true_objects)
    alike = said[rows] == true_said[columns]
    np.maximum.at(found, rows[alike], overlaps[alike])
    found[means_of(known, labels, areas) < _LEAST_JUDGED] = np.nan
    return found


def _fitted(features: Floats, overlaps: Floats) -> Floats:
    """Fit what is to be added to the first guess: each object counts as right and wrong by its overlap."""
    centre, spread = features.mean(0), features.std(0) + 1e-6
    scaled = np.column_stack([np.ones(len(features)), (features - centre) / spread])
    penalty = np.diag([_PENALTY_OF_CONSTANT, *[_PENALTY] * features.shape[1]])
    found = np.zeros(scaled.shape[1])
    for _ in range(_ROUNDS):
        said = _expit(features[:, 0] + scaled @ found)
        slope = scaled.T @ (said - overlaps) + penalty @ found
        found -= np.linalg.solve((scaled.T * (said * (1 - said))) @ scaled + penalty, slope)
    factors = found[1:] / spread
    constant = found[0] - factors @ centre
    factors[0] += 1
    return np.concatenate([[constant], factors])


def _expit(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))
