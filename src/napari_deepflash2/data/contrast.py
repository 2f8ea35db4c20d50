"""Whether masks lie on what is to be seen: pairs that were mixed up, and inverted masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .ignored import foreground, judged

_ENOUGH_PAIRS = 5
# In real sets of nuclei the contrast of each mask is above 0.4 of the median of its set; of masks exchanged
# within the set it is below 0.25, unless all objects lie in the middle.
_CLEAR = 1.0
_CONSISTENT = 0.5
_FEW = 0.2
_TOO_LITTLE = 0.25


def contrast(image: NDArray[Any], labels: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Difference of the means of foreground and background, in standard deviations of the image.

    Parameters
    ----------
    image : ndarray, shape (..., C)
        Intensities.
    labels : ndarray of uint8, shape (...)
        Class labels.

    Returns
    -------
    ndarray of float, shape (C,), or None
        For each channel; None where there is no foreground or no background.
    """
    inside, known = foreground(labels), judged(labels)
    if not inside.any() or (inside == known).all():
        return None
    deviation = image[known].std(0, dtype=np.float64)
    difference = image[inside].mean(0, dtype=np.float64) - image[known & ~inside].mean(0, dtype=np.float64)
    return np.asarray(difference / np.where(deviation > 0, deviation, 1))


def notes_of_contrast(contrasts: Sequence[NDArray[np.float64] | None], names: Sequence[str]) -> list[Problem]:
    """Note masks whose foreground is not set off as in the other pairs.

    Only where most of at least five pairs agree on which of the two is brighter, and clearly so.

    Parameters
    ----------
    contrasts : sequence of array or None
        Of each pair, from `contrast`.
    names : sequence of str
        A name for each mask.
    """
    known = [(values, name) for values, name in zip(contrasts, names, strict=True) if values is not None]
    if len(known) < _ENOUGH_PAIRS:
        return []
    table = np.array([values for values, _ in known])
    table *= np.sign(np.median(table, axis=0))
    # The channel in which most pairs agree.
    found = table[:, np.argmax(np.quantile(table, _FEW, axis=0))]
    usual = float(np.median(found))
    if usual < _CLEAR or np.quantile(found, _FEW) < _CONSISTENT * usual:
        return []
    return list(_outliers(found, usual, [name for _, name in known]))


def _outliers(found: NDArray[np.float64], usual: float, names: Sequence[str]) -> Iterator[Problem]:
    for value, name in zip(found, names, strict=True):
        if value < -_CONSISTENT * usual:
            yield Problem(
                name,
                f"its foreground differs from the background by {value:.1f} standard deviations, elsewhere "
                f"by {usual:.1f} (median): the two look exchanged",
                "Check that foreground and background are not exchanged.",
                "inverted-mask",
            )
        elif value < _TOO_LITTLE * usual:
            yield Problem(
                name,
                f"its foreground is not set off from the background: by {value:.1f} standard deviations, "
                f"elsewhere by {usual:.1f} (median)",
                "Check that the mask belongs to this image and lies in its place.",
                "mask-of-another-image",
            )
