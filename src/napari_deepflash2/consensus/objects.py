"""The consensus of objects: which exist, and where their outlines run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem
from .estimate import absence_notes
from .masks import ExpertMasks, Masks, read_masks
from .matching import Group, all_overlaps, group_objects, numbered_objects, object_overlaps
from .patterns import count_patterns
from .performance import expert_table, ratio
from .staple import fit_staple, starting_performance
from .voting import vote_counts, vote_shares

if TYPE_CHECKING:
    import pandas as pd

Image = NDArray[np.int32]
Window = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class ObjectConsensus:
    """Objects that enough experts saw.

    Attributes
    ----------
    labels : ndarray of int32, mask shape
        Objects numbered from 1, background 0.
    objects : pandas.DataFrame
        One row for every object that any expert saw: ``label`` (0 where too few saw it), ``votes``,
        ``experts`` (names, separated by "; "), ``area`` (pixels, 0 where too few saw it), ``mean_iou``
        (of the experts' outlines with the consensus; NA where there is none).
    experts : pandas.DataFrame
        One row an expert: ``objects`` drawn, ``found`` of the consensus objects, ``missed``, ``added``
        (drawn but not in the consensus), ``sensitivity`` and ``precision`` (NA where there is no object).
    seen_by : pandas.Series
        How many objects 1, 2, ... n experts saw.
    min_votes : int
        Experts that were needed.
    notes : tuple of Problem
        What is worth knowing.
    """

    labels: Image
    objects: pd.DataFrame
    experts: pd.DataFrame
    seen_by: pd.Series
    min_votes: int
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Outline:
    window: Window
    probability: NDArray[np.float32]


def estimate_object_consensus(
    masks: Masks,
    min_votes: int | None = None,
    outline: Literal["staple", "vote"] = "staple",
    min_overlap: float = 0.5,
) -> ObjectConsensus:
    """Decide which objects exist by votes, and draw each from those experts who saw it.

    Objects of different experts are matched by overlap, over all experts at once. Each object is drawn for
    itself, so touching cells stay apart; a pixel that two objects claim goes to the one more certain of it,
    at a tie to the one with more votes. Where an outline falls into pieces the largest stays.

    Parameters
    ----------
    masks : sequence of arrays, or mapping of str to array
        For each expert an integer array (..., Y, X) with a number for every object and 0 as background, as
        for `estimate_consensus`.
    min_votes : int, optional
        Experts who must have seen an object; more than half of them when not given.
    outline : {"staple", "vote"}
        Pixels by STAPLE, in the window around the object, or those that more than half of the experts who
        saw it marked.
    min_overlap : float
        Mean intersection over union at which two experts saw the same object, above 0 and at most 1.

    Returns
    -------
    ObjectConsensus

    Raises
    ------
    InputError
        As `estimate_consensus` does for masks that it cannot use; where `min_votes` is more than there are
        experts or less than 1, or `min_overlap` is out of its range.
    """
    read = read_masks(masks)
    needed = len(read.experts) // 2 + 1 if min_votes is None else min_votes
    _check(needed, len(read.experts), min_overlap)
    images = [numbered_objects(flat.reshape(read.shape)) for flat in read.flat]
    counts = [int(image.max()) for image in images]
    groups = group_objects(counts, all_overlaps(images), min_overlap)
    groups.sort(key=len, reverse=True)
    boxes = [_boxes(image) for image in images]
    outlines = [
        _draw(group, images, _window(group, boxes, read.shape), outline)
        for group in groups
        if len(group) >= needed
    ]
    labels = _place(outlines, read.shape)
    return _result(labels, groups, images, read, needed)


def _check(needed: int, n_experts: int, min_overlap: float) -> None:
    if not 1 <= needed <= n_experts:
        found = f"{needed} votes are asked for and there are {n_experts} experts"
        raise InputError.one("min_votes", found, "Ask for 1 up to all of them.", "bad-setting")
    if not 0 < min_overlap <= 1:
        raise InputError.one(
            "min_overlap", f"it is {min_overlap}", "Choose it above 0, up to 1.", "bad-setting"
        )


def _boxes(image: Image) -> list[Window]:
    from scipy import ndimage

    boxes: list[Window] = ndimage.find_objects(image)
    return boxes


def _window(group: Group, boxes: Sequence[list[Window]], shape: tuple[int, ...]) -> Window:
    """Box around all outlines of an object, with half its size around as background for STAPLE."""
    own = [boxes[expert][number - 1] for expert, number in group.items()]
    sides = []
    for axis, size in enumerate(shape):
        start, stop = min(box[axis].start for box in own), max(box[axis].stop for box in own)
        margin = (stop - start + 1) // 2
        sides.append(slice(max(start - margin, 0), min(stop + margin, size)))
    return tuple(sides)


def _draw(group: Group, images: Sequence[Image], window: Window, outline: str) -> _Outline:
    drawn = {str(expert): images[expert][window] == number for expert, number in sorted(group.items())}
    patterns = count_patterns(read_masks(drawn), classes=(0, 1))
    shares = vote_shares(vote_counts(patterns))
    if outline == "staple" and len(drawn) > 1:
        start = starting_performance(2, np.full(len(drawn), 0.99999))
        shares = fit_staple(patterns, patterns.class_shares(), start).posteriors
    return _Outline(window, patterns.paint(shares[:, 1].astype(np.float32)))


def _place(outlines: Sequence[_Outline], shape: tuple[int, ...]) -> Image:
    """Paint the objects, those with more votes first, each where it is more certain than those before."""
    labels, best = np.zeros(shape, dtype=np.int32), np.full(shape, 0.5, dtype=np.float32)
    for number, outline in enumerate(outlines, start=1):
        # Only a clear lead counts: the same votes give slightly different posteriors in two windows.
        wins = outline.probability > best[outline.window] + 1e-6
        labels[outline.window][wins] = number
        best[outline.window][wins] = outline.probability[wins]
    return _largest_pieces(labels)


def _largest_pieces(labels: Image) -> Image:
    from scipy import ndimage

    for number, box in enumerate(_boxes(labels), start=1):
        if box is not None:
            pieces, n_pieces = ndimage.label(labels[box] == number)
            if n_pieces > 1:
                largest = np.bincount(pieces.reshape(-1))[1:].argmax() + 1
                labels[box][(pieces > 0) & (pieces != largest)] = 0
    return labels


def _result(
    placed: Image, groups: list[Group], images: Sequence[Image], read: ExpertMasks, needed: int
) -> ObjectConsensus:
    import pandas as pd

    # An object may have lost all its pixels to a neighbour; the others move up.
    numbers = np.unique(placed[placed > 0])
    label_of = np.zeros(len(groups) + 1, dtype=np.int32)
    label_of[numbers] = np.arange(1, len(numbers) + 1)
    labels = label_of[placed]
    overlaps = [object_overlaps(labels, image) for image in images]
    objects = _object_table(labels, label_of[1:], groups, overlaps, read.experts)
    seen_by = objects["votes"].value_counts().reindex(range(1, len(images) + 1), fill_value=0)
    return ObjectConsensus(
        labels,
        objects,
        _expert_table(label_of[1:], groups, read.experts),
        pd.Series(seen_by, name="objects").rename_axis("votes"),
        needed,
        absence_notes(read.absent),
    )


def _object_table(
    labels: Image,
    label_of_group: Image,
    groups: list[Group],
    overlaps: Sequence[NDArray[np.float64]],
    experts: tuple[str, ...],
) -> pd.DataFrame:
    import pandas as pd

    areas = np.bincount(labels.reshape(-1))
    rows = []
    for label, group in zip(label_of_group.tolist(), groups, strict=True):
        ious = [overlaps[expert][label - 1, number - 1] for expert, number in group.items() if label]
        rows.append(
            {
                "label": label,
                "votes": len(group),
                "experts": "; ".join(experts[expert] for expert in sorted(group)),
                "area": int(areas[label]) if label else 0,
                "mean_iou": float(np.mean(ious)) if label else None,
            }
        )
    table = pd.DataFrame(rows, columns=["label", "votes", "experts", "area", "mean_iou"])
    return table.astype({"mean_iou": "Float64"})


def _expert_table(label_of_group: Image, groups: list[Group], experts: tuple[str, ...]) -> pd.DataFrame:
    accepted = label_of_group > 0
    drew = np.array([[expert in group for group in groups] for expert in range(len(experts))], dtype=bool)
    drew = drew.reshape(len(experts), len(groups))
    found, drawn = (drew & accepted).sum(axis=1), drew.sum(axis=1)
    table = expert_table(
        experts,
        {
            "sensitivity": ratio(found, np.full(len(experts), accepted.sum())),
            "precision": ratio(found, drawn),
        },
    )
    counts = {"objects": drawn, "found": found, "missed": accepted.sum() - found, "added": drawn - found}
    for position, (name, values) in enumerate(counts.items()):
        table.insert(position, name, values)
    return table
