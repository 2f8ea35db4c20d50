"""Folds in which no class is missing that could be there: a rule of our own, which moves as little as it can.

Folds are drawn as `split_folds` does, and stay so unless a class, or the images without any foreground,
would be missing. A class that at least as many groups hold as there are folds belongs into every fold, so
that every model is measured on it; anything else that two groups or more hold belongs into two folds at
least, so that every model learns from it. Where that is not so, groups of two folds change places, one
exchange after the other, each time the one that mends most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..config import TrainingConfig
from ..errors import Problem
from .folds import Fold, split_folds
from .ignored import IGNORE

Flags = NDArray[np.bool_]


def stratified_folds(
    labels: Sequence[NDArray[np.uint8]], groups: Sequence[str], n_classes: int, config: TrainingConfig
) -> list[Fold]:
    """Split images by group as `split_folds` does, with every class where it has to be.

    Parameters
    ----------
    labels : sequence of ndarray of uint8, shape (Y, X)
        Classes of each image, 0 to L - 1, `IGNORE` where nobody judged.
    groups : sequence of str
        The group of each.
    n_classes : int
        Classes L.
    config : TrainingConfig
        How many folds, and the seed.

    Returns
    -------
    list of (ndarray, ndarray)
        For each fold the sorted indices of the training images and of the held-out images. Fewer where
        fewer models are trained than there are folds.

    Raises
    ------
    InputError
        As `split_folds`.
    """
    folds = split_folds(len(labels), config.max_splits, groups, config.random_state)
    names, group_of = np.unique(groups, return_inverse=True)
    held = _by_group(_present(labels, n_classes), group_of, len(names))
    fold_of = np.empty(len(names), np.intp)
    for number, (_, held_out) in enumerate(folds):
        fold_of[group_of[held_out]] = number
    balanced = _balanced(fold_of, held, _wanted(held, len(folds)))
    if (balanced != fold_of).any():
        own = balanced[group_of]
        folds = [(np.flatnonzero(own != n), np.flatnonzero(own == n)) for n in range(len(folds))]
    return folds[: config.models]


def notes_of_folds(
    labels: Sequence[NDArray[np.uint8]],
    groups: Sequence[str],
    classes: Sequence[int],
    folds: Sequence[Fold],
) -> Iterator[Problem]:
    """Note classes that some models are not measured on, as too few groups hold them.

    Parameters
    ----------
    labels, groups
        As for `stratified_folds`.
    classes : sequence of int
        Original value of each class, the background first.
    folds : sequence of (ndarray, ndarray)
        What it gave.
    """
    held = _present(labels, len(classes))[:, :-1]
    for value, images in zip(classes[1:], held.T, strict=True):
        n_groups = len({group for group, holds in zip(groups, images, strict=True) if holds})
        missing = sum(not images[held_out].any() for _, held_out in folds)
        # What one group alone holds, or none, is told with the masks.
        if missing and n_groups > 1:
            what = "foreground" if len(classes) == 2 else f"class {value}"
            yield Problem(
                "split",
                f"{what} is in {n_groups} of {len(set(groups))} groups, so that {missing} of {len(folds)} "
                "models are measured without it",
                "Annotate it in more images or groups; its scores are over the others.",
                "class-not-in-every-fold",
            )


def _present(labels: Sequence[NDArray[np.uint8]], n_classes: int) -> Flags:
    """Tell which foreground classes each image holds and, last, whether it holds none; (N, L)."""
    held = np.zeros((len(labels), n_classes), bool)
    for image, mask in enumerate(labels):
        counts = np.bincount(mask.reshape(-1), minlength=IGNORE + 1)[1:n_classes]
        held[image] = [*(counts > 0), not counts.any()]
    return held


def _by_group(held: Flags, group_of: NDArray[np.intp], n_groups: int) -> Flags:
    found = np.zeros((n_groups, held.shape[1]), bool)
    np.logical_or.at(found, group_of, held)
    return found


def _wanted(held: Flags, n_folds: int) -> NDArray[np.intp]:
    """Give the number of folds that each kind has to be in at least."""
    groups = held.sum(0)
    wanted = np.minimum(groups, 2)
    wanted[:-1][groups[:-1] >= n_folds] = n_folds
    return wanted


def _balanced(fold_of: NDArray[np.intp], held: Flags, wanted: NDArray[np.intp]) -> NDArray[np.intp]:
    """Exchange groups of two folds as long as that brings what is wanted nearer."""
    lacking = _lacking(fold_of, held, wanted)
    while lacking:
        trials = [_exchanged(fold_of, one, other) for one, other in _exchanges(fold_of, held)]
        found = [_lacking(trial, held, wanted) for trial in trials]
        if not found or min(found) >= lacking:
            break
        lacking = min(found)
        fold_of = trials[found.index(lacking)]
    return fold_of


def _lacking(fold_of: NDArray[np.intp], held: Flags, wanted: NDArray[np.intp]) -> int:
    there = _by_group(held, fold_of, int(fold_of.max()) + 1).sum(0)
    return int(np.maximum(wanted - there, 0).sum())


def _exchanges(fold_of: NDArray[np.intp], held: Flags) -> Iterator[tuple[int, int]]:
    """Give pairs of groups of two folds; of groups alike in one fold only the first."""
    kinds = np.column_stack([fold_of, held])
    firsts = np.sort(np.unique(kinds, axis=0, return_index=True)[1]).tolist()
    for place, one in enumerate(firsts):
        for other in firsts[place + 1 :]:
            if fold_of[one] != fold_of[other] and (held[one] != held[other]).any():
                yield one, other


def _exchanged(fold_of: NDArray[np.intp], one: int, other: int) -> NDArray[np.intp]:
    found = fold_of.copy()
    found[[one, other]] = fold_of[[other, one]]
    return found
