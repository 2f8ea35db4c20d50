"""The consensus of a whole set of images, with each expert's performance pooled over them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..config import Configuration, ConsensusConfig
from ..errors import InputError, Problem, raise_if_any
from ..progress import Progress, ProgressCallback, ignore_progress
from .estimate import (
    absence_notes,
    check_settings,
    consensus_of_patterns,
    convergence_notes,
    staple_consensus,
    staple_of_patterns,
    tie_notes,
)
from .masks import ExpertMasks, Masks, read_masks
from .notes import notes_on
from .patterns import Patterns, count_patterns
from .result import Consensus

logger = logging.getLogger(__name__)


def estimate_consensus_of_images(
    images: Mapping[str, Masks],
    method: str = "staple",
    pooled: bool = True,
    min_experts: int = 1,
    progress: ProgressCallback = ignore_progress,
    **settings: Any,
) -> dict[str, Consensus]:
    """Estimate the ground truth of every image of a set.

    Each image is read once and only its patterns of votes are kept, so the mapping may load its masks when
    asked for them.

    Parameters
    ----------
    images : mapping of str to masks
        For each image the masks of its experts, as `estimate_consensus` takes them. An expert may lack
        masks: leave them out or give None.
    method : str
        As for `estimate_consensus`.
    pooled : bool
        For STAPLE: estimate one performance of each expert, and one prior, from all images together.
        Otherwise every image stands for itself.
    min_experts : int
        Masks that an image needs.
    progress : callable
        Called after each image.
    **settings
        As for `estimate_consensus`.

    Returns
    -------
    dict of str to Consensus
        For each image. The experts of each are those who have a mask of it. With pooling, their
        sensitivity and specificity are those of the whole set, their Dice is that of the image.

    Raises
    ------
    InputError
        As `estimate_consensus`, for all images at once; each problem names the image.
    """
    config = Configuration.of({"consensus": {"method": method, **settings}}).consensus
    patterns, absent = patterns_of_images(images, config, min_experts, progress)
    if pooled and config.method == "staple":
        results = _pooled(patterns, config)
    else:
        results = _one_by_one(patterns, config)
    return {name: _with_notes(name, result, absent[name]) for name, result in results.items()}


def pool_patterns(patterns: Iterable[Patterns]) -> Patterns:
    """Patterns of several images as those of one, in the order of the images.

    Parameters
    ----------
    patterns : iterable of Patterns
        Of images with the same experts and classes.
    """
    parts = list(patterns)
    votes = np.concatenate([part.votes for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    rows = np.arange(len(votes))
    return Patterns(parts[0].experts, parts[0].classes, votes, counts, rows, rows)


def align_patterns(patterns: Mapping[str, Patterns]) -> dict[str, Patterns]:
    """Give all images the experts and classes of the set; who has no mask of an image has no vote in it."""
    experts = tuple(dict.fromkeys(name for part in patterns.values() for name in part.experts))
    classes = tuple(sorted({label for part in patterns.values() for label in part.classes}))
    return {name: part.recast(experts, classes) for name, part in patterns.items()}


def patterns_of_images(
    images: Mapping[str, Masks],
    config: ConsensusConfig,
    min_experts: int = 1,
    progress: ProgressCallback = ignore_progress,
) -> tuple[dict[str, Patterns], dict[str, tuple[str, ...]]]:
    """Count the patterns of every image: patterns, and experts without a mask, by image.

    Raises
    ------
    InputError
        All that is wrong with any of the images; each problem names the image.
    """
    patterns, absent, problems = {}, {}, list[Problem]()
    for done, name in enumerate(images, start=1):
        try:
            read = read_masks(images[name])
            raise_if_any(_too_few(read, min_experts))
            patterns[name] = count_patterns(read, config.classes, config.ignore_label)
            absent[name] = read.absent
        except InputError as error:
            problems += [replace(problem, where=f"{name}, {problem.where}") for problem in error.problems]
        progress(Progress("consensus", done, len(images)))
    if not images:
        problems.append(Problem("images", "there are none", "Give at least one image.", "no-images"))
    raise_if_any(problems)
    return patterns, absent


def _too_few(masks: ExpertMasks, min_experts: int) -> list[Problem]:
    if len(masks.experts) >= min_experts:
        return []
    found = f"{len(masks.experts)} masks where {min_experts} are asked for"
    return [Problem("experts", found, "Add masks, leave the image out, or ask for fewer.", "too-few-experts")]


def _one_by_one(patterns: Mapping[str, Patterns], config: ConsensusConfig) -> dict[str, Consensus]:
    results, problems = {}, list[Problem]()
    for name, part in patterns.items():
        try:
            results[name] = consensus_of_patterns(part, config)
        except InputError as error:
            problems += [replace(problem, where=f"{name}, {problem.where}") for problem in error.problems]
    raise_if_any(problems)
    return results


def _pooled(patterns: Mapping[str, Patterns], config: ConsensusConfig) -> dict[str, Consensus]:
    aligned = align_patterns(patterns)
    pool = pool_patterns(aligned.values())
    check_settings(pool.experts, config)
    fit = staple_of_patterns(pool, config)
    whole = staple_consensus(pool, fit, config)
    notes, results, start = convergence_notes(fit, config), {}, 0
    for name, part in aligned.items():
        voters = [pool.experts.index(expert) for expert in patterns[name].experts]
        own = part.recast(patterns[name].experts, part.classes)
        result = replace(
            staple_consensus(
                own, replace(fit, posteriors=fit.posteriors[start : start + len(own.votes)]), config
            ),
            performance_counts=whole.performance_counts[voters],
        )
        results[name] = replace(result, notes=(*notes_on(own), *notes, *tie_notes(result)))
        start += len(own.votes)
    return results


def _with_notes(name: str, result: Consensus, absent: tuple[str, ...]) -> Consensus:
    notes = tuple(
        replace(note, where=f"{name}, {note.where}") for note in (*absence_notes(absent), *result.notes)
    )
    for note in notes:
        logger.warning("%s", note)
    return replace(result, notes=notes)
