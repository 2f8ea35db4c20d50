"""What a prediction tells about itself, as sums over its pixels: those of parts add up to the whole's."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .result import most_probable
from .uncertainty import total_uncertainty

Number = TypeVar("Number", int, float)

_ROWS = 128


@dataclass(frozen=True)
class TraitSums:
    """Sums over some pixels.

    Attributes
    ----------
    chosen : tuple of int
        Of each class, the background first: pixels where it is the most probable.
    probability : tuple of float
        Likewise: sum of its probability.
    of_chosen : tuple of float
        Likewise: sum of its probability over the pixels where it is the most probable.
    of_foreground, of_all : float
        Sum of the uncertainty over the pixels that are predicted as foreground, and over all.
    doubt : float
        Largest probability of any foreground at a pixel.
    """

    chosen: tuple[int, ...]
    probability: tuple[float, ...]
    of_chosen: tuple[float, ...]
    of_foreground: float
    of_all: float
    doubt: float

    @classmethod
    def of(cls, probabilities: NDArray[np.floating]) -> TraitSums:
        """Sum up calibrated probabilities, (L, Y, X), some rows at a time."""
        rows = range(0, probabilities.shape[1], _ROWS)
        parts = (cls._of_rows(probabilities[:, top : top + _ROWS].astype(np.float32)) for top in rows)
        return functools.reduce(operator.add, parts)

    @classmethod
    def _of_rows(cls, maps: NDArray[np.float32]) -> TraitSums:
        winners, uncertainty = most_probable(maps), total_uncertainty(maps)
        chosen = [winners == class_ for class_ in range(len(maps))]
        return cls(
            chosen=tuple(int(where.sum()) for where in chosen),
            probability=tuple(float(p.sum(dtype=np.float64)) for p in maps),
            of_chosen=tuple(
                float(p.sum(dtype=np.float64, where=where)) for p, where in zip(maps, chosen, strict=True)
            ),
            of_foreground=float(uncertainty.sum(dtype=np.float64, where=~chosen[0])),
            of_all=float(uncertainty.sum(dtype=np.float64)),
            doubt=float(1 - maps[0].min()),
        )

    def __add__(self, other: TraitSums) -> TraitSums:
        """Sum over both."""
        return TraitSums(
            chosen=_added(self.chosen, other.chosen),
            probability=_added(self.probability, other.probability),
            of_chosen=_added(self.of_chosen, other.of_chosen),
            of_foreground=self.of_foreground + other.of_foreground,
            of_all=self.of_all + other.of_all,
            doubt=max(self.doubt, other.doubt),
        )

    @property
    def pixels(self) -> int:
        """How many there are."""
        return sum(self.chosen)

    @property
    def foreground(self) -> int:
        """How many are predicted as anything but background."""
        return sum(self.chosen[1:])

    @property
    def score(self) -> float:
        """Mean uncertainty over the foreground; over all pixels where there is none."""
        if self.foreground:
            return self.of_foreground / self.foreground
        return self.of_all / self.pixels

    @property
    def soft_dice(self) -> float:
        """Dice of the classes that are predicted with their probabilities, mean over these classes."""
        found = list(self._soft_dices())
        return float(np.mean(found)) if found else 0.0

    def _soft_dices(self) -> Iterator[float]:
        for chosen, probability, of_chosen in zip(
            self.chosen[1:], self.probability[1:], self.of_chosen[1:], strict=True
        ):
            if chosen:
                yield 2 * of_chosen / (probability + chosen)


def _added(one: tuple[Number, ...], other: tuple[Number, ...]) -> tuple[Number, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))
