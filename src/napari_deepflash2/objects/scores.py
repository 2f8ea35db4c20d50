"""How well a prediction fits a mask, by pixels and by objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..consensus import dice
from ..consensus.matching import connected_objects, overlapping_pairs
from ..data.ignored import judged

Labels = NDArray[np.integer]

# Of the 2018 Data Science Bowl and of COCO.
THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def class_objects(labels: Labels, class_: int) -> NDArray[np.int32]:
    """Give numbers from 1 to the connected pieces of one class; a common corner connects.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X)
        Classes.
    class_ : int
        Whose pieces are wanted.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        0 where another class is.
    """
    return connected_objects(labels == class_)


def average_precisions(
    truth: NDArray[np.int32], predicted: NDArray[np.int32], thresholds: Sequence[float] = THRESHOLDS
) -> NDArray[np.float64]:
    """Divide matched objects by all, ``TP / (TP + FP + FN)``, at each threshold of overlap.

    Two objects may be the same where their intersection over union reaches the threshold; as many pairs are
    made as there can be, each object in one at most. It is the average precision of the 2018 Data Science
    Bowl and of StarDist, not the area under a curve of COCO. Its mean over `THRESHOLDS` is called mAP.

    Parameters
    ----------
    truth, predicted : ndarray of int32, equal shapes
        Objects numbered from 1 without a gap, background 0.
    thresholds : sequence of float
        Intersection over union, above 0 and at most 1.

    Returns
    -------
    ndarray of float64, shape (len(thresholds),)
        In [0, 1]; 1 where neither holds an object, since nothing was to be found and nothing was.
    """
    total = int(truth.max()) + int(predicted.max())
    if not total:
        return np.ones(len(thresholds))
    rows, columns, overlaps = overlapping_pairs(truth, predicted)
    matched = np.array([_most_pairs(rows, columns, overlaps >= least) for least in thresholds])
    return np.asarray(matched / (total - matched))


def _most_pairs(rows: NDArray[np.int64], columns: NDArray[np.int64], may: NDArray[np.bool_]) -> int:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    if not may.any():
        return 0
    graph = csr_array((np.ones(np.count_nonzero(may), np.int8), (rows[may], columns[may])))
    return int(np.count_nonzero(maximum_bipartite_matching(graph, perm_type="column") >= 0))


def dice_of_classes(predicted: Labels, truth: Labels, n_classes: int) -> list[float | None]:
    """Dice of each foreground class over the pixels that were judged.

    Parameters
    ----------
    predicted, truth : ndarray of int, equal shapes
        Classes 0 to `n_classes` - 1, 0 the background. Where `truth` is `IGNORE` nothing is compared.
    n_classes : int
        With the background.

    Returns
    -------
    list of float or None
        For classes 1 to `n_classes` - 1; None where neither holds the class.
    """
    counts = judged(truth)
    predicted, truth = predicted[counts], truth[counts]
    pairs = [(predicted == class_, truth == class_) for class_ in range(1, n_classes)]
    return [dice(said, true) if said.any() or true.any() else None for said, true in pairs]


def score_labels(predicted: Labels, truth: Labels, classes: Sequence[int]) -> dict[str, float | None]:
    """Score a prediction against a mask: one row of a table.

    Objects are the connected pieces of a class. What was not judged in `truth` belongs to no object.

    Parameters
    ----------
    predicted, truth : ndarray of int, shape (Y, X)
        Classes 0 to L - 1, 0 the background; `IGNORE` in `truth` where nobody judged.
    classes : sequence of int
        The L values by which users know the classes, the background first.

    Returns
    -------
    dict of str to float or None
        ``dice``, ``ap_50`` (average precision at an overlap of 0.5) and ``ap`` (its mean over `THRESHOLDS`):
        means over the foreground classes that either holds, 1 where both hold none. With two foreground
        classes or more also ``dice_VALUE``, ``ap_50_VALUE`` and ``ap_VALUE`` of each; None where neither
        holds it.
    """
    dices = dice_of_classes(predicted, truth, len(classes))
    said = np.where(judged(truth), predicted, 0)
    precisions = [
        None if known is None else average_precisions(class_objects(truth, i), class_objects(said, i))
        for i, known in enumerate(dices, start=1)
    ]
    columns: dict[str, list[float | None]] = {
        "dice": dices,
        "ap_50": [None if one is None else float(one[0]) for one in precisions],
        "ap": [None if one is None else float(one.mean()) for one in precisions],
    }
    scores = {name: _mean_of_known(values) for name, values in columns.items()}
    if len(classes) == 2:
        return dict(scores)
    of_classes = {
        f"{name}_{value}": found
        for name, values in columns.items()
        for value, found in zip(classes[1:], values, strict=True)
    }
    return {**scores, **of_classes}


def _mean_of_known(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else 1.0
