"""Saying of a prediction how good it is likely to be, and whether its image is of the kind that is known."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.normalisation import Normalisation, Standardisation
from ..data.resampling import resized
from ..errors import Problem
from ..prediction import Prediction, Predictor
from ..prediction.canvas import Region
from ..prediction.encoder import CellGrid, Encoder
from ..prediction.engine import looks_at
from ..prediction.likeness import score_of_image
from ..prediction.quality import Traits
from ..prediction.sources import InMemory, Source, tiles_of
from ..prediction.trait_sums import TraitSums
from ..progress import Progress, ProgressCallback, ignore_progress
from .image_notes import unlike_note
from .manifest import Manifest
from .quality import Quality

if TYPE_CHECKING:
    import torch


Looks = Mapping[Normalisation, Standardisation]


@dataclass(frozen=True)
class Verdict:
    """What is to be expected of a prediction; see `Prediction` for each."""

    expected_dice: float | None = None
    expected_dice_interval: tuple[float, float] | None = None
    ood_score: float | None = None
    is_ood: bool | None = None

    def notes(self, name: str) -> tuple[Problem, ...]:
        """Tell what a user should know about the image that is called `name`."""
        return (unlike_note(name),) if self.is_ood else ()


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
        image: NDArray[Any],
        name: str,
        false_alarm_rate: float,
        progress: ProgressCallback,
        looks: Looks | None = None,
    ) -> Prediction:
        """Fill in the expected Dice and the likeness.

        Parameters
        ----------
        prediction : Prediction
            Of the image, with calibrated probabilities.
        image : ndarray, shape (Y, X, C)
            What the networks saw, intensities as stored.
        name : str
            What the user calls it.
        false_alarm_rate : float
            Share of images of the known kind that may be called unlike.
        progress : callable
            May raise `Cancelled`.
        looks : mapping of Normalisation to Standardisation, optional
            How each of the models' normalisations standardises the image; by its own figures by default.
        """
        source = InMemory(image)
        if looks is None:
            looks = looks_at(image, self.encoders.values())
        strips = [cells for _, cells in self.unlikeness(source, looks, progress=progress, task=name)]
        cells = np.concatenate(strips) if strips else None
        found = self.verdict(TraitSums.of(prediction.probabilities), cells, false_alarm_rate)
        return replace(
            prediction,
            expected_dice=found.expected_dice,
            expected_dice_interval=found.expected_dice_interval,
            ood_score=found.ood_score,
            is_ood=found.is_ood,
            ood_map=None
            if cells is None
            else self._map(source, cells, false_alarm_rate, prediction.labels.shape),
            notes=(*prediction.notes, *found.notes(name)),
        )

    def grid(self, shape: tuple[int, int]) -> CellGrid | None:
        """Cells of an image of that height and width; None where the likeness is not known."""
        return next((encoder.grid(shape) for encoder in self.encoders.values()), None)

    def unlikeness(
        self,
        source: Source,
        looks: Looks,
        done: Collection[int] = (),
        progress: ProgressCallback = ignore_progress,
        task: str = "likeness",
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Compare the cells of an image with those of the training images, strip by strip.

        Parameters
        ----------
        source : Source
            What the networks see.
        looks : mapping of Normalisation to Standardisation
            How each of the models' normalisations standardises the whole image.
        done : collection of int
            Numbers of strips that are known.
        progress : callable
            Called before every tile; may raise `Cancelled`.
        task : str
            Name of the task in the progress.

        Yields
        ------
        int, ndarray of float32, shape (N,)
            Number of a strip of `CellGrid.strips`, and the scores of its cells, mean over the models.
        """
        grid = self.grid(source.shape)
        if grid is None:
            return
        counted, total = 0, len(grid.tiles.starts)
        for number, strip in enumerate(grid.strips):
            scores: list[NDArray[np.float32]] = []
            for tile in tiles_of(source, strip, grid.tiles.shape) if number not in done else ():
                progress(Progress(task, counted + len(scores), total))
                scores.append(self._of_tile(tile, looks, grid.cells))
            counted += len(strip)
            if scores:
                yield number, np.concatenate(scores)

    def verdict(self, sums: TraitSums, cells: NDArray[np.float32] | None, false_alarm_rate: float) -> Verdict:
        """Say what is to be expected of a prediction.

        Parameters
        ----------
        sums : TraitSums
            Of its calibrated probabilities, over all pixels.
        cells : ndarray of float32, shape (N,), or None
            Scores of all cells, see `unlikeness`.
        false_alarm_rate : float
            Share of images of the known kind that may be called unlike.
        """
        found = Verdict()
        if cells is not None and self.quality.likeness is not None:
            score = score_of_image(cells) - self.quality.likeness.images.limit(false_alarm_rate)
            found = Verdict(ood_score=score, is_ood=score > 0)
        if self.quality.dice is None or found.is_ood:
            return found
        expected = self.quality.dice.expected(Traits.from_sums(sums))
        return replace(found, expected_dice=expected.dice, expected_dice_interval=expected.interval)

    def ood_map(
        self, cells: NDArray[np.float32], shape: tuple[int, int], region: Region, false_alarm_rate: float
    ) -> NDArray[np.float32]:
        """Paint the scores of the cells of an image over a region of it: above 0 it is unlike there.

        Parameters
        ----------
        cells : ndarray of float32, shape (N,)
            Scores of all cells, see `unlikeness`.
        shape : (int, int)
            Height and width of the image.
        region : Region
            What is wanted.
        false_alarm_rate : float
            Share of cells of the known kind that may be above 0.

        Returns
        -------
        ndarray of float32, shape (height, width) of the region
        """
        grid = self.grid(shape)
        if grid is None or self.quality.likeness is None:
            raise ValueError("what the training images look like is not known")
        limit = self.quality.likeness.cells.limit(false_alarm_rate)
        return grid.map_of(cells - np.float32(limit), region)

    def _of_tile(
        self, tile: NDArray[np.float32], looks: Looks, cells: tuple[int, int]
    ) -> NDArray[np.float32]:
        familiar = {} if self.quality.likeness is None else self.quality.likeness.familiar
        scores = [
            familiar[fold].unlikeness(encoder.describe_tile(tile, looks[encoder.normalisation], cells))
            for fold, encoder in self.encoders.items()
        ]
        found: NDArray[np.float32] = np.mean(scores, axis=0, dtype=np.float32)
        return found

    def _map(
        self, source: Source, cells: NDArray[np.float32], false_alarm_rate: float, own: tuple[int, ...]
    ) -> NDArray[np.float32]:
        height, width = source.shape
        map_ = self.ood_map(cells, source.shape, Region(0, height, 0, width), false_alarm_rate)
        return map_ if map_.shape == own else resized(map_[np.newaxis], (own[0], own[1]))[0]
