"""What is worth knowing about a set of masks before they are trusted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .overlap import dice_of_areas
from .patterns import Patterns
from .performance import foreground_of

Float = NDArray[np.float64]

# An expert stands out whose median Dice with the others is less than this part of what the others reach.
OUTLIER_RATIO = 0.5
# An expert has filled an image when they marked this share of it where the others marked less than half.
_FILLED = 0.95


def notes_on(patterns: Patterns) -> tuple[Problem, ...]:
    """Say what stands out: too few experts, copies, no overlap, and experts far from all others.

    Parameters
    ----------
    patterns : Patterns
        What the experts said.
    """
    if len(patterns.experts) == 1:
        return (
            Problem(
                patterns.experts[0],
                "there is one mask only, so the consensus is a copy of it and no agreement can be computed",
                "Ask a second expert.",
                "one-expert",
            ),
        )
    joint = patterns.joint_votes()
    return (*_copies(patterns, joint), *_disjoint(patterns, joint), *_outliers(patterns, joint))


def foreground_areas(joint: Float, classes: tuple[int, ...]) -> tuple[Float, Float, Float]:
    """Foreground of each pair of experts where both judged: common area, area of the first, of the second.

    Parameters
    ----------
    joint : ndarray, shape (R, R, L, L)
        From `Patterns.joint_votes`.
    classes : tuple of int
        The label values.

    Returns
    -------
    tuple of three ndarrays, shape (R, R)
    """
    marked = foreground_of(classes)
    common = joint[:, :, marked][:, :, :, marked].sum(axis=(2, 3))
    return common, joint[:, :, marked].sum(axis=(2, 3)), joint[:, :, :, marked].sum(axis=(2, 3))


def outliers(pairwise: Float) -> list[int]:
    """Experts far from all others.

    An expert stands out whose median Dice with the others is less than half the median Dice among those
    others. With fewer than three experts nobody can be named.

    Parameters
    ----------
    pairwise : ndarray, shape (R, R)
        Dice of each pair; NaN where not known.
    """
    n_experts = len(pairwise)
    if n_experts < 3:
        return []
    return [expert for expert in range(n_experts) if _stands_out(pairwise, expert)]


def _stands_out(pairwise: Float, expert: int) -> bool:
    others = np.delete(np.arange(len(pairwise)), expert)
    among = pairwise[np.ix_(others, others)][np.triu_indices(len(others), 1)]
    own, among = pairwise[expert, others], among[~np.isnan(among)]
    own = own[~np.isnan(own)]
    return bool(own.size and among.size and np.median(own) < OUTLIER_RATIO * np.median(among))


def _copies(patterns: Patterns, joint: Float) -> Iterator[Problem]:
    names = patterns.experts
    diagonal = np.diagonal(joint, axis1=2, axis2=3).sum(axis=2)
    judged = np.diagonal(diagonal)
    _, area, _ = foreground_areas(joint, patterns.classes)
    for first in range(len(names)):
        for second in range(first + 1, len(names)):
            same = diagonal[first, second] == judged[first] == judged[second]
            if same and area[first, second] > 0:
                yield Problem(
                    f"{names[first]}, {names[second]}",
                    "the two masks are identical, which makes agreement look better than it is",
                    "Check that no mask was copied from one expert to another.",
                    "identical-masks",
                )


def _disjoint(patterns: Patterns, joint: Float) -> Iterator[Problem]:
    common, area, _ = foreground_areas(joint, patterns.classes)
    drawn = np.diagonal(area) > 0
    if drawn.sum() >= 2 and common[np.ix_(drawn, drawn)].sum() == np.diagonal(common).sum():
        yield Problem(
            "experts",
            "the experts do not overlap anywhere (largest IoU 0.00)",
            "Check that all masks belong to the same image.",
            "disjoint-experts",
        )


def _outliers(patterns: Patterns, joint: Float) -> Iterator[Problem]:
    common, first, second = foreground_areas(joint, patterns.classes)
    pairwise = dice_of_areas(common, first, second)
    judged = np.diagonal(joint.sum(axis=(2, 3)))
    shares = np.diagonal(first) / np.maximum(judged, 1)
    named = outliers(pairwise)
    for expert, name in enumerate(patterns.experts):
        others = np.delete(shares, expert)
        if shares[expert] >= _FILLED and np.median(others) < 0.5:
            yield Problem(
                name,
                f"marked {shares[expert]:.0%} of the image where the others marked {np.median(others):.0%}",
                "Check whether the mask was filled or inverted, or leave this expert out.",
                "filled-mask",
            )
        elif expert in named:
            median = np.median(np.delete(pairwise[expert], expert))
            yield Problem(
                name,
                f"stands out: median Dice of {median:.2f} with the others",
                "Check whether this mask belongs to the image, or leave this expert out.",
                "outlier-expert",
            )
