"""How a prediction overlaps with a true mask, as counts that add up over the parts of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .targets import with_iou


@dataclass(frozen=True)
class Overlap:
    """Pixels that were judged: how many, and by class where prediction and mask agree.

    Attributes
    ----------
    judged : int
        All of them.
    both, predicted, true : tuple of int
        Of each class, the background first: in both, in the prediction, in the mask.
    """

    judged: int
    both: tuple[int, ...]
    predicted: tuple[int, ...]
    true: tuple[int, ...]

    @classmethod
    def of(
        cls,
        predicted: NDArray[np.integer],
        true: NDArray[np.integer],
        judged: NDArray[np.bool_],
        classes: Sequence[int],
    ) -> Overlap:
        """Count over pixels; all arrays have one shape and hold class values."""
        mine, theirs = ([(of == value) & judged for value in classes] for of in (predicted, true))
        return cls(
            int(judged.sum()),
            tuple(int((a & b).sum()) for a, b in zip(mine, theirs, strict=True)),
            tuple(int(one.sum()) for one in mine),
            tuple(int(one.sum()) for one in theirs),
        )

    def __add__(self, other: Overlap) -> Overlap:
        """Count over both."""

        def added(name: str) -> tuple[int, ...]:
            return tuple(a + b for a, b in zip(getattr(self, name), getattr(other, name), strict=True))

        return Overlap(self.judged + other.judged, added("both"), added("predicted"), added("true"))

    def scores(self, classes: Sequence[int]) -> dict[str, float | None]:
        """Score as `Target.scores` does; what is counted by objects is not known, and None.

        Parameters
        ----------
        classes : sequence of int
            The L values by which users know the classes, the background first.
        """
        dices = [
            2 * both / (predicted + true) if predicted + true else None
            for both, predicted, true in zip(self.both[1:], self.predicted[1:], self.true[1:], strict=True)
        ]
        known = [value for value in dices if value is not None]
        found: dict[str, float | None] = {"dice": float(np.mean(known)) if known else 1.0}
        if len(classes) > 2:
            found |= {f"dice_{value}": dice for value, dice in zip(classes[1:], dices, strict=True)}
        found = with_iou(found) | dict.fromkeys(("ap_50", "ap"))
        return found if self.judged else dict.fromkeys(found)
