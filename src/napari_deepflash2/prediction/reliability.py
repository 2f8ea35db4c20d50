"""Whether probabilities mean what they say: of what is predicted with 0.8, eight in ten should be so.

Reliability diagram and expected calibration error of Naeini, Cooper and Hauskrecht (AAAI 2015) and Guo et al.
(ICML 2017, arXiv 1706.04599), over pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..data.ignored import judged

if TYPE_CHECKING:
    import pandas as pd

BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """Pixels by the probability they were given, as sums, so that those of several images add up.

    Attributes
    ----------
    counts : ndarray of int64, shape (B,)
        Pixels in each of B bins of equal width from 0 to 1; the upper end belongs to the bin.
    confidence : ndarray of float64, shape (B,)
        Sum of their probabilities.
    correct : ndarray of float64, shape (B,)
        How many of them were right.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    correct: NDArray[np.float64]

    @classmethod
    def empty(cls, bins: int = BINS) -> Reliability:
        """Of no pixel."""
        return cls(np.zeros(bins, np.int64), np.zeros(bins), np.zeros(bins))

    @classmethod
    def of_probability(
        cls, probability: NDArray[np.floating], is_so: NDArray[np.bool_], bins: int = BINS
    ) -> Reliability:
        """Compare a probability with what is.

        Parameters
        ----------
        probability : ndarray of float
            In [0, 1].
        is_so : ndarray of bool, equal shape
            Whether that which was given the probability is the case.
        bins : int
            Bins B.
        """
        values = np.asarray(probability, np.float64).reshape(-1)
        index = np.clip(np.ceil(values * bins).astype(np.intp) - 1, 0, bins - 1)
        sums = (np.asarray(np.bincount(index, of, bins), np.float64) for of in (values, is_so.reshape(-1)))
        return cls(np.bincount(index, minlength=bins), *sums)

    @classmethod
    def of_prediction(
        cls, probabilities: NDArray[np.floating], truth: NDArray[np.integer], bins: int = BINS
    ) -> Reliability:
        """Compare the probability of the class that is predicted with how often it is the right one.

        Parameters
        ----------
        probabilities : ndarray of float, shape (L, Y, X)
            Of each class.
        truth : ndarray of int, shape (Y, X)
            Classes 0 to L - 1; pixels that are `IGNORE` have no part in it.
        bins : int
            Bins B.
        """
        known = judged(truth)
        chosen, true = probabilities[:, known], truth[known]
        return cls.of_probability(chosen.max(0), chosen.argmax(0) == true, bins)

    @classmethod
    def of_class(
        cls,
        probabilities: NDArray[np.floating],
        truth: NDArray[np.integer],
        class_: int,
        bins: int = BINS,
    ) -> Reliability:
        """Compare the probability of one class with how often that class is there; see `of_prediction`."""
        known = judged(truth)
        return cls.of_probability(probabilities[class_][known], truth[known] == class_, bins)

    @classmethod
    def of_bins(cls, bins: Sequence[tuple[int, float, float]]) -> Reliability:
        """Take what `bins` gave."""
        counts, confidence, correct = zip(*bins, strict=True)
        return cls(np.array(counts, np.int64), np.array(confidence), np.array(correct))

    @property
    def bins(self) -> tuple[tuple[int, float, float], ...]:
        """Count, sum of the probabilities and number of right pixels of each bin, as plain numbers."""
        sums = (self.counts.tolist(), self.confidence.tolist(), self.correct.tolist())
        return tuple(zip(*sums, strict=True))

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(
            self.counts + other.counts, self.confidence + other.confidence, self.correct + other.correct
        )

    @property
    def expected_calibration_error(self) -> float | None:
        """Mean over pixels of how far confidence and accuracy of their bin are apart; None of no pixel."""
        total = int(self.counts.sum())
        return float(np.abs(self.confidence - self.correct).sum() / total) if total else None

    @property
    def table(self) -> pd.DataFrame:
        """One row a bin.

        ``low``, ``high`` (of the bin), ``count`` (pixels), ``confidence`` (their mean probability),
        ``accuracy`` (share of them that was right); NA in a bin without pixels.
        """
        import pandas as pd

        edges = np.linspace(0, 1, len(self.counts) + 1)
        filled = np.where(self.counts > 0, self.counts, 1)
        means = {
            name: pd.array(np.where(self.counts > 0, sums / filled, np.nan), dtype="Float64")
            for name, sums in (("confidence", self.confidence), ("accuracy", self.correct))
        }
        return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": self.counts, **means})
