"""Saying of a prediction how good it is likely to be, and whether its image is of the kind that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..data.normalisation import FloatImage
from ..data.resampling import resized
from ..errors import Problem
from ..prediction import Prediction, Predictor
from ..prediction.encoder import Encoder
from ..prediction.likeness import score_of_image
from ..prediction.quality import Traits
from ..progress import ProgressCallback
from .manifest import Manifest
from .quality import Likeness, Quality

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Judge:
    """What an ensemble knows of its quality, with the networks that it takes to use it.

    Attributes
    ----------
    quality : Quality
        Of the ensemble.
    encoders : mapping of int to Encoder
        By number of the fold, of the models of which it is known what they saw.
    """

    quality: Quality
    encoders: Mapping[int, Encoder]

    @classmethod
    def of(
        cls, quality: Quality, manifest: Manifest, predictors: tuple[Predictor, ...], device: torch.device
    ) -> Judge:
        """Take the ensemble's networks, in the order of its members and in float32."""
        known = {} if quality.likeness is None else quality.likeness.familiar
        encoders = {
            member.fold: Encoder(predictor, manifest.channels, quality.card.tile_size, device)
            for member, predictor in zip(manifest.members, predictors, strict=True)
            if member.fold in known
        }
        return cls(quality, encoders)

    def judge(
        self,
        prediction: Prediction,
        image: FloatImage,
        name: str,
        false_alarm_rate: float,
        progress: ProgressCallback,
    ) -> Prediction:
        """Fill in the expected Dice and the likeness.

        Parameters
        ----------
        prediction : Prediction
            Of the image, with calibrated probabilities.
        image : ndarray of float32, shape (Y, X, C)
            What the networks saw, intensities as stored.
        name : str
            What the user calls it.
        false_alarm_rate : float
            Share of images of the known kind that may be called unlike.
        progress : callable
            May raise `Cancelled`.
        """
        if self.quality.likeness is not None:
            prediction = self._with_likeness(
                self.quality.likeness, prediction, image, name, false_alarm_rate, progress
            )
        if self.quality.dice is None or prediction.is_ood:
            return prediction
        expected = self.quality.dice.expected(Traits.of(prediction.probabilities))
        return replace(prediction, expected_dice=expected.dice, expected_dice_interval=expected.interval)

    def _with_likeness(
        self,
        likeness: Likeness,
        prediction: Prediction,
        image: FloatImage,
        name: str,
        false_alarm_rate: float,
        progress: ProgressCallback,
    ) -> Prediction:
        cells = self._unlikeness(likeness, image, progress, name)
        score = score_of_image(cells) - likeness.images.limit(false_alarm_rate)
        grid = next(iter(self.encoders.values())).grid((image.shape[0], image.shape[1]))
        map_ = grid.map_of(cells - np.float32(likeness.cells.limit(false_alarm_rate)))
        return replace(
            prediction,
            ood_score=score,
            is_ood=score > 0,
            ood_map=resized(map_[np.newaxis], prediction.labels.shape)[0],
            notes=(*prediction.notes, *((_unlike(name),) if score > 0 else ())),
        )

    def _unlikeness(
        self, likeness: Likeness, image: FloatImage, progress: ProgressCallback, name: str
    ) -> NDArray[np.float32]:
        scores = [
            likeness.familiar[fold].unlikeness(encoder.describe(image, progress, name))
            for fold, encoder in self.encoders.items()
        ]
        found: NDArray[np.float32] = np.mean(scores, axis=0, dtype=np.float32)
        return found


def _unlike(name: str) -> Problem:
    return Problem(
        name,
        "is unlike the training images, so the Dice to expect is not known: networks can be sure and wrong "
        "on what they have never seen",
        "Look at the map of what is unlike, and at the labels; annotate some such images and train again.",
        "unlike-training",
    )
