"""Uncertainty from the mean and the mean square of the predicted probabilities.

For members and views with class probabilities p, the variance of one draw from the ensemble's mean p̄ splits
into what the members disagree on and what each of them is unsure of::

    p̄ (1 - p̄)  =  (mean(p²) - p̄²)  +  mean(p (1 - p))
      total     =     epistemic     +     aleatoric

so two running sums are all that has to be kept (Kwon et al., Computational Statistics & Data Analysis
142:106816, 2020; doi 10.1016/j.csda.2019.106816). Each is averaged over the classes and divided by 0.25, the
largest variance that a probability can have: 0 is certain, and with two classes 1 is a coin toss. The scale
is the same for every image.

The same in entropies H (Houlsby et al., arXiv 1112.5745, 2011), divided by log L so that 1 is "all classes
alike", where a third sum is kept::

    H(p̄)  =  (H(p̄) - mean(H(p)))  +  mean(H(p))
    predictive  =  mutual information  +  expected entropy
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

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
    return _scaled((p * (1 - p) for p in mean), len(mean))


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
    variances = (
        np.clip(square - p**2, 0, p * (1 - p)) for p, square in zip(mean, mean_of_squares, strict=True)
    )
    return _scaled(variances, len(mean))


def predictive_entropy(mean: FloatArray) -> FloatArray:
    """Entropy of the ensemble's mean.

    Parameters
    ----------
    mean : ndarray of float32, shape (L, Y, X)
        Mean probability of each class, 0 to 1.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        In [0, 1]; 1 where all classes are alike.
    """
    entropy = np.zeros(mean.shape[1:], np.float32)
    for p in mean:
        # 0 log 0 is 0; the smallest normal number stands for 0 in the logarithm.
        entropy -= p * np.log(np.maximum(p, np.finfo(np.float32).tiny))
    return _within_one(entropy, len(mean))


def mutual_information(mean: FloatArray, mean_entropy: FloatArray) -> FloatArray:
    """Part of the predictive entropy that is disagreement among members and views.

    Parameters
    ----------
    mean : ndarray of float32, shape (L, Y, X)
        Mean probability of each class, 0 to 1.
    mean_entropy : ndarray of float32, shape (Y, X)
        Mean of the entropies of single members and views, in nats.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        In [0, 1], never more than `predictive_entropy`.
    """
    predictive = predictive_entropy(mean)
    return np.clip(predictive - mean_entropy / np.float32(np.log(len(mean))), 0, predictive)


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
    chosen = foreground if foreground.any() else np.True_
    return float(uncertainty.mean(dtype=np.float64, where=chosen))


def _scaled(variances: Iterable[FloatArray], n_classes: int) -> FloatArray:
    # Class by class, so that no second stack of maps is needed.
    total = functools.reduce(np.add, variances)
    return np.minimum(total / np.float32(_LARGEST_VARIANCE * n_classes), np.float32(1))


def _within_one(entropy: FloatArray, n_classes: int) -> FloatArray:
    return np.clip(entropy / np.float32(np.log(n_classes)), 0, 1)
