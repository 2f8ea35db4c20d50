"""Agreement corrected for chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def fleiss_kappa(votes: Float, counts: NDArray[np.int64]) -> float | None:
    """Fleiss' kappa of how items were rated.

    Items may have different numbers of raters; those with fewer than two are left out. With the same number
    for all this is the statistic of Fleiss (Psychological Bulletin 76:378-382, 1971, doi 10.1037/h0031619).

    Parameters
    ----------
    votes : ndarray, shape (U, L)
        Raters who chose each category, for each kind of item.
    counts : ndarray, shape (U,)
        Number of items of that kind.

    Returns
    -------
    float or None
        1 for full agreement, 0 for as much as chance brings, negative for less. None where all raters chose
        one and the same category throughout, or no item has two raters: chance then explains everything.
    """
    votes, weights, raters = _rated_twice(votes, counts)
    if not weights.sum():
        return None
    observed = (weights * (votes * (votes - 1)).sum(axis=1) / (raters * (raters - 1))).sum() / weights.sum()
    shares = (weights[:, None] * votes).sum(axis=0) / (weights * raters).sum()
    expected = float((shares**2).sum())
    return None if np.isclose(expected, 1) else float((observed - expected) / (1 - expected))


def krippendorff_alpha(votes: Float, counts: NDArray[np.int64]) -> float | None:
    """Krippendorff's alpha for nominal data, which allows missing ratings.

    From the matrix of coincidences (Krippendorff: Content Analysis, 2004, section 11.3).

    Parameters
    ----------
    votes, counts
        As for `fleiss_kappa`.

    Returns
    -------
    float or None
        As for `fleiss_kappa`.
    """
    votes, weights, raters = _rated_twice(votes, counts)
    pairs = weights / np.maximum(raters - 1, 1)
    agreeing = (pairs[:, None] * votes * (votes - 1)).sum()
    totals = (weights[:, None] * votes).sum(axis=0)
    total = totals.sum()
    apart = total**2 - (totals**2).sum()
    return None if not apart else float(1 - (total - 1) * (total - agreeing) / apart)


def kappa_in_words(kappa: float | None) -> str:
    """Put kappa or alpha in a word.

    After Landis and Koch (Biometrics 33:159-174, 1977, doi 10.2307/2529310).
    """
    if kappa is None:
        return "not known"
    words = {0.8: "almost perfect", 0.6: "substantial", 0.4: "moderate", 0.2: "fair", 0.0: "slight"}
    return next((word for least, word in words.items() if kappa > least), "poor")


def _rated_twice(votes: Float, counts: NDArray[np.int64]) -> tuple[Float, Float, Float]:
    raters = votes.sum(axis=1)
    chosen = raters >= 2
    return votes[chosen], counts[chosen].astype(np.float64), raters[chosen]
