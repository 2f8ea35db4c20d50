"""The masks of several experts as one: labels to learn, and what the votes at each pixel say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration, ConsensusConfig
from ..consensus import Consensus, estimate_consensus_of_images, estimate_object_consensus
from ..consensus.maps import disagreement_by_pattern
from ..data.ignored import IGNORE
from ..data.votes import ExpertVotes
from ..errors import InputError, Problem, raise_if_any
from ..progress import ProgressCallback, ignore_progress

if TYPE_CHECKING:
    from ..data.masks import MaskSet

Labels = NDArray[np.uint8]
MasksByExpert = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ExpertLabels:
    """What a set of experts' masks gives to learn from.

    Attributes
    ----------
    labels : dict of str to ndarray of uint8
        For each image the classes of the consensus, 0 to L - 1, in the shape of the masks; `IGNORE` where
        nobody judged, and where the settings leave undecided pixels to no class.
    votes : dict of str to ExpertVotes
        What the experts said of each image.
    classes : tuple of int
        The L values that the masks had, the background first.
    method : str
        How they were fused: the method of the consensus, followed by "of objects" where objects were, one by
        one.
    notes : tuple of Problem
        How the masks were understood, and what is odd.
    """

    labels: dict[str, Labels]
    votes: dict[str, ExpertVotes]
    classes: tuple[int, ...]
    method: str
    notes: tuple[Problem, ...]


def fuse_experts(
    masks: Mapping[str, MasksByExpert],
    config: Configuration,
    name: Callable[[str, str], str],
    progress: ProgressCallback = ignore_progress,
) -> ExpertLabels:
    """Make the consensus of each image, as the settings of ``data`` and ``consensus`` say.

    Where masks number single objects, objects are fused one by one, and a background ridge keeps apart
    those that touch: in the consensus, and in the mask of each expert, from which votes are counted.

    Parameters
    ----------
    masks : mapping of str to mapping of str to ndarray of int
        For each image the mask (..., Y, X) of each expert who has one, with values as stored.
    config : Configuration
        Its parts ``data`` and ``consensus`` are used.
    name : callable
        Gives the name of a mask, by image and expert, for messages.
    progress : callable
        Called once an image.

    Raises
    ------
    InputError
        As `interpret_masks` and `estimate_consensus_of_images`, for all masks at once.
    """
    from ..data.masks import interpret_masks

    keys = [(image, expert) for image, of_image in masks.items() for expert in of_image]
    data, ignore = config.data, _ignored_value(config)
    understood = interpret_masks(
        [masks[image][expert] for image, expert in keys],
        [name(image, expert) for image, expert in keys],
        data.mask_kind,
        data.mask_classes or config.consensus.classes,
        ignore=ignore,
    )
    found = _consensus(keys, understood, config.consensus, progress)
    labels = {image: one.labels.astype(np.uint8) for image, one in found.items()}
    by_object = understood.kind == "instances"
    if by_object:
        labels = _labels_of_objects(masks, labels, config.consensus, ignore)
    method = config.consensus.method + " of objects" * by_object
    notes = (*understood.notes, *(note for one in found.values() for note in one.notes))
    votes = {image: _votes(one) for image, one in found.items()}
    return ExpertLabels(labels, votes, understood.classes, method, notes)


def settings_by_index(config: ConsensusConfig, classes: Sequence[int]) -> ConsensusConfig:
    """Name classes by their index, 0 to L - 1, in settings that name them by their values."""
    index = {value: number for number, value in enumerate(classes)}
    prior = config.prior and {index[value]: share for value, share in config.prior.items() if value in index}
    return config.model_copy(
        update={
            "classes": tuple(range(len(classes))),
            "ignore_label": IGNORE,
            "prior": prior,
            "undecided_label": index.get(config.undecided_label, IGNORE),
        }
    )


def _ignored_value(config: Configuration) -> int | None:
    ignored = config.data.ignore_label
    return config.consensus.ignore_label if ignored is None else ignored


def _consensus(
    keys: Sequence[tuple[str, str]],
    understood: MaskSet,
    config: ConsensusConfig,
    progress: ProgressCallback,
) -> dict[str, Consensus]:
    by_image: dict[str, dict[str, Labels]] = {image: {} for image, _ in keys}
    for (image, expert), labels in zip(keys, understood.labels, strict=True):
        by_image[image][expert] = labels
    settings = settings_by_index(config, understood.classes).model_dump()
    return estimate_consensus_of_images(by_image, pooled=False, progress=progress, **settings)


def _votes(consensus: Consensus) -> ExpertVotes:
    patterns = consensus.patterns
    rows = np.arange(len(patterns.votes))
    return ExpertVotes(
        patterns.experts,
        patterns.paint(rows.astype(np.min_scalar_type(len(rows)))),
        np.where(patterns.votes == patterns.n_classes, np.uint8(IGNORE), patterns.votes),
        consensus.posteriors.astype(np.float32),
        disagreement_by_pattern(patterns),
    )


def _labels_of_objects(
    masks: Mapping[str, MasksByExpert],
    labels: Mapping[str, Labels],
    config: ConsensusConfig,
    ignore: int | None,
) -> dict[str, Labels]:
    from ..data.masks import touching_pixels

    found, problems = {}, list[Problem]()
    for image, of_image in masks.items():
        numbered = {expert: np.where(mask == ignore, 0, mask) for expert, mask in of_image.items()}
        try:
            objects = _objects(numbered, config)
        except InputError as error:
            problems += [replace(problem, where=f"{image}, {problem.where}") for problem in error.problems]
            continue
        kept = ((objects > 0) & ~touching_pixels(objects)).astype(np.uint8)
        found[image] = np.where(labels[image] == IGNORE, np.uint8(IGNORE), kept)
    raise_if_any(problems)
    return found


def _objects(masks: MasksByExpert, config: ConsensusConfig) -> NDArray[np.int32]:
    """Objects that enough experts saw: by the method of the consensus, or more than half of them."""
    needed = {"union": 1, "intersection": len(masks), "at_least": config.min_votes}
    outline: Literal["staple", "vote"] = "staple" if config.method == "staple" else "vote"
    return estimate_object_consensus(masks, needed.get(config.method), outline).labels
