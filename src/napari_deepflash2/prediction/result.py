"""What a prediction is, and how it comes from the moments of the members' probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .engine import Moments
from .uncertainty import (
    epistemic_uncertainty,
    mutual_information,
    predictive_entropy,
    total_uncertainty,
    uncertainty_score,
)

_SINGLE = np.dtype(np.float32)
_ROWS = 128


@dataclass(frozen=True)
class Prediction:
    """What an ensemble says about one image.

    Attributes
    ----------
    labels : ndarray of int, shape (Y, X)
        The most probable class, in the values that the training masks had.
    probabilities : ndarray of float32, shape (L, Y, X)
        Mean probability of each class, in the order of the ensemble's `classes`; sums to 1 over L.
    uncertainty : ndarray of float32, shape (Y, X)
        In [0, 1], on the same scale for every image; see `napari_deepflash2.prediction.uncertainty`.
    epistemic : ndarray of float32, shape (Y, X)
        The part of `uncertainty` that is disagreement among members and views; at most `uncertainty`.
    score : float
        Mean uncertainty over the predicted foreground; over the whole image where nothing is predicted.
    entropy, mutual_information : ndarray of float32, shape (Y, X), or None
        In [0, 1]: entropy of the mean probabilities and the part of it that is disagreement; None where
        they were not asked for.
    expected_dice : float or None
        Dice to be expected; None where it is not known, as on an image that `is_ood`.
    expected_dice_interval : (float, float) or None
        Meant to hold the Dice of nine in ten images of the kind that was trained on; None where it is not
        known.
    ood_score : float or None
        How unlike the training images this one is: above 0 it is called unlike, and its unit is the spread
        among their cells; None where it is not known.
    is_ood : bool or None
        Whether it is above 0; None where it is not known.
    ood_map : ndarray of float32, shape (Y, X), or None
        The same of each cell of about 64 pixels: above 0 it is unlike what was seen in training.
    notes : tuple of Problem
        What the user should know about this image.
    """

    labels: NDArray[np.integer]
    probabilities: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    epistemic: NDArray[np.float32]
    score: float
    entropy: NDArray[np.float32] | None = None
    mutual_information: NDArray[np.float32] | None = None
    expected_dice: float | None = None
    expected_dice_interval: tuple[float, float] | None = None
    ood_score: float | None = None
    is_ood: bool | None = None
    ood_map: NDArray[np.float32] | None = None
    notes: tuple[Problem, ...] = ()

    @property
    def aleatoric(self) -> NDArray[np.float32]:
        """The part of `uncertainty` that members and views share, float32 (Y, X) in [0, 1]."""
        return self.uncertainty - self.epistemic

    @classmethod
    def from_moments(
        cls, moments: Moments, classes: Sequence[int], name: str, notes: Sequence[Problem] = ()
    ) -> Prediction:
        """Decide on the classes and measure the uncertainty.

        Parameters
        ----------
        moments : Moments
            Of the probabilities, L classes.
        classes : sequence of int
            The L mask values, the background first.
        name : str
            What the user calls the image.
        notes : sequence of Problem
            What is already known about it.
        """
        values = np.array(classes, dtype=np.min_scalar_type(max(classes)))
        labels = _by_rows(lambda mean: values[most_probable(mean)], values.dtype, moments.mean)
        uncertainty = _by_rows(total_uncertainty, _SINGLE, moments.mean)
        foreground = labels != values[0]
        empty = (_no_foreground(name),) if not foreground.any() else ()
        found = cls(
            labels=labels,
            probabilities=moments.mean,
            uncertainty=uncertainty,
            epistemic=_by_rows(epistemic_uncertainty, _SINGLE, moments.mean, moments.mean_of_squares),
            score=uncertainty_score(uncertainty, foreground),
            notes=(*notes, *empty),
        )
        if moments.mean_entropy is None:
            return found
        return replace(
            found,
            entropy=_by_rows(predictive_entropy, _SINGLE, moments.mean),
            mutual_information=_by_rows(mutual_information, _SINGLE, moments.mean, moments.mean_entropy),
        )


class PredictionRows:
    """A prediction that is put together from rows, so that no sums are kept of those that are final.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image.
    classes : sequence of int
        The L mask values, the background first.
    entropy : bool
        Whether the moments have entropies.
    """

    def __init__(self, shape: tuple[int, int], classes: Sequence[int], entropy: bool) -> None:
        self._classes = classes
        single = ["uncertainty", "epistemic", *(["entropy", "mutual_information"] if entropy else ())]
        self._maps: dict[str, NDArray[Any]] = {
            "labels": np.empty(shape, np.min_scalar_type(max(classes))),
            "probabilities": np.empty((len(classes), *shape), np.float32),
            **{name: np.empty(shape, np.float32) for name in single},
        }

    def add(self, top: int, moments: Moments) -> None:
        """Take the moments of rows, from the row `top` on."""
        part = Prediction.from_moments(moments, self._classes, "")
        rows = slice(top, top + part.labels.shape[0])
        for name, whole in self._maps.items():
            whole[..., rows, :] = getattr(part, name)

    def whole(self, name: str, notes: Sequence[Problem] = ()) -> Prediction:
        """Give the prediction once all rows are there; see `Prediction.from_moments`."""
        foreground = self._maps["labels"] != self._classes[0]
        score = uncertainty_score(self._maps["uncertainty"], foreground)
        empty = () if foreground.any() else (_no_foreground(name),)
        return Prediction(
            labels=self._maps["labels"],
            probabilities=self._maps["probabilities"],
            uncertainty=self._maps["uncertainty"],
            epistemic=self._maps["epistemic"],
            score=score,
            entropy=self._maps.get("entropy"),
            mutual_information=self._maps.get("mutual_information"),
            notes=(*notes, *empty),
        )


def _by_rows(
    measure: Callable[..., NDArray[Any]], dtype: np.dtype[Any], *maps: NDArray[np.float32]
) -> NDArray[Any]:
    """Make a map (Y, X) some rows at a time, so that what is made in between stays small."""
    found = np.empty(maps[0].shape[-2:], dtype)
    for top in range(0, len(found), _ROWS):
        rows = np.s_[..., top : top + _ROWS, :]
        found[rows] = measure(*(one[rows] for one in maps))
    return found


def most_probable(probabilities: NDArray[np.float32]) -> NDArray[np.unsignedinteger]:
    """Find the class of each pixel, of (L, Y, X); the first of several that are alike."""
    # Class by class, because numpy's argmax takes eight bytes a pixel and four times as long.
    best = probabilities[0].copy()
    winners = np.zeros(best.shape, dtype=np.min_scalar_type(len(probabilities) - 1))
    for class_, p in enumerate(probabilities[1:], start=1):
        winners[p > best] = class_
        np.maximum(best, p, out=best)
    return winners


def _no_foreground(name: str) -> Problem:
    return Problem(
        name,
        "no foreground is predicted, so the score is the mean uncertainty of the whole image",
        "Look at the uncertainty map; an image without objects is a result too.",
        "no-foreground",
    )
