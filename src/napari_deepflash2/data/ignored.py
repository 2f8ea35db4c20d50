"""Pixels that nobody judged: how they are marked, and what is left of a mask without them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Class labels are 0 to L - 1 in uint8, so that the highest value is free as long as L is at most 255.
IGNORE = 255


def judged(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Mark the pixels of a mask of class labels that have a part in sampling, loss and scores."""
    return labels != IGNORE


def foreground(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Mark the pixels of a mask of class labels that are neither background nor ignored."""
    return (labels != 0) & (labels != IGNORE)
