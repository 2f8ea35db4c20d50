"""How far the experts agree: with each other, with the consensus of the others, and beyond chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..config import ConsensusConfig
from ..errors import Problem
from .chance import fleiss_kappa, krippendorff_alpha
from .images import align_patterns
from .leave_one_out import area_ratio, confusion_with_others, mean_dice, mean_iou, stability
from .masks import ExpertMasks, Masks, read_masks
from .matching import all_overlaps, average_precision, connected_objects, group_objects, numbered_objects
from .notes import notes_on, outliers
from .patterns import Patterns
from .performance import (
    expert_table,
    foreground_mean,
    ratio,
    sensitivity_by_class,
    specificity_by_class,
    with_foreground,
)
from .surfaces import pairwise_surface_distances
from .voting import vote_counts

if TYPE_CHECKING:
    import pandas as pd

Float = NDArray[np.float64]
Score = Callable[[Float, Sequence[int]], Float]


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far the experts of one image, or of a set of images, agree.

    Tables over images hold means over the images that both experts judged. What cannot be known is
    ``pandas.NA`` in a table and None elsewhere. Tables that need more than the counts of votes (objects,
    surface distances, stability) are made when first asked for.

    Attributes
    ----------
    experts : tuple of str
        Names of the R experts.
    images : mapping of str to masks
        The masks, as given.
    patterns : mapping of str to Patterns
        Votes of each image.
    config : ConsensusConfig
        How the others are fused for leave-one-out.
    leave_out : bool
        Whether an expert has no say in the consensus that they are compared with.
    pixel_size : tuple of float or None
        Size of a pixel along each axis; 1 when not given.
    objects : {"connected", "labels"}
        Whether objects are the connected pieces of the foreground or the labels themselves.
    seed : int
        For the bootstrap.
    """

    experts: tuple[str, ...]
    images: Mapping[str, Masks]
    patterns: Mapping[str, Patterns]
    config: ConsensusConfig
    leave_out: bool = True
    pixel_size: tuple[float, ...] | None = None
    objects: Literal["connected", "labels"] = "connected"
    seed: int = 42

    @cached_property
    def pairwise_dice(self) -> pd.DataFrame:
        """Dice of every two experts, R x R: mean over foreground classes, 1 where both marked nothing."""
        return self._matrix([_pairwise(part, mean_dice) for part in self.patterns.values()])

    @cached_property
    def pairwise_iou(self) -> pd.DataFrame:
        """Intersection over union of every two experts, R x R; otherwise as `pairwise_dice`."""
        return self._matrix([_pairwise(part, mean_iou) for part in self.patterns.values()])

    @cached_property
    def pairwise_ap50(self) -> pd.DataFrame:
        """Average precision of objects at an overlap of 0.5, R x R; 1 where neither drew an object."""
        return self._matrix([image.ap50 for image in self._objects])

    @cached_property
    def pairwise_surface_distance(self) -> pd.DataFrame:
        """Average symmetric distance of the outlines, R x R, in the unit of the pixel size.

        0 where both masks are empty; images where only one of the two is empty have none.
        """
        return self._matrix([self._surface_distances(masks) for masks in self._masks()])

    @cached_property
    def fleiss_kappa(self) -> float | None:
        """Fleiss' kappa over all pixels that two or more experts judged; None without any variation."""
        return fleiss_kappa(*self._votes)

    @cached_property
    def krippendorff_alpha(self) -> float | None:
        """Krippendorff's alpha for nominal labels over the same pixels; None without any variation."""
        return krippendorff_alpha(*self._votes)

    @cached_property
    def leave_one_out(self) -> pd.DataFrame:
        """One row an expert, against the consensus of the others.

        ``dice`` with ``dice_low`` and ``dice_high``, its 95 % bootstrap interval over images,
        ``sensitivity``, ``specificity`` (means over images and foreground classes), ``area_ratio`` (area
        drawn by area of the consensus, over all images: above 1 is over-drawing) and ``images``.
        """
        dice = self._over_images(self._summaries("dice"))
        low, high = self._bootstrap(dice)
        columns = {"dice": _mean(dice), "dice_low": low, "dice_high": high}
        for name in ("sensitivity", "specificity"):
            columns[name] = _mean(self._over_images(self._summaries(name)))
        table = expert_table(self.experts, {**columns, "area_ratio": self._area_ratios})
        voters = Counter(name for part in self.patterns.values() for name in part.experts)
        return table.assign(images=[voters[name] for name in self.experts])

    @cached_property
    def leave_one_out_by_class(self) -> pd.DataFrame:
        """Sensitivity and specificity of each expert and class over all images, against the others."""
        import pandas as pd

        aligned = align_patterns(self.patterns)
        classes = next(iter(aligned.values())).classes
        counts = np.zeros((len(self.experts), len(classes), len(classes)))
        for name, confusion in self._confusions.items():
            own = [classes.index(label) for label in self.patterns[name].classes]
            who = [self.experts.index(expert) for expert in self.patterns[name].experts]
            counts[np.ix_(who, own, own)] += confusion
        index = pd.MultiIndex.from_product([self.experts, classes], names=["expert", "class"])
        columns = {"sensitivity": sensitivity_by_class(counts), "specificity": specificity_by_class(counts)}
        return pd.DataFrame(
            {name: pd.array(values.ravel(), dtype="Float64") for name, values in columns.items()}, index
        )

    @cached_property
    def dice_by_image(self) -> pd.DataFrame:
        """Leave-one-out Dice of each expert (column) in each image (row)."""
        import pandas as pd

        values = self._over_images(self._summaries("dice"))
        columns = {name: pd.array(values[:, i], dtype="Float64") for i, name in enumerate(self.experts)}
        return pd.DataFrame(columns, pd.Index(list(self.patterns), name="image"))

    @cached_property
    def bias(self) -> pd.DataFrame:
        """One row an expert: over- or under-drawing.

        ``area_ratio`` as in `leave_one_out`; ``objects`` drawn in all images; ``count_ratio``, objects drawn
        by the mean number that the other experts drew in the same images.
        """
        counts = self._over_images([np.array(image.counts, dtype=np.float64) for image in self._objects])
        own, others = np.zeros(len(self.experts)), np.zeros(len(self.experts))
        for expert in range(len(self.experts)):
            rest = np.delete(counts, expert, axis=1)
            shared = ~np.isnan(counts[:, expert]) & ~np.isnan(rest).all(axis=1)
            own[expert] = counts[shared, expert].sum()
            others[expert] = _mean(rest[shared].T).sum()
        ratios = {"area_ratio": self._area_ratios, "count_ratio": ratio(own, others)}
        table = expert_table(self.experts, ratios)
        table.insert(1, "objects", np.nansum(counts, axis=0).astype(int))
        return table

    @cached_property
    def objects_seen_by(self) -> pd.Series:
        """How many objects 1, 2, ... n experts saw, over all images."""
        import pandas as pd

        votes = Counter(votes for image in self._objects for votes in image.seen_by)
        index = pd.RangeIndex(1, len(self.experts) + 1, name="experts")
        return pd.Series([votes[size] for size in index], index, name="objects")

    @cached_property
    def stability(self) -> pd.DataFrame:
        """Dice of the consensus of k experts with that of all, for k = 1 ... R - 1.

        ``dice`` is the mean over choices of k experts and images, ``dice_low`` and ``dice_high`` hold the
        middle 95 % of them. Where the curve is still rising at the end, another expert would change the
        consensus.
        """
        import pandas as pd

        found = stability(list(self.patterns.values()), self.config, self.seed)
        rows = {size: [values.mean(), *np.percentile(values, [2.5, 97.5])] for size, values in found.items()}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["dice", "dice_low", "dice_high"])
        return table.rename_axis("experts")

    @cached_property
    def outliers(self) -> tuple[str, ...]:
        """Experts whose median Dice with the others, over all images, is less than half of the others'."""
        return tuple(self.experts[index] for index in outliers(self.pairwise_dice.to_numpy(float)))

    @cached_property
    def notes(self) -> tuple[Problem, ...]:
        """What stands out in the images, each kind once, with the number of images where it was found."""
        found: dict[tuple[str, str], list[tuple[str, Problem]]] = {}
        for name, part in self.patterns.items():
            for note in notes_on(part):
                found.setdefault((note.where, note.code), []).append((name, note))
        return tuple(_summed_up(notes, len(self.patterns)) for notes in found.values())

    @cached_property
    def _votes(self) -> tuple[Float, NDArray[np.int64]]:
        aligned = align_patterns(self.patterns).values()
        votes = np.concatenate([vote_counts(part) for part in aligned])
        return votes, np.concatenate([part.counts for part in aligned])

    @cached_property
    def _confusions(self) -> dict[str, Float]:
        return {
            name: confusion_with_others(part, self.config, self.leave_out)
            for name, part in self.patterns.items()
            if len(part.experts) > 1
        }

    def _summaries(self, score: str) -> list[Float]:
        scores: dict[str, Score] = {
            "dice": mean_dice,
            "sensitivity": _mean_sensitivity,
            "specificity": _mean_specificity,
        }
        return [
            scores[score](self._confusions[name], part.classes)
            if name in self._confusions
            else np.full(len(part.experts), np.nan)
            for name, part in self.patterns.items()
        ]

    @cached_property
    def _area_ratios(self) -> Float:
        drawn, true = np.zeros(len(self.experts)), np.zeros(len(self.experts))
        for name, confusion in self._confusions.items():
            who = [self.experts.index(expert) for expert in self.patterns[name].experts]
            own, consensus = area_ratio(confusion, self.patterns[name].classes)
            drawn[who] += own
            true[who] += consensus
        return ratio(drawn, true)

    def _over_images(self, values: Sequence[Float]) -> Float:
        """Values of each image's experts as (images, R), NaN where an expert has no mask."""
        table = np.full((len(self.patterns), len(self.experts)), np.nan)
        for row, (part, own) in enumerate(zip(self.patterns.values(), values, strict=True)):
            table[row, [self.experts.index(expert) for expert in part.experts]] = own
        return table

    def _bootstrap(self, values: Float) -> tuple[Float, Float]:
        """95 % interval of the mean over images, for each expert; NaN with fewer than two images."""
        low, high = np.full(len(self.experts), np.nan), np.full(len(self.experts), np.nan)
        for expert, column in enumerate(values.T):
            known = column[~np.isnan(column)]
            if len(known) > 1:
                rng = np.random.default_rng(self.seed)
                means = rng.choice(known, (2000, len(known))).mean(axis=1)
                low[expert], high[expert] = np.percentile(means, [2.5, 97.5])
        return low, high

    def _matrix(self, matrices: Sequence[Float]) -> pd.DataFrame:
        """Mean over images of matrices of each image's experts."""
        import pandas as pd

        stack = np.full((len(self.patterns), len(self.experts), len(self.experts)), np.nan)
        for row, (part, matrix) in enumerate(zip(self.patterns.values(), matrices, strict=True)):
            who = [self.experts.index(expert) for expert in part.experts]
            stack[row][np.ix_(who, who)] = matrix
        mean = _mean(stack)
        index = pd.Index(list(self.experts), name="expert")
        columns = {name: pd.array(mean[:, i], dtype="Float64") for i, name in enumerate(self.experts)}
        return pd.DataFrame(columns, index)

    def _masks(self) -> Iterator[ExpertMasks]:
        return (read_masks(masks) for masks in self.images.values())

    def _surface_distances(self, masks: ExpertMasks) -> Float:
        marked = [self._marked(flat).reshape(masks.shape) for flat in masks.flat]
        return pairwise_surface_distances(marked, self.pixel_size or (1.0,) * len(masks.shape))

    def _marked(self, flat: NDArray[np.integer]) -> NDArray[np.bool_]:
        ignored = self.config.ignore_label
        return np.asarray((flat != 0) if ignored is None else (flat != 0) & (flat != ignored))

    @cached_property
    def _objects(self) -> list[_Objects]:
        return [_compare_objects(self._objects_of(masks)) for masks in self._masks()]

    def _objects_of(self, masks: ExpertMasks) -> list[NDArray[np.int32]]:
        if self.objects == "labels":
            return [numbered_objects(flat.reshape(masks.shape)) for flat in masks.flat]
        return [connected_objects(self._marked(flat).reshape(masks.shape)) for flat in masks.flat]


@dataclass(frozen=True)
class _Objects:
    ap50: Float
    counts: list[int]
    seen_by: list[int]


def _compare_objects(images: Sequence[NDArray[np.int32]]) -> _Objects:
    counts, overlaps = [int(image.max()) for image in images], all_overlaps(images)
    ap50 = np.eye(len(images))
    for pair, matrix in overlaps.items():
        ap50[pair] = average_precision(matrix)
    return _Objects(ap50, counts, [len(group) for group in group_objects(counts, overlaps)])


def _pairwise(patterns: Patterns, score: Score) -> Float:
    joint = patterns.joint_votes()
    return np.where(joint.any(axis=(2, 3)), score(joint, patterns.classes), np.nan)


def _mean_sensitivity(confusion: Float, classes: Sequence[int]) -> Float:
    confusion, classes = with_foreground(confusion, classes)
    return foreground_mean(sensitivity_by_class(confusion), classes)


def _mean_specificity(confusion: Float, classes: Sequence[int]) -> Float:
    confusion, classes = with_foreground(confusion, classes)
    return foreground_mean(specificity_by_class(confusion), classes)


def _mean(values: Float) -> Float:
    """Mean over the first axis of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=0), known.sum(axis=0))


def _summed_up(notes: Sequence[tuple[str, Problem]], n_images: int) -> Problem:
    name, note = notes[0]
    if n_images == 1:
        return note
    where = f"{note.where} in {len(notes)} of {n_images} images (first {name})"
    return replace(note, where=where)
