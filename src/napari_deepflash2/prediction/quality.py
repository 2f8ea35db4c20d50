"""The Dice to be expected of a prediction, learned from images that a network did not learn from.

The first guess is the Dice of the prediction with its own probabilities: were these exact, it would be about
the true one. How far it is off is learned by a robust ridge regression on a logistic scale, in which few
images leave the guess nearly as it is. All this is our own. The interval is made as by the jackknife+ (Barber
et al., Annals of Statistics 49:486-507, 2021, arXiv 1905.02928) with whole groups left out (see `conformal`):
at a confidence of 1 - a that is proved to hold at least 1 - 2a, and comes to about 1 - a. The proof does not
quite cover this use, as the networks have learned from images that the rule leaves out.

A prediction without foreground has a Dice of 1 where the mask is empty too, and of 0 where it is not. For it
the chance of 1 is what is expected, from the empty predictions among those images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .conformal import group_weights, groups_needed, limit_at
from .trait_sums import TraitSums

Floats = NDArray[np.float64]

CONFIDENCE = 0.9
# Images below this count teach nothing: the first guess is all there would be.
LEAST_GROUPS = 3

# What lies beyond is as good as 0 or 1; a logarithm would tell them apart.
_LOWEST = 0.02
_PENALTY = 1.0
# Of Huber: what is further off than this many deviations weighs less.
_HUBER = 1.345
_ROUNDS = 20
_LEAST_DEVIATION = 0.05


@dataclass(frozen=True)
class Traits:
    """What a prediction tells about its own quality.

    Attributes
    ----------
    soft_dice : float
        Dice of the predicted classes with their probabilities, mean over the classes that are predicted.
    uncertainty : float
        Mean over the predicted foreground, in [0, 1].
    foreground : float
        Share of the pixels that are predicted as foreground.
    doubt : float
        Largest probability of any foreground at a pixel.
    """

    soft_dice: float
    uncertainty: float
    foreground: float
    doubt: float

    @classmethod
    def of(cls, probabilities: NDArray[np.floating]) -> Traits:
        """Measure calibrated probabilities, (L, Y, X)."""
        return cls.from_sums(TraitSums.of(probabilities))

    @classmethod
    def from_sums(cls, sums: TraitSums) -> Traits:
        """Take what was summed up over all pixels of an image."""
        return cls(sums.soft_dice, sums.score, sums.foreground / sums.pixels, sums.doubt)

    @property
    def is_empty(self) -> bool:
        """Whether no foreground is predicted."""
        return self.foreground == 0

    @property
    def guess(self) -> float:
        """First guess on the logistic scale."""
        return float(_logit(self.soft_dice))

    @property
    def features(self) -> Floats:
        """What the regression sees."""
        return np.array([self.guess, _logit(self.uncertainty), np.log(self.foreground)])


@dataclass(frozen=True)
class ExpectedDice:
    """What Dice to expect.

    Attributes
    ----------
    dice : float
        In [0, 1].
    interval : (float, float) or None
        Meant to hold the Dice of nine in ten images; None where there are too few groups to say so.
    """

    dice: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class QualityModel:
    """From traits to the expected Dice.

    Attributes
    ----------
    coefficients : ndarray of float64, shape (4,)
        Constant and factor of each feature, of what is added to the first guess.
    left_out : ndarray of float64, shape (N, 4)
        The same, learned without the group of each image.
    residuals : ndarray of float64, shape (N,)
        How far that is off for the image, on the logistic scale.
    groups : ndarray of int, shape (N,)
        Number of the group of each image.
    empty : ndarray of bool, shape (M,)
        Of the empty predictions: whether the mask is empty too.
    empty_groups : ndarray of int, shape (M,)
        Numbers of their groups.
    """

    coefficients: Floats
    left_out: Floats
    residuals: Floats
    groups: NDArray[np.integer]
    empty: NDArray[np.bool_]
    empty_groups: NDArray[np.integer]

    @classmethod
    def of(
        cls, traits: Sequence[Traits], dice: Sequence[float], groups: Sequence[str]
    ) -> QualityModel | None:
        """Learn from predictions of images that the networks did not learn from.

        Parameters
        ----------
        traits : sequence of Traits
            Of each image.
        dice : sequence of float
            What it had.
        groups : sequence of str
            The group of each.

        Returns
        -------
        QualityModel or None
            None where fewer than three groups have a prediction with foreground.
        """
        numbers = np.unique(np.array(groups, dtype=str), return_inverse=True)[1]
        empty = np.array([one.is_empty for one in traits], bool)
        own, values = numbers[~empty], np.array(dice, np.float64)
        if len(np.unique(own)) < LEAST_GROUPS:
            return None
        seen = [one for one in traits if not one.is_empty]
        features, guesses = np.stack([one.features for one in seen]), np.array([one.guess for one in seen])
        missing = _logit(values[~empty]) - guesses
        without = {
            group: _fitted(features[own != group], missing[own != group], own[own != group]) for group in own
        }
        left_out = np.stack([without[group] for group in own])
        residuals = np.abs(missing - _applied(left_out, features))
        return cls(
            _fitted(features, missing, own), left_out, residuals, own, values[empty] == 1, numbers[empty]
        )

    def expected(self, traits: Traits) -> ExpectedDice:
        """Say what Dice a prediction will have."""
        if traits.is_empty:
            return self._of_empty(traits)
        features = traits.features[np.newaxis]
        dice = _expit(traits.guess + _applied(self.coefficients[np.newaxis], features)[0])
        centres = traits.guess + _applied(self.left_out, features)
        high = limit_at(centres + self.residuals, self.groups, CONFIDENCE)
        low = limit_at(-(centres - self.residuals), self.groups, CONFIDENCE)
        if high is None or low is None:
            return ExpectedDice(dice, None)
        return ExpectedDice(dice, (_lower(-low), _upper(high)))

    @property
    def missing_groups(self) -> int:
        """How many groups more there would have to be for an interval."""
        return max(0, groups_needed(CONFIDENCE) - len(np.unique(self.groups)))

    def _of_empty(self, traits: Traits) -> ExpectedDice:
        weights = group_weights(self.empty_groups)
        right, wrong = float(weights[self.empty].sum()), float(weights[~self.empty].sum())
        # One more group stands for what has not been seen: its own word is all there is about it.
        dice = right + (1 - right - wrong) * (1 - traits.doubt)
        if self.missing_groups:
            return ExpectedDice(dice, None)
        return ExpectedDice(dice, (float(right >= CONFIDENCE - 1e-9), float(wrong < CONFIDENCE - 1e-9)))


def _fitted(features: Floats, missing: Floats, groups: NDArray[np.integer]) -> Floats:
    """Fit constant and factors by ridge regression with Huber's weights; groups count alike."""
    weights = group_weights(groups) * (len(np.unique(groups)) + 1)
    centre = np.average(features, axis=0, weights=weights)
    spread = np.sqrt(np.average((features - centre) ** 2, axis=0, weights=weights)) + 1e-6
    scaled = np.column_stack([np.ones(len(features)), (features - centre) / spread])
    penalty = _PENALTY * np.diag([0.0, *np.ones(features.shape[1])])
    trust = np.ones(len(features))
    for _ in range(_ROUNDS):
        weighted = scaled * (weights * trust)[:, np.newaxis]
        found = np.linalg.solve(weighted.T @ scaled + penalty, weighted.T @ missing)
        off = np.abs(missing - scaled @ found)
        deviation = max(1.4826 * float(np.median(off)), _LEAST_DEVIATION)
        trust = np.minimum(1, _HUBER * deviation / np.maximum(off, 1e-12))
    factors = found[1:] / spread
    return np.concatenate([[found[0] - factors @ centre], factors])


def _applied(coefficients: Floats, features: Floats) -> Floats:
    """Sum up (N, 1 + F) coefficients with (N or 1, F) features, to (N,)."""
    found: Floats = coefficients[:, 0] + (coefficients[:, 1:] * features).sum(1)
    return found


def _logit(values: NDArray[np.floating] | float) -> Floats:
    inside = np.clip(np.asarray(values, np.float64), _LOWEST, 1 - _LOWEST)
    found: Floats = np.log(inside / (1 - inside))
    return found


def _expit(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def _lower(value: float) -> float:
    return 0.0 if value <= _logit(_LOWEST) else _expit(min(value, float(_logit(1 - _LOWEST))))


def _upper(value: float) -> float:
    return 1.0 if value >= _logit(1 - _LOWEST) else _expit(max(value, float(_logit(_LOWEST))))
