"""Where the experts agree, as images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .masks import Masks, read_masks
from .patterns import Patterns, count_patterns
from .voting import vote_counts, vote_shares


def agreement_map(masks: Masks, ignore_label: int | None = None) -> NDArray[np.uint8]:
    """Count, at each pixel, the experts who give the label that most of them give.

    Parameters
    ----------
    masks : sequence of arrays, or mapping of str to array
        As for `estimate_consensus`.
    ignore_label : int, optional
        Label that is no vote.

    Returns
    -------
    ndarray of uint8, mask shape
        From 1 to R; 0 where nobody judged.

    Raises
    ------
    InputError
        As `estimate_consensus` does for masks that it cannot use.
    """
    patterns = count_patterns(read_masks(masks), ignore_label=ignore_label)
    return agreement_of_patterns(patterns)


def disagreement_map(masks: Masks, ignore_label: int | None = None) -> NDArray[np.float32]:
    """Entropy of the votes at each pixel, as a share of the largest that the labels allow.

    With vote shares p_c of L labels it is ``-sum(p_c log p_c) / log(max(L, 2))``.

    Parameters
    ----------
    masks, ignore_label
        As for `agreement_map`.

    Returns
    -------
    ndarray of float32, mask shape
        0 where all experts agree or nobody judged, 1 where the votes are spread evenly over all labels.

    Raises
    ------
    InputError
        As `estimate_consensus` does for masks that it cannot use.
    """
    patterns = count_patterns(read_masks(masks), ignore_label=ignore_label)
    return disagreement_of_patterns(patterns)


def agreement_of_patterns(patterns: Patterns) -> NDArray[np.uint8]:
    """See `agreement_map`, for votes that are already counted."""
    return patterns.paint(vote_counts(patterns).max(axis=1).astype(np.uint8))


def disagreement_of_patterns(patterns: Patterns) -> NDArray[np.float32]:
    """See `disagreement_map`, for votes that are already counted."""
    return patterns.paint(disagreement_by_pattern(patterns))


def disagreement_by_pattern(patterns: Patterns) -> NDArray[np.float32]:
    """See `disagreement_map`, for each of U patterns, shape (U,)."""
    votes = vote_counts(patterns)
    shares = np.where(votes.any(axis=1, keepdims=True), vote_shares(votes), 1.0)
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1)
    relative = np.abs(entropy) / np.log(max(patterns.n_classes, 2))
    return np.clip(relative, 0, 1).astype(np.float32)
