"""Probabilities that mean what they say: one temperature for all predictions of an ensemble.

Temperature scaling of Guo et al. (ICML 2017, arXiv 1706.04599) on the mean p̄ of members and views::

    p̄^(1/T) / (sum over the classes of p̄^(1/T))

The most probable class stays what it is. The mean is calibrated, not each member: for ensembles it has to be
done after the averaging (Rahaman and Thiery, NeurIPS 2021, arXiv 2007.08792).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .engine import Moments
from .uncertainty import predictive_entropy

FloatArray = NDArray[np.float32]

# Few images that a network separates without a mistake would ask for a temperature of 0, and too many that
# it knows nothing of for an infinite one.
COLDEST, HOTTEST = 0.5, 10.0
# The least that half precision, in which out-of-fold probabilities are kept, tells from 0.
_SMALLEST = 2.0**-24


def fit_temperature(probabilities: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """Find the temperature under which the true classes are most likely.

    Parameters
    ----------
    probabilities : ndarray of float, shape (L, N)
        Of each class, at N pixels that were judged and that the networks did not learn from.
    truth : ndarray of int, shape (N,)
        Classes 0 to L - 1.

    Returns
    -------
    float
        From 0.5 to 10; above 1 the networks are too sure.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logs = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST))
    of_truth = np.take_along_axis(logs, truth[np.newaxis].astype(np.intp), 0)[0]

    def loss(log_temperature: float) -> float:
        factor = np.exp(-log_temperature)
        return float((logsumexp(logs * factor, axis=0) - of_truth * factor).mean())

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3}).x))


def tempered(probabilities: NDArray[np.floating], temperature: float) -> FloatArray:
    """Apply a temperature to probabilities.

    Parameters
    ----------
    probabilities : ndarray of float, shape (L, ...)
        Of each class; not a number stays not a number.
    temperature : float
        Above 0; 1 changes nothing.

    Returns
    -------
    ndarray of float32, shape (L, ...)
        Sums to 1 over L.
    """
    # Divided by the largest first, so that no power of all classes falls to 0.
    found = (probabilities / probabilities.max(0)).astype(np.float32)
    np.power(found, np.float32(1 / temperature), out=found)
    found /= found.sum(0)
    return found


def calibrated(moments: Moments, temperature: float) -> Moments:
    """Apply a temperature to the mean, and keep the share of its variance and entropy that is disagreement.

    So ``total = epistemic + aleatoric`` holds as before, for variances and for entropies.

    Parameters
    ----------
    moments : Moments
        Over members and views.
    temperature : float
        Above 0; with 1 the same moments are returned.
    """
    if temperature == 1:
        return moments
    mean = tempered(moments.mean, temperature)
    squares = np.empty_like(mean)
    for p, square, new, target in zip(moments.mean, moments.mean_of_squares, mean, squares, strict=True):
        share = _ratio(square - p * p, p * (1 - p))
        np.add(new * new, np.clip(share, 0, 1) * new * (1 - new), out=target)
    entropy = moments.mean_entropy
    if entropy is not None:
        entropy = entropy * _ratio(predictive_entropy(mean), predictive_entropy(moments.mean))
    return Moments(mean, squares, entropy)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
