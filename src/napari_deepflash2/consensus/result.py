"""What a consensus gives back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem
from .patterns import Patterns
from .performance import (
    confusion_counts,
    dice_by_class,
    expert_table,
    foreground_mean,
    sensitivity_by_class,
    specificity_by_class,
    with_foreground,
)
from .voting import decide

if TYPE_CHECKING:
    import pandas as pd

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Consensus:
    """One mask made of several, and how far each expert is from it.

    Maps of the size of the image are made from the patterns of votes when they are first asked for.

    Attributes
    ----------
    method : str
        How it was made.
    patterns : Patterns
        What the experts said, as U patterns.
    posteriors : ndarray of float64, shape (U, L)
        Probability of each class for each pattern: the posterior of STAPLE, or the share of the votes.
    scores : ndarray of float64, shape (U, L)
        What decides the label of a pattern: the highest score wins.
    performance_counts : ndarray of float64, shape (R, L, L)
        ``[r, c, l]``: pixels of class c that expert r called l, weighted by the probability of the class
        for STAPLE.
    undecided_label : int
        Label of pixels on which the highest score is shared.
    ignore_label : int or None
        Label of pixels that nobody judged.
    iterations : int
        Rounds of expectation-maximisation; 0 for votes.
    converged : bool
        Whether they converged; True for votes.
    notes : tuple of Problem
        What is worth knowing about these masks.
    """

    method: str
    patterns: Patterns
    posteriors: Float
    scores: Float
    performance_counts: Float
    undecided_label: int = 0
    ignore_label: int | None = None
    iterations: int = 0
    converged: bool = True
    notes: tuple[Problem, ...] = ()

    @property
    def classes(self) -> tuple[int, ...]:
        """The label values, in the order of the first axis of `probabilities`."""
        return self.patterns.classes

    @cached_property
    def labels(self) -> NDArray[Any]:
        """The consensus: unsigned integer array of mask shape, as small a type as holds all labels."""
        values = np.array([*self.classes, self.undecided_label, self.ignore_label or 0], dtype=np.uint64)
        return self.patterns.paint(values.astype(np.min_scalar_type(int(values.max())))[self._winners])

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """Probability of each class, float32, shape (L, ..., Y, X), summing to 1 over the classes."""
        return np.stack([self.patterns.paint(column) for column in self.posteriors.astype(np.float32).T])

    @cached_property
    def confusion(self) -> Float:
        """Probability ``[r, c, l]`` that expert r says class l where the truth is c; NaN where no c is."""
        totals = self.performance_counts.sum(axis=2, keepdims=True)
        return np.where(totals > 0, self.performance_counts / np.where(totals > 0, totals, 1), np.nan)

    @cached_property
    def experts(self) -> pd.DataFrame:
        """One row an expert: dice, sensitivity and specificity, means over the foreground classes.

        Dice compares with `labels`. For STAPLE sensitivity and specificity are those it estimated. What
        cannot be known, such as the sensitivity where there is no foreground, is ``pandas.NA``.
        """
        truth = _summary(self._label_counts, self.classes)
        estimate = _summary(self.performance_counts, self.classes)
        columns = {"dice": truth["dice"], **{name: estimate[name] for name in ("sensitivity", "specificity")}}
        if len(self.patterns.experts) == 1:
            columns = {name: np.full(1, np.nan) for name in columns}
        return expert_table(self.patterns.experts, columns)

    @cached_property
    def experts_by_class(self) -> pd.DataFrame:
        """One row for each expert and class: dice, sensitivity and specificity, as in `experts`."""
        import pandas as pd

        columns = {
            "dice": dice_by_class(self._label_counts),
            "sensitivity": sensitivity_by_class(self.performance_counts),
            "specificity": specificity_by_class(self.performance_counts),
        }
        index = pd.MultiIndex.from_product([self.patterns.experts, self.classes], names=["expert", "class"])
        return pd.DataFrame(
            {name: pd.array(values.ravel(), dtype="Float64") for name, values in columns.items()}, index
        )

    @property
    def undecided_share(self) -> float:
        """Share of the pixels on which two labels are equally likely or have equally many votes."""
        counts = self.patterns.counts
        return float(counts[self._ties].sum() / counts.sum())

    def soft(self, label: int | None = None) -> NDArray[np.float32]:
        """Probability of one class at each pixel, for training on soft labels.

        Parameters
        ----------
        label : int, optional
            The class; all foreground (labels other than 0) together when not given.

        Returns
        -------
        ndarray of float32, mask shape
            Between 0 and 1: the posterior of STAPLE, or the share of the votes.

        Raises
        ------
        InputError
            Where no mask holds this label.
        """
        if label is not None and label not in self.classes:
            raise InputError.one(
                "label", f"{label} is none of {self.classes}", "Choose one of them.", "unknown-label"
            )
        chosen = [c != 0 if label is None else c == label for c in self.classes]
        return self.patterns.paint(self.posteriors[:, chosen].sum(axis=1).astype(np.float32))

    @property
    def _unjudged(self) -> NDArray[np.bool_]:
        return np.asarray((self.patterns.votes == self.patterns.n_classes).all(axis=1))

    @cached_property
    def _ties(self) -> NDArray[np.bool_]:
        return decide(self.scores, 0)[1] & ~self._unjudged

    @cached_property
    def _winners(self) -> NDArray[np.intp]:
        """Index of the label of each pattern: L stands for undecided, L + 1 for not judged."""
        winners, _ = decide(self.scores, self.patterns.n_classes)
        return np.where(self._unjudged, self.patterns.n_classes + 1, winners)

    @cached_property
    def truth(self) -> Float:
        """1 for the class that each pattern was given, shape (U, L); zeros where it was given none."""
        values = np.array([*self.classes, self.undecided_label])
        decided = values[np.minimum(self._winners, self.patterns.n_classes)]
        chosen = (decided[:, None] == np.array(self.classes)) & ~self._unjudged[:, None]
        return np.asarray(chosen, dtype=np.float64)

    @cached_property
    def _label_counts(self) -> Float:
        return confusion_counts(self.patterns, self.truth)


def _summary(counts: Float, classes: tuple[int, ...]) -> dict[str, Float]:
    counts, classes = with_foreground(counts, classes)
    return {
        "dice": foreground_mean(dice_by_class(counts), classes),
        "sensitivity": foreground_mean(sensitivity_by_class(counts), classes),
        "specificity": foreground_mean(specificity_by_class(counts), classes),
    }
