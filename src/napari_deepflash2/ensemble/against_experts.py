"""A model among the experts: whether it is as close to the consensus of the others as an expert is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..config import ConsensusConfig
from ..consensus.leave_one_out import mean_dice, truth_by
from ..consensus.masks import read_masks
from ..consensus.patterns import Patterns, count_patterns
from ..consensus.performance import confusion_counts
from ..data.ignored import IGNORE
from .expert_labels import settings_by_index

Labels = NDArray[np.integer]

# No folder of an expert can have this name.
_MODEL = "/"


@dataclass(frozen=True)
class AgainstExperts:
    """Dice of a model, and of each expert, on one image.

    Attributes
    ----------
    experts : dict of str to float
        Each expert's Dice with the consensus of the others.
    model : float
        The model's Dice with those same consensuses, mean over them, so that model and experts are held
        against the same thing.
    consensus : float
        The model's Dice with the consensus of all experts.
    """

    experts: dict[str, float]
    model: float
    consensus: float

    @property
    def lowest(self) -> float:
        """Dice of the expert who is furthest from the others."""
        return min(self.experts.values())

    @property
    def highest(self) -> float:
        """Dice of the expert who is closest to the others."""
        return max(self.experts.values())

    @property
    def ceiling(self) -> float:
        """Mean Dice of the experts: what an expert reaches against experts."""
        return float(np.mean(list(self.experts.values())))

    @property
    def place(self) -> Literal["below", "within", "above"]:
        """Where the model is, seen from the range of the experts."""
        if self.model < self.lowest:
            return "below"
        return "above" if self.model > self.highest else "within"


def compare_with_experts(
    predicted: Labels, experts: Mapping[str, Labels], classes: Sequence[int], config: ConsensusConfig
) -> AgainstExperts | None:
    """Place a model's labels among the masks of experts.

    Parameters
    ----------
    predicted : ndarray of int, shape (Y, X)
        Classes 0 to L - 1; where they are `IGNORE` neither the model nor an expert is judged.
    experts : mapping of str to ndarray of int, shape (Y, X)
        Classes of each expert; `IGNORE` where the expert did not judge.
    classes : sequence of int
        The L values by which the settings know the classes, the background first.
    config : ConsensusConfig
        How the experts are fused.

    Returns
    -------
    AgainstExperts or None
        None with fewer than two experts, who have no others to be compared with, or without a pixel that
        model and experts have judged.
    """
    known = predicted != IGNORE
    judged = {name: mask for name, mask in experts.items() if (mask[known] != IGNORE).any()}
    if len(judged) < 2:
        return None
    settings = settings_by_index(config, classes).model_copy(update={"require_convergence": False})
    patterns = _patterns({**judged, _MODEL: predicted}, known, len(classes))
    everyone, model = range(len(judged)), len(judged)
    own, models = [], []
    for index in everyone:
        scores = _dice(patterns, [one for one in everyone if one != index], settings)
        own.append(float(scores[index]))
        models.append(float(scores[model]))
    consensus = float(_dice(patterns, everyone, settings)[model])
    return AgainstExperts(dict(zip(judged, own, strict=True)), float(np.mean(models)), consensus)


def _patterns(masks: Mapping[str, Labels], known: NDArray[np.bool_], n_classes: int) -> Patterns:
    read = read_masks({name: np.where(known, mask, IGNORE) for name, mask in masks.items()})
    return count_patterns(read, range(n_classes), IGNORE)


def _dice(patterns: Patterns, experts: Sequence[int], config: ConsensusConfig) -> NDArray[np.float64]:
    """Dice of everybody, the model last, with the consensus of some."""
    return mean_dice(confusion_counts(patterns, truth_by(patterns, experts, config)), patterns.classes)
