"""What a new image will not exceed, from images of the same kind, however many there are.

Images of one group (animal, stack) are alike, so that not they but their groups are drawn anew. With G groups
a new one is as likely as any to have the largest value: each group weighs 1 / (G + 1), shared by its images,
and the same weight is left for what has never been seen (hierarchical conformal prediction: Lee, Barber and
Willett, Distribution-free inference with hierarchical data, 2023, arXiv 2306.06342).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-9


def group_weights(groups: NDArray[np.integer]) -> NDArray[np.float64]:
    """Weigh each image, (N,), by its group: sums to G / (G + 1)."""
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return 1 / ((len(counts) + 1) * counts[inverse])


def limit_at(values: NDArray[np.floating], groups: NDArray[np.integer], probability: float) -> float | None:
    """Find what a value of a new group stays at or below with at least a probability.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Of images.
    groups : ndarray of int, shape (N,)
        Number of the group of each.
    probability : float
        Between 0 and 1.

    Returns
    -------
    float or None
        One of the values; None where there are too few groups to promise anything.
    """
    order = np.argsort(values, kind="stable")
    reached = group_weights(groups)[order].cumsum() >= probability - _ROUNDING
    return float(values[order][reached.argmax()]) if reached.any() else None


def groups_needed(probability: float) -> int:
    """Count the groups from which on `limit_at` has an answer."""
    return math.ceil(probability / (1 - probability) - _ROUNDING)
