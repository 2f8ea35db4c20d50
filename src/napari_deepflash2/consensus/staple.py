"""STAPLE: the hidden truth and each expert's performance, estimated together by expectation-maximisation.

References
----------
.. [1] Warfield, Zou, Wells: Simultaneous Truth and Performance Level Estimation (STAPLE), IEEE Transactions
   on Medical Imaging 23:903-921, 2004, doi 10.1109/TMI.2004.828354.
.. [2] Rohlfing, Russakoff, Maurer: Performance-Based Classifier Combination in Atlas-Based Image Segmentation
   Using Expectation-Maximization Parameter Estimation, IEEE Transactions on Medical Imaging 23:983-994, 2004,
   doi 10.1109/TMI.2004.830803.
.. [3] Varadhan, Roland: Simple and Globally Convergent Methods for Accelerating the Convergence of Any EM
   Algorithm, Scandinavian Journal of Statistics 35:335-353, 2008, doi 10.1111/j.1467-9469.2007.00585.x.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .patterns import Patterns, one_hot

Float = NDArray[np.float64]

# Keeps logarithms finite; products of fewer than 2^20 such numbers still are, as sums of logarithms.
_TINY = 1e-300
# Patterns handled at a time, which bounds the memory of their one-hot form.
_BLOCK = 1 << 14
# Experts who agree converge in some ten rounds. Those who do not can creep for thousands: from here on
# rounds are extrapolated, which leads to the same end.
_PLAIN_ROUNDS = 100
# By how much of itself a likelihood may fall, for rounding, after a leap that is kept.
_SLACK = 1e-12
# Experts whose masks mirror each other have the same performance, but sums in another order differ in their
# last digits, which later rounds would magnify until one of the two is believed: those digits are dropped.
_DECIMALS = 12


@dataclass(frozen=True)
class StapleFit:
    """What the expectation-maximisation found.

    Attributes
    ----------
    posteriors : ndarray of float64, shape (U, L)
        Probability of each class, for each pattern of votes; rows sum to 1.
    performance : ndarray of float64, shape (R, L, L)
        ``performance[r, c, l]`` is the probability that expert r says class l where the truth is c.
    iterations : int
        Rounds done.
    change : float
        Largest change of a performance figure in the last round.
    converged : bool
        Whether that change was within the tolerance.
    """

    posteriors: Float
    performance: Float
    iterations: int
    change: float
    converged: bool


def fit_staple(
    patterns: Patterns, prior: Float, start: Float, max_iterations: int = 10_000, tolerance: float = 1e-7
) -> StapleFit:
    """Estimate the truth behind the patterns and the performance of the experts.

    The posterior of class c for a pattern is proportional to ``prior[c]`` times the product over the experts
    of the probability that they say what they said where the truth is c ([1]_ eq. 15, [2]_ eq. 4). The
    performance of an expert is the confusion matrix of what they said against that posterior ([1]_ eq. 18,
    [2]_ eq. 5). Both are repeated until no entry of a matrix changes by more than the tolerance. Votes that
    are missing count neither for nor against.

    Parameters
    ----------
    patterns : Patterns
        Votes of R experts for L classes.
    prior : ndarray, shape (L,)
        Share of the pixels that each class takes.
    start : ndarray, shape (R, L, L)
        Performance to start with.
    max_iterations : int
        Most rounds.
    tolerance : float
        Largest change at which the rounds end.
    """
    order = _order_of_experts(patterns)
    votes = patterns.votes[:, order]
    rows = np.lexsort(votes.T)
    rounds = _Rounds(votes[rows], patterns.counts[rows].astype(np.float64), np.log(np.maximum(prior, _TINY)))
    performance, iterations, change = _iterate(rounds, start[order], max_iterations, tolerance)
    posteriors = np.empty((len(rows), len(prior)))
    posteriors[rows] = rounds.expect(performance).T
    return StapleFit(posteriors, performance[np.argsort(order)], iterations, change, change <= tolerance)


def starting_performance(n_classes: int, right: Float) -> Float:
    """Give matrices with the probability of being right on the diagonal, the rest spread evenly.

    Parameters
    ----------
    n_classes : int
        L.
    right : ndarray, shape (R,)
        Probability of each expert to name the right class.

    Returns
    -------
    ndarray of float64, shape (R, L, L)
    """
    wrong = (1 - right) / max(n_classes - 1, 1)
    matrices = np.broadcast_to(wrong[:, None, None], (len(right), n_classes, n_classes)).copy()
    matrices[:, range(n_classes), range(n_classes)] = right[:, None] if n_classes > 1 else 1.0
    return matrices


def _order_of_experts(patterns: Patterns) -> NDArray[np.intp]:
    """Order of the experts that depends on what they said alone.

    Sums of floating-point numbers depend on their order; where experts are symmetric, as two who disagree,
    the rounds would magnify that difference. In an order made from the votes, the same masks give the same
    result to the last bit however the experts are listed.
    """
    joint = patterns.joint_votes()
    keys = [(joint[r, r].tobytes(), sorted(pair.tobytes() for pair in joint[r])) for r in range(len(joint))]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__))


@dataclass(frozen=True)
class _Rounds:
    """One round of expectation-maximisation, for given votes (U, R), counts (U,) and prior (L,)."""

    votes: NDArray[np.uint8]
    counts: Float
    log_prior: Float

    def expect(self, performance: Float) -> Float:
        """Give the posteriors, shape (L, U)."""
        parts = [self._expect_block(self._said(part), performance)[0] for part in _blocks(len(self.votes))]
        return np.concatenate(parts, axis=1)

    def maximise(self, performance: Float) -> tuple[Float, float]:
        """Give the performance after one round, and the logarithm of the likelihood before it."""
        n_experts, n_classes, _ = performance.shape
        joint, likelihood = np.zeros((n_classes, n_experts * n_classes)), 0.0
        for part in _blocks(len(self.votes)):
            said, counts = self._said(part), self.counts[part]
            posteriors, logs = self._expect_block(said, performance)
            joint += (posteriors * counts) @ said
            likelihood += float(counts @ logs)
        joint = joint.reshape(n_classes, n_experts, n_classes).transpose(1, 0, 2)
        return _rows_to_one(joint, otherwise=performance).round(_DECIMALS), likelihood

    def _expect_block(self, said: Float, performance: Float) -> tuple[Float, Float]:
        # Classes come first: numpy is slow at sums over a short last axis.
        n_classes = len(self.log_prior)
        chances = np.log(np.maximum(performance, _TINY)).transpose(1, 0, 2).reshape(n_classes, -1)
        logs = chances @ said.T + self.log_prior[:, None]
        best = logs.max(axis=0)
        shares = np.exp(logs - best)
        total = shares.sum(axis=0)
        return shares / total, best + np.log(total)

    def _said(self, part: slice) -> Float:
        return (
            self._only_block if len(self.votes) <= _BLOCK else one_hot(self.votes[part], len(self.log_prior))
        )

    @cached_property
    def _only_block(self) -> Float:
        return one_hot(self.votes, len(self.log_prior))


def _iterate(
    rounds: _Rounds, performance: Float, max_iterations: int, tolerance: float
) -> tuple[Float, int, float]:
    """Repeat rounds until nothing changes by more than the tolerance: performance, rounds, last change."""
    iterations, change = 0, np.inf
    while iterations < max_iterations and change > tolerance:
        before = performance
        performance, _ = rounds.maximise(before)
        change = float(np.abs(performance - before).max())
        iterations += 1
        if change > tolerance and _PLAIN_ROUNDS <= iterations < max_iterations - 1:
            performance = _leap(rounds, before, performance)
            iterations += 2
    return performance, iterations, change


def _leap(rounds: _Rounds, before: Float, after: Float) -> Float:
    """Do two more rounds, the second from a point extrapolated along the last two ([3]_)."""
    further, likelihood = rounds.maximise(after)
    step, bend = after - before, further - 2 * after + before
    length = np.linalg.norm(step) / max(float(np.linalg.norm(bend)), _TINY)
    ahead = before + 2 * length * step + length**2 * bend
    # Towards a border the leap may overshoot. It stops short of it: a probability of 0 would stay 0 for ever.
    ahead = _rows_to_one(np.maximum(ahead, further / 1000), otherwise=further)
    updated, likelihood_ahead = rounds.maximise(ahead)
    return updated if likelihood_ahead >= likelihood - _SLACK * abs(likelihood) else further


def _rows_to_one(joint: Float, otherwise: Float) -> Float:
    """Divide each row of the last axis by its sum; `otherwise` where that is 0."""
    total = joint.sum(axis=-1, keepdims=True)
    return np.where(total > 0, joint / np.where(total > 0, total, 1), otherwise)


def _blocks(size: int) -> list[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, size, _BLOCK)]
