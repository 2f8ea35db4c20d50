"""Which object of one expert is the same as which of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Overlaps = Mapping[tuple[int, int], Float]
Group = dict[int, int]

# Rounds of assigning anew; two or three are what it takes.
_MOST_ROUNDS = 10


def connected_objects(mask: NDArray[Any]) -> NDArray[np.int32]:
    """Give numbers to the connected pieces of a mask's foreground; a common corner connects.

    Parameters
    ----------
    mask : ndarray
        Any value but 0 is foreground.
    """
    from scipy import ndimage

    numbered, _ = ndimage.label(np.asarray(mask) != 0, structure=np.ones((3,) * np.ndim(mask)))
    return np.asarray(numbered, dtype=np.int32)


def numbered_objects(mask: NDArray[Any]) -> NDArray[np.int32]:
    """Renumber the objects of a label image from 1 without a gap, in the order of their labels."""
    values, index = np.unique(mask, return_inverse=True)
    return (index.reshape(np.shape(mask)) + (values[0] != 0)).astype(np.int32)


def overlapping_pairs(
    first: NDArray[np.int32], second: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
    """Objects of two images that share pixels, and their intersection over union.

    Parameters
    ----------
    first, second : ndarray of int32, equal shapes
        Objects numbered 1 to N and 1 to M without a gap, background 0.

    Returns
    -------
    rows, columns : ndarray of int64, shape (P,)
        Number of the object in either image, less 1.
    overlaps : ndarray of float64, shape (P,)
        Intersection over union of each pair, above 0.
    """
    from scipy.sparse import coo_array

    both = (first > 0) & (second > 0)
    shape = int(first.max()), int(second.max())
    ones = np.ones(np.count_nonzero(both), np.int64)
    pixels = coo_array((ones, (first[both] - 1, second[both] - 1)), shape)
    pairs = pixels.tocsr().tocoo()
    rows, columns = (index.astype(np.int64) for index in pairs.coords)
    areas_first, areas_second = (np.bincount(image.reshape(-1))[1:] for image in (first, second))
    return rows, columns, pairs.data / (areas_first[rows] + areas_second[columns] - pairs.data)


def object_overlaps(first: NDArray[np.int32], second: NDArray[np.int32]) -> Float:
    """Intersection over union of every object of one image with every object of another.

    Parameters
    ----------
    first, second : ndarray of int32, equal shapes
        Objects numbered 1 to N and 1 to M without a gap, background 0.

    Returns
    -------
    ndarray of float64, shape (N, M)
    """
    overlaps = np.zeros((int(first.max()), int(second.max())))
    rows, columns, found = overlapping_pairs(first, second)
    overlaps[rows, columns] = found
    return overlaps


def assign(overlaps: Float, least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) with the largest sum of overlaps, each at least `least`; each object in one pair.

    Parameters
    ----------
    overlaps : ndarray, shape (N, M)
    least : float
        Overlap that a pair needs, above 0.
    """
    from scipy.optimize import linear_sum_assignment

    gains = np.where(overlaps >= least, overlaps, 0.0)
    rows, columns = np.nonzero(gains.any(axis=1))[0], np.nonzero(gains.any(axis=0))[0]
    chosen = linear_sum_assignment(gains[np.ix_(rows, columns)], maximize=True)
    pairs = zip(rows[chosen[0]].tolist(), columns[chosen[1]].tolist(), strict=True)
    return [(row, column) for row, column in pairs if gains[row, column] > 0]


def average_precision(overlaps: Float, threshold: float = 0.5) -> float:
    """Divide matched objects by all, ``TP / (TP + FP + FN)``, at a threshold of overlap.

    It is the score of the 2018 Data Science Bowl, often called AP50 at the threshold 0.5. It is the same in
    both directions, and 1.0 where neither image holds an object.

    Parameters
    ----------
    overlaps : ndarray, shape (N, M)
        From `object_overlaps`.
    threshold : float
        Intersection over union at which two objects are the same.
    """
    matched = len(assign(overlaps, threshold))
    total = sum(overlaps.shape) - matched
    return matched / total if total else 1.0


def all_overlaps(images: Sequence[NDArray[np.int32]]) -> Overlaps:
    """Overlaps of the objects of every ordered pair of images; see `object_overlaps`."""
    overlaps = {
        (one, other): object_overlaps(images[one], images[other])
        for one in range(len(images))
        for other in range(one + 1, len(images))
    }
    return overlaps | {(other, one): matrix.T for (one, other), matrix in overlaps.items()}


def group_objects(counts: Sequence[int], overlaps: Overlaps, least: float = 0.5) -> list[Group]:
    """Group the objects of all experts, with no expert as the reference.

    The sum of the overlaps within the groups is made as large as can be: starting from the closest pairs of
    the optimal assignments between any two experts, each expert's objects in turn are taken out and assigned
    anew to the groups, optimally, by their mean overlap with the members, until nothing changes. A group
    holds at most one object of an expert.

    Parameters
    ----------
    counts : sequence of int
        Number of objects of each expert.
    overlaps : mapping of (int, int) to ndarray
        From `all_overlaps`.
    least : float
        Mean intersection over union that an object needs to join a group.

    Returns
    -------
    list of dict of int to int
        For each group, the number (from 1) of the object of each expert (by index) who saw it. Objects that
        only one expert saw are groups of one.
    """
    groups = _closest_pairs(counts, overlaps, least)
    for _ in range(_MOST_ROUNDS):
        before = groups
        for expert, n_objects in enumerate(counts):
            groups = _reassign(expert, n_objects, groups, overlaps, least)
        if _as_sets(groups) == _as_sets(before):
            break
    return groups


def _as_sets(groups: list[Group]) -> set[frozenset[tuple[int, int]]]:
    return {frozenset(group.items()) for group in groups}


def _closest_pairs(counts: Sequence[int], overlaps: Overlaps, least: float) -> list[Group]:
    edges = [
        (-float(matrix[row, column]), (one, row + 1), (other, column + 1))
        for (one, other), matrix in overlaps.items()
        if one < other
        for row, column in assign(matrix, least)
    ]
    group_of = {
        (expert, number): {expert: number}
        for expert, n_objects in enumerate(counts)
        for number in range(1, n_objects + 1)
    }
    for _, one, other in sorted(edges):
        first, second = group_of[one], group_of[other]
        if first is not second and not first.keys() & second.keys():
            first |= second
            for member in second.items():
                group_of[member] = first
    return list({id(group): group for group in group_of.values()}.values())


def _reassign(
    expert: int, n_objects: int, groups: list[Group], overlaps: Overlaps, least: float
) -> list[Group]:
    others = [{e: number for e, number in group.items() if e != expert} for group in groups]
    others = [group for group in others if group]
    means = np.zeros((n_objects, len(others)))
    for index, group in enumerate(others):
        columns = [overlaps[expert, member][:, number - 1] for member, number in group.items()]
        means[:, index] = np.mean(columns, axis=0)
    pairs = dict(assign(means, least))
    for number, index in pairs.items():
        others[index][expert] = number + 1
    alone: list[Group] = [{expert: n + 1} for n in range(n_objects) if n not in pairs]
    return others + alone
