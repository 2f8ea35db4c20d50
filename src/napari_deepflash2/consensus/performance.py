"""How well each expert did, measured against an estimate of the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .overlap import dice_of_areas
from .patterns import Patterns, one_hot

if TYPE_CHECKING:
    import pandas as pd

Float = NDArray[np.float64]


def confusion_counts(patterns: Patterns, truth: Float) -> Float:
    """Pixels by what they are and what each expert said.

    Parameters
    ----------
    patterns : Patterns
        U patterns of R experts.
    truth : ndarray, shape (U, L)
        Probability of each class, for each pattern; rows of zeros leave a pattern out.

    Returns
    -------
    ndarray of float64, shape (R, L, L)
        ``[r, c, l]``: pixels of class c that expert r called l. Pixels an expert did not judge are left out.
    """
    n_classes, n_experts = patterns.n_classes, len(patterns.experts)
    said = one_hot(patterns.votes, n_classes).T @ (truth * patterns.counts[:, None])
    return said.reshape(n_experts, n_classes, n_classes).transpose(0, 2, 1)


def dice_by_class(confusion: Float) -> Float:
    """Dice of each class from confusion counts (..., L, L); 1.0 where nothing was there nor marked."""
    common = np.diagonal(confusion, axis1=-2, axis2=-1)
    return dice_of_areas(common, confusion.sum(axis=-1), confusion.sum(axis=-2))


def sensitivity_by_class(confusion: Float) -> Float:
    """Share of a class that was called so, from (..., L, L); NaN where there is none of it."""
    return ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1))


def specificity_by_class(confusion: Float) -> Float:
    """Share of what is not a class that was not called so, from (..., L, L); NaN where all is."""
    total = confusion.sum(axis=(-2, -1))[..., None]
    elsewhere = total - confusion.sum(axis=-1)
    called = confusion.sum(axis=-2) - np.diagonal(confusion, axis1=-2, axis2=-1)
    return ratio(elsewhere - called, elsewhere)


def foreground_of(classes: Sequence[int]) -> NDArray[np.bool_]:
    """Which classes are foreground: all but label 0."""
    return np.array([label != 0 for label in classes])


def foreground_mean(values: Float, classes: Sequence[int]) -> Float:
    """Mean over the foreground classes of (..., L), leaving out NaN; NaN where nothing is left."""
    chosen = values[..., foreground_of(classes)]
    known = ~np.isnan(chosen)
    return ratio(np.where(known, chosen, 0).sum(axis=-1), known.sum(axis=-1).astype(np.float64))


def with_foreground(confusion: Float, classes: Sequence[int]) -> tuple[Float, tuple[int, ...]]:
    """Add an empty foreground class where the background is the only class, so that scores are defined."""
    if any(foreground_of(classes)):
        return confusion, tuple(classes)
    return np.pad(confusion, [(0, 0)] * (confusion.ndim - 2) + [(0, 1), (0, 1)]), (*classes, 1)


def expert_table(experts: Sequence[str], columns: dict[str, Float]) -> pd.DataFrame:
    """One row an expert; what is not known (NaN) becomes ``pandas.NA``, an empty cell in a file."""
    import pandas as pd

    index = pd.Index(list(experts), name="expert")
    return pd.DataFrame({name: pd.array(values, dtype="Float64") for name, values in columns.items()}, index)


def ratio(part: ArrayLike, whole: ArrayLike) -> Float:
    """Divide element by element; NaN where the whole is nothing."""
    # Posteriors that ought to be 0 come out as tiny numbers; less than a millionth of a pixel is nothing.
    whole = np.asarray(whole, dtype=np.float64)
    present = whole > 1e-6
    return np.where(present, np.asarray(part) / np.where(present, whole, 1), np.nan)
