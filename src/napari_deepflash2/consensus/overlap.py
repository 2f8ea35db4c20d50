"""How much two masks overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError


def dice(a: ArrayLike, b: ArrayLike) -> float:
    """Dice coefficient of two masks, twice the common area over the sum of the areas.

    Parameters
    ----------
    a, b : array of bool
        Masks of equal shape; every value other than 0 is foreground.

    Returns
    -------
    float
        Between 0 and 1; 1.0 where both masks are empty, since they agree.

    Raises
    ------
    InputError
        Where the shapes differ.
    """
    first, second = _foreground(a), _foreground(b)
    if first.shape != second.shape:
        found = f"shapes {first.shape} and {second.shape}"
        raise InputError.one("masks", found, "Compare masks of the same image.", "shape-mismatch")
    common = np.count_nonzero(first & second)
    return float(dice_of_areas(common, np.count_nonzero(first), np.count_nonzero(second)))


def iou(a: ArrayLike, b: ArrayLike) -> float:
    """Intersection over union of two masks; see `dice` for the arguments and the case of empty masks."""
    overlap = dice(a, b)
    return overlap / (2 - overlap)


def dice_of_areas(common: ArrayLike, area_a: ArrayLike, area_b: ArrayLike) -> NDArray[np.float64]:
    """Dice coefficient from areas, element by element; 1.0 where both areas are 0."""
    total = np.asarray(area_a, dtype=np.float64) + np.asarray(area_b)
    return np.where(total > 0, 2 * np.asarray(common) / np.where(total > 0, total, 1), 1.0)


def _foreground(mask: ArrayLike) -> NDArray[np.bool_]:
    return np.asarray(np.asarray(mask) != 0)
