"""Votes counted: majority, weighted, and marked by at least so many experts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .patterns import Patterns

Float = NDArray[np.float64]


def vote_counts(patterns: Patterns, weights: Float | None = None) -> Float:
    """Votes for each class, for each pattern.

    Parameters
    ----------
    patterns : Patterns
        U patterns of R experts.
    weights : ndarray, shape (R,), optional
        Weight of each expert's vote; 1 when not given.

    Returns
    -------
    ndarray of float64, shape (U, L)
    """
    weights = np.ones(len(patterns.experts)) if weights is None else weights
    votes = np.zeros((len(patterns.votes), patterns.n_classes + 1))
    rows = np.arange(len(votes))
    for expert, weight in enumerate(weights):
        votes[rows, patterns.votes[:, expert]] += weight
    return votes[:, :-1]


def vote_shares(votes: Float) -> Float:
    """Turn votes (U, L) into shares that sum to 1; equal shares where nobody voted."""
    total = votes.sum(axis=1, keepdims=True)
    return np.where(total > 0, votes / np.where(total > 0, total, 1), 1 / votes.shape[1])


def at_least(votes: Float, foreground: NDArray[np.bool_], least: NDArray[np.float64] | float) -> Float:
    """Scores under which the foreground class with most votes wins where it has enough, else the background.

    Parameters
    ----------
    votes : ndarray, shape (U, L)
        Votes for each class.
    foreground : ndarray of bool, shape (L,)
        Which classes are foreground.
    least : float or ndarray, shape (U,)
        Votes that a foreground class needs.

    Returns
    -------
    ndarray, shape (U, L)
        The votes of foreground classes that have enough, 0 for those that do not, and 0.5 for background.
    """
    enough = votes >= np.asarray(least)[..., None]
    return np.where(foreground, np.where(enough, votes, 0.0), 0.5)


def decide(scores: Float, undecided: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Index of the highest score in each row, and where two or more share it.

    Scores count as equal when they differ by no more than 1e-9, since sums in another order do.

    Parameters
    ----------
    scores : ndarray, shape (U, L)
        Posteriors, shares or votes.
    undecided : int
        Index to give where the highest score is shared.

    Returns
    -------
    winners : ndarray of int, shape (U,)
    ties : ndarray of bool, shape (U,)
    """
    best = scores.max(axis=1, keepdims=True)
    ties = (scores >= best - 1e-9).sum(axis=1) > 1
    return np.where(ties, undecided, scores.argmax(axis=1)), ties
