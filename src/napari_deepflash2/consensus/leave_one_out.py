"""Each expert against the consensus of the others, and the consensus against the number of experts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from ..config import ConsensusConfig
from .estimate import consensus_of_patterns_silently
from .patterns import Patterns
from .performance import confusion_counts, dice_by_class, foreground_mean, foreground_of, with_foreground

Float = NDArray[np.float64]

# Choices of experts that are tried for each number of them.
_MOST_CHOICES = 20


def truth_by(patterns: Patterns, experts: Sequence[int], config: ConsensusConfig) -> Float:
    """Truth of each pattern, by the consensus of some of the experts.

    Parameters
    ----------
    patterns : Patterns
        U patterns of R experts.
    experts : sequence of int
        Whose votes count.
    config : ConsensusConfig
        How they are fused.

    Returns
    -------
    ndarray of float64, shape (U, L)
        1 for the class that was decided; rows of zeros where none was, or where none of them judged.
    """
    chosen = replace(
        patterns,
        experts=tuple(patterns.experts[index] for index in experts),
        votes=patterns.votes[:, list(experts)],
    )
    return consensus_of_patterns_silently(chosen, config).truth


def confusion_with_others(patterns: Patterns, config: ConsensusConfig, leave_out: bool = True) -> Float:
    """Pixels by what they are, by the consensus without the expert, and what each expert said.

    Parameters
    ----------
    patterns : Patterns
        Of R experts, at least two.
    config : ConsensusConfig
        How the others are fused.
    leave_out : bool
        Whether an expert has no say in the consensus that they are compared with.

    Returns
    -------
    ndarray of float64, shape (R, L, L)
        ``[r, c, l]``: pixels of class c that expert r called l.
    """
    everyone = range(len(patterns.experts))
    rows = []
    for expert in everyone:
        others = [index for index in everyone if not (leave_out and index == expert)]
        rows.append(confusion_counts(patterns, truth_by(patterns, others, config))[expert])
    return np.stack(rows)


def mean_dice(confusion: Float, classes: Sequence[int]) -> Float:
    """Dice, mean over the foreground classes, from confusion counts (..., L, L)."""
    confusion, classes = with_foreground(confusion, classes)
    return foreground_mean(dice_by_class(confusion), classes)


def mean_iou(confusion: Float, classes: Sequence[int]) -> Float:
    """Intersection over union, mean over the foreground classes, from confusion counts (..., L, L)."""
    confusion, classes = with_foreground(confusion, classes)
    dice = dice_by_class(confusion)
    return foreground_mean(dice / (2 - dice), classes)


def area_ratio(confusion: Float, classes: Sequence[int]) -> tuple[Float, Float]:
    """Foreground that experts drew, and that the consensus holds, from confusion counts (..., L, L)."""
    marked = foreground_of(classes)
    return confusion[..., :, marked].sum(axis=(-2, -1)), confusion[..., marked, :].sum(axis=(-2, -1))


def stability(patterns: Sequence[Patterns], config: ConsensusConfig, seed: int) -> dict[int, Float]:
    """Dice of the consensus of some experts with that of all, by how many they are.

    Parameters
    ----------
    patterns : sequence of Patterns
        Of each image.
    config : ConsensusConfig
        How experts are fused.
    seed : int
        For the choice of experts where there are too many choices to try all.

    Returns
    -------
    dict of int to ndarray
        For each number of experts from 1, the Dice of each choice in each image that has so many.
    """
    values: dict[int, list[float]] = {}
    for index, part in enumerate(patterns):
        n_experts = len(part.experts)
        whole = truth_by(part, range(n_experts), config)
        for size in range(1, n_experts):
            for chosen in _choices(n_experts, size, np.random.default_rng((seed, index, size))):
                some = truth_by(part, chosen, config)
                confusion = (whole * part.counts[:, None]).T @ some
                values.setdefault(size, []).append(float(mean_dice(confusion, part.classes)))
    return {size: np.array(found) for size, found in sorted(values.items())}


def _choices(n_experts: int, size: int, rng: np.random.Generator) -> Iterator[tuple[int, ...]]:
    if comb(n_experts, size) <= _MOST_CHOICES:
        yield from combinations(range(n_experts), size)
        return
    for _ in range(_MOST_CHOICES):
        yield tuple(sorted(rng.choice(n_experts, size, replace=False).tolist()))
