"""A trained ensemble: checked on the way in, ready to predict."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..config import Configuration, PredictionConfig
from ..data.lazy_image import LazyPlane, PlaneFigures
from ..data.normalisation import FloatImage, Normalisation, Standardisation
from ..data.pixel_size import PixelSize
from ..data.resampling import target_shape
from ..errors import Problem
from ..objects import ObjectMap, find_objects
from ..prediction import Moments, Prediction, Predictor, prepare
from ..prediction.blocks import Writer, predict_blocks
from ..prediction.calibration import calibrated
from ..prediction.canvas import Region
from ..prediction.engine import averaged_rows, averaged_tiles, looks_at
from ..prediction.growing import Point
from ..prediction.open_blocks import Block
from ..prediction.passes import TilePredictor
from ..prediction.result import PredictionRows
from ..prediction.sources import Source
from ..progress import ProgressCallback, ignore_progress
from .automatic import precision_of_prediction
from .device import choose_device
from .folder_checks import check_members, notes_on_training
from .judging import Judge, Looks
from .manifest import Manifest, MemberRecord
from .memory import kept_memory
from .networks import build_network
from .quality import Quality
from .region import Grown, RegionRun
from .review import Review, load_review
from .seen import SeenImage, check_channels
from .student import Student
from .student_files import read_card
from .weights import load_weights

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ensemble:
    """Trained models that predict together.

    Attributes
    ----------
    folder : path
        Where they were loaded from.
    manifest : Manifest
        All that is known about them.
    notes : tuple of Problem
        What the user should know about the ensemble.
    judge : Judge or None
        What is known about the quality of its predictions; None of an ensemble that is not complete or was
        trained before that was measured.
    """

    folder: Path
    manifest: Manifest
    notes: tuple[Problem, ...]
    judge: Judge | None
    _predictors: tuple[Predictor, ...]
    _device: torch.device
    _prepared: dict[tuple[str, bool], tuple[Predictor, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _students: dict[str, Student] = field(default_factory=dict, repr=False, compare=False)

    @property
    def members(self) -> tuple[MemberRecord, ...]:
        """One record a model, by fold."""
        return self.manifest.members

    @property
    def classes(self) -> tuple[int, ...]:
        """Values of the masks it was trained on, the background first."""
        return self.manifest.classes

    @property
    def channels(self) -> int:
        """Channels that an image must have."""
        return self.manifest.channels

    @property
    def config(self) -> Configuration:
        """The settings it was trained with."""
        return self.manifest.configuration

    @property
    def held_out_dice(self) -> dict[int, float]:
        """Mean Dice of each fold's model over the images it never saw, by number of the fold."""
        return {member.fold: member.best_dice for member in self.members}

    @property
    def temperature(self) -> float:
        """What the mean probabilities are calibrated with; see `prediction.calibration`."""
        return 1.0 if self.judge is None else self.judge.quality.card.temperature

    @property
    def normalises_by_image(self) -> bool:
        """Whether images are standardised by their own mean and spread, so that all of one has to be read."""
        return any(member.normalisation.kind == "image" for member in self.members)

    @property
    def knows_likeness(self) -> bool:
        """Whether it can tell if an image is like its training images."""
        return self.judge is not None and self.judge.quality.likeness is not None

    @property
    def unknown(self) -> tuple[Problem, ...]:
        """What cannot be said of its predictions, and why."""
        where = str(self.folder)
        if self.judge is None:
            found = (
                "holds no quality.json, so expected Dice and likeness to the training images are not known"
            )
            remedy = "When all its models are trained, napari-deepflash2 review --ensemble DIR makes it."
            return (Problem(where, found, remedy, "no-quality"),)
        card = self.judge.quality.card
        remedy = "Train on more images, of more groups (animals, slides, stacks)."
        unknown = [Problem(where, f"not known: {what}", remedy, "quality-unknown") for what in card.unknown]
        return (*unknown, *((_before_objects(where),) if card.objects is None else ()))

    @property
    def student(self) -> Student | None:
        """Its preview network, loaded on first use; None where none was made, see `distil_student`.

        Raises
        ------
        InputError
            Where it is damaged, was made for another ensemble, or is out of date.
        """
        card = read_card(self.folder, self.manifest, self.temperature)
        if card is not None and card.sha256 not in self._students:
            student = Student.load(self.folder, self.manifest, card, self._device)
            self._students[card.sha256] = student
        return None if card is None else self._students[card.sha256]

    def predict(
        self,
        image: ArrayLike,
        config: PredictionConfig | None = None,
        progress: ProgressCallback = ignore_progress,
        name: str = "image",
        pixel_size: PixelSize | None = None,
    ) -> Prediction:
        """Segment an image.

        Parameters
        ----------
        image : array_like, shape (Y, X) or (Y, X, C)
            Integer or float intensities, as in training.
        config : PredictionConfig, optional
            Settings; those stored with the ensemble where not given.
        progress : callable
            Called after every batch of tiles; may raise `Cancelled`.
        name : str
            What the user calls the image.
        pixel_size : (float, float), optional
            Height and width of a pixel in micrometres. Where the training images were brought to one size,
            this one is too, and what is found comes back on its own grid.

        Raises
        ------
        InputError
            Where the image cannot be used or has other channels than the training images, its pixel size
            is needed and not known, or a member gives values that are no numbers.
        """
        settings = config or self.config.prediction
        seen = SeenImage.of(image, name, self.manifest, settings, pixel_size)
        looks = looks_at(seen.image, self._predictors)
        found = self._predicted(seen, looks, settings, progress, name)
        if self.judge is None:
            return found
        return self.judge.judge(found, seen.image, name, settings.false_alarm_rate, progress, looks)

    def _predicted(
        self, seen: SeenImage, looks: Looks, config: PredictionConfig, progress: ProgressCallback, name: str
    ) -> Prediction:
        run = TilePredictor(self._ready(config), looks, len(self.classes), config, self._device)
        if seen.image.shape[:2] != seen.shape:
            with kept_memory():
                averages = averaged_tiles(run, seen.image, config, self._device, progress, name)
            moments = calibrated(Moments.of(averages), self.temperature).resized(seen.shape)
            return Prediction.from_moments(moments, self.classes, name, seen.notes)
        # What lasts is taken before, so that it can be given back alone.
        found = PredictionRows(seen.shape, self.classes, config.entropy)
        with kept_memory():
            for rows, averages in averaged_rows(run, seen.image, config, self._device, progress, name):
                found.add(rows.top, calibrated(Moments.of(averages), self.temperature))
        return found.whole(name, seen.notes)

    def predict_blocks(
        self,
        source: Source,
        figures: PlaneFigures,
        write: Writer,
        config: PredictionConfig | None = None,
        done: Collection[int] = (),
        progress: ProgressCallback = ignore_progress,
        name: str = "image",
        side: int = 1024,
    ) -> None:
        """Segment an image of any size block by block, as `predict` would whole.

        Parameters
        ----------
        source : Source
            The image, at the pixel size to predict it at.
        figures : PlaneFigures
            Of the whole image.
        write : callable
            Takes each block and its `Moments` when they are final.
        config : PredictionConfig, optional
            Settings; those stored with the ensemble where not given.
        done : collection of int
            Numbers of blocks that need not be predicted.
        progress : callable
            Called after every batch of tiles; may raise `Cancelled`.
        name : str
            What the user calls the image.
        side : int
            Height of the blocks; see `blocks_of`.

        Raises
        ------
        InputError
            Where it has other channels than the training images, or a part of it cannot be read.
        """
        check_channels(len(figures.mean), self.manifest, name)
        settings = config or self.config.prediction
        looks = self._looks(figures)

        def write_calibrated(block: Block, moments: Moments) -> None:
            write(block, calibrated(moments, self.temperature))

        predict_blocks(
            self._ready(settings),
            source,
            looks,
            len(self.classes),
            settings,
            self._device,
            write_calibrated,
            side,
            done,
            progress,
            name,
        )

    def predict_region(
        self,
        plane: LazyPlane,
        region: Region,
        grown: Grown,
        centre: Point | None = None,
        config: PredictionConfig | None = None,
        progress: ProgressCallback = ignore_progress,
        pixel_size: PixelSize | None = None,
        figures: PlaneFigures | None = None,
    ) -> Prediction:
        """Segment a part of an image tile by tile, as `predict` would whole, and show how it grows.

        See `predict_region` in `napari_deepflash2.ensemble.region` for parameters and errors.
        """
        check_channels(plane.image.channels, self.manifest, plane.image.name)
        settings = config or self.config.prediction
        predictors = self._ready(settings)

        def run_of(measured: PlaneFigures) -> TilePredictor:
            return TilePredictor(predictors, self._looks(measured), len(self.classes), settings, self._device)

        run = RegionRun(self, run_of, self._device, plane, region, settings, pixel_size)
        return run.predict(grown, centre, figures, progress)

    def unlikeness(
        self,
        source: Source,
        figures: PlaneFigures,
        done: Collection[int] = (),
        progress: ProgressCallback = ignore_progress,
        name: str = "image",
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Compare an image of any size with the training images, strip by strip; see `Judge.unlikeness`.

        Parameters
        ----------
        source : Source
            The image, at the pixel size to predict it at.
        figures : PlaneFigures
            Of the whole image.
        done : collection of int
            Numbers of strips that are known.
        progress : callable
            Called before every tile; may raise `Cancelled`.
        name : str
            What the user calls the image.

        Yields
        ------
        int, ndarray of float32, shape (N,)
            Number and scores of each strip; nothing where the likeness is not known.
        """
        if self.judge is not None:
            yield from self.judge.unlikeness(source, self._looks(figures), done, progress, name)

    def _looks(self, figures: PlaneFigures) -> Looks:
        normalisations = {member.normalisation for member in self.members}
        return {one: one.for_figures(figures.mean, figures.std) for one in normalisations}

    def find_objects(
        self, prediction: Prediction, pixel_size: PixelSize | None = None, name: str = "image"
    ) -> ObjectMap:
        """Find the objects of one of its predictions.

        Parameters
        ----------
        prediction : Prediction
            As `predict` gives it.
        pixel_size : (float, float), optional
            Height and width of a pixel in micrometres.
        name : str
            What the user calls the image.

        Returns
        -------
        ObjectMap
            Each with its uncertainty and, where it is known and the image is like the training images, the
            overlap to be expected with a true object.
        """
        data = self.config.data
        own, size = prediction.labels.shape, data.size_of_pixels(pixel_size)
        height, width = target_shape(name, (own[0], own[1]), size, data.target_pixel_size)
        quality = None if self.judge is None else self.judge.quality.objects
        return find_objects(prediction, self.classes, size, quality, height * width / prediction.labels.size)

    def moments(
        self,
        image: FloatImage,
        look: Callable[[Normalisation], Standardisation],
        config: PredictionConfig,
        progress: ProgressCallback = ignore_progress,
        task: str = "predict",
    ) -> Moments:
        """Predict an image, or a part of one, at the size at which it is predicted.

        Parameters
        ----------
        image : ndarray of float32, shape (Y, X, C)
            Intensities as stored.
        look : callable
            How each of the members' normalisations standardises the whole image.
        config : PredictionConfig
            Tiles and views.
        progress : callable
            Called after every batch of tiles; may raise `Cancelled`.
        task : str
            Name of the task in the progress.

        Returns
        -------
        Moments
            Over members and views, calibrated.
        """
        predictors = self._ready(config)
        looks = {one.normalisation: look(one.normalisation) for one in predictors}
        run = TilePredictor(predictors, looks, len(self.classes), config, self._device)
        maps = averaged_tiles(run, image, config, self._device, progress, task)
        return calibrated(Moments.of(maps), self.temperature)

    def review(self) -> Review:
        """Load what its models say of the training images that they never saw; see `load_review`."""
        return load_review(self.folder)

    def _ready(self, config: PredictionConfig) -> tuple[Predictor, ...]:
        asked = (precision_of_prediction(config, self.members, self._device), config.compiled)
        if asked not in self._prepared:
            self._prepared[asked] = prepare(self._predictors, *asked, self._device)
        return self._prepared[asked]


def load_ensemble(folder: Path | str) -> Ensemble:
    """Load an ensemble's folder, after checking that it is what training made.

    Parameters
    ----------
    folder : path
        With ``ensemble.json`` and its members. May have been renamed or moved.

    Raises
    ------
    InputError
        Where the manifest is missing, damaged or newer than this program, or a member is missing,
        renamed, exchanged, damaged, surplus, or does not fit; lists every such member.
    """
    folder = Path(folder)
    manifest = Manifest.load(folder)
    check_members(folder, manifest)
    device = choose_device()
    predictors = tuple(load_member(folder, manifest, member, device) for member in manifest.members)
    judge = None
    if manifest.quality is not None:
        judge = Judge.of(Quality.load(folder, manifest.quality), manifest, predictors, device)
    notes = notes_on_training(folder, manifest)
    for note in notes:
        _log.warning("%s", note)
    return Ensemble(folder, manifest, notes, judge, predictors, device)


def load_member(folder: Path, manifest: Manifest, member: MemberRecord, device: torch.device) -> Predictor:
    """Load one member, ready to predict; an `InputError` where its file is damaged or does not fit."""
    from ..prediction.faster import faster

    architecture = manifest.configuration.training.architecture
    network = build_network(architecture, manifest.channels, len(manifest.classes))
    load_weights(folder / member.file, member.sha256, network)
    network = faster(network.eval(), manifest.channels, device)
    return Predictor(member.file, network.to(device), member.normalisation)


def _before_objects(where: str) -> Problem:
    return Problem(
        where,
        "not known: expected overlap of objects, which the version that made quality.json did not measure",
        "napari-deepflash2 review --ensemble DIR measures it.",
        "quality-unknown",
    )
