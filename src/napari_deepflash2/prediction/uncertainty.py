"""Uncertainty from the mean and the mean square of the predicted probabilities.

For members and views with class probabilities p, the variance of one draw from the ensemble's mean p̄ splits
into what the members disagree on and what each of them is unsure of::

    p̄ (1 - p̄)  =  (mean(p²) - p̄²)  +  mean(p (1 - p))
      total     =     epistemic     +     aleatoric

so two running sums are all that has to be kept (Kwon et al., Computational Statistics & Data Analysis
142:106816, 2020; doi 10.1016/j.csda.2019.106816). Each is averaged over the classes and divided by 0.25, the
largest variance that a probability can have: 0 is certain, and with two classes 1 is a coin toss. The scale
is the same for every image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_LARGEST_VARIANCE = 0.25


def total_uncertainty(mean: FloatArray) -> FloatArray:
    """Uncertainty of the ensemble.

    Parameters
    ----------
    mean : ndarray of float32, shape (L, Y, X)
        Mean probability of each class, 0 to 1.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        In [0, 1].
    """
    return _scaled(mean * (1 - mean))


def epistemic_uncertainty(mean: FloatArray, mean_of_squares: FloatArray) -> FloatArray:
    """Part of the uncertainty that is disagreement among members and views.

    Parameters
    ----------
    mean, mean_of_squares : ndarray of float32, shape (L, Y, X)
        Mean of the probabilities and of their squares.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        In [0, 1], never more than `total_uncertainty`.
    """
    # Rounding may take the difference below 0 or above the total by some 1e-8.
    variance = np.clip(mean_of_squares - mean**2, 0, mean * (1 - mean))
    return _scaled(variance)


def aleatoric_uncertainty(mean: FloatArray, mean_of_squares: FloatArray) -> FloatArray:
    """Part of the uncertainty that members and views share: the total less the epistemic part.

    Parameters
    ----------
    mean, mean_of_squares : ndarray of float32, shape (L, Y, X)
        Mean of the probabilities and of their squares.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        In [0, 1].
    """
    return total_uncertainty(mean) - epistemic_uncertainty(mean, mean_of_squares)


def uncertainty_score(uncertainty: FloatArray, foreground: NDArray[np.bool_]) -> float:
    """Mean uncertainty over the predicted foreground; over the whole image where there is none.

    Parameters
    ----------
    uncertainty : ndarray of float32, shape (Y, X)
        In [0, 1].
    foreground : ndarray of bool, shape (Y, X)
        Pixels that are predicted as anything but background.

    Returns
    -------
    float
        In [0, 1], never NaN.
    """
    chosen = uncertainty[foreground] if foreground.any() else uncertainty
    return float(chosen.mean(dtype=np.float64))


def _scaled(variance: FloatArray) -> FloatArray:
    # The factor first: it is a power of two, so the sum of the parts stays exact.
    return np.minimum((variance / _LARGEST_VARIANCE).mean(0, dtype=np.float32), np.float32(1))
