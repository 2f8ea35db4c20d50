"""A preview network: one small network that was distilled from an ensemble."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from ..config import Configuration, PredictionConfig
from ..data.lazy_image import LazyPlane, PlaneFigures
from ..data.normalisation import Normalisation
from ..data.pixel_size import PixelSize
from ..errors import Problem
from ..prediction import Prediction, Predictor, prepare
from ..prediction.canvas import Region
from ..prediction.growing import Point
from ..progress import ProgressCallback, ignore_progress
from .device import best_precision, choose_device
from .manifest import Manifest
from .networks import build_network
from .quality import Quality
from .region import Grown, RegionRun
from .seen import SeenImage, check_channels
from .student_files import FOLDER, StudentCard, has_card, read_card
from .student_network import StudentTiles, student_moments, tiles_of_preview
from .weights import load_weights

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ..prediction.preparing import Precision


@dataclass(frozen=True, eq=False)
class Student:
    """One network that says in one pass about what an ensemble says in many.

    Attributes
    ----------
    card : StudentCard
        What it was made of, and how near it comes to the ensemble.
    manifest : Manifest
        Of the ensemble.
    """

    card: StudentCard
    manifest: Manifest
    _network: nn.Module
    _device: torch.device

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, card: StudentCard, device: torch.device) -> Student:
        """Load the weights that a card names.

        Parameters
        ----------
        folder, manifest : path, Manifest
            Of the ensemble.
        card : StudentCard
            As `read_card` gives it.
        device : torch.device
            Where to compute.

        Raises
        ------
        InputError
            Where they are missing, damaged or do not fit.
        """
        network = build_student(card.architecture, card.channels, len(card.classes))
        load_weights(folder / FOLDER / card.weights, card.sha256, network)
        safe = card.bfloat16 is not None and card.bfloat16.is_safe and best_precision(device) == "bfloat16"
        network = ready(network.eval(), card.normalisation, device, reduced=safe)
        return cls(card, manifest, network, device)

    @property
    def note(self) -> str:
        """What has to be said with everything that it predicts."""
        fidelity, members = self.card.fidelity, len(self.card.members)
        return (
            f"is a preview by one network distilled from {members} model{'s' * (members != 1)}, not the "
            f"ensemble: the same class on {fidelity.agreement:.1%} of the pixels, Dice {fidelity.dice:.3f} "
            f"with the ensemble on {fidelity.images} image{'s' * (fidelity.images != 1)} that it did not "
            "learn from"
        )

    @property
    def config(self) -> Configuration:
        """The settings that the ensemble was trained with."""
        return self.manifest.configuration

    @property
    def classes(self) -> tuple[int, ...]:
        """Values of the masks that the ensemble was trained on, the background first."""
        return self.card.classes

    @property
    def temperature(self) -> float:
        """None is left to apply: it learned probabilities that are calibrated."""
        return 1.0

    @property
    def judge(self) -> None:
        """Nothing is known of the quality of single predictions."""
        return None

    @property
    def normalises_by_image(self) -> bool:
        """Whether images are standardised by their own mean and spread, so that all of one has to be read."""
        return self.card.normalisation.kind == "image"

    @property
    def figures(self) -> dict[str, float | None]:
        """How near it comes to the ensemble on images that it did not learn from; None is not known."""
        fidelity = self.card.fidelity
        return {
            "same class as the ensemble, share of pixels": fidelity.agreement,
            "Dice with the ensemble": fidelity.dice,
            "correlation of the uncertainty": fidelity.uncertainty,
            "correlation of its epistemic part": fidelity.epistemic,
        }

    def predict(
        self,
        image: ArrayLike,
        config: PredictionConfig | None = None,
        progress: ProgressCallback = ignore_progress,
        name: str = "image",
        pixel_size: PixelSize | None = None,
    ) -> Prediction:
        """Segment an image for a first look: one network, one view.

        Parameters
        ----------
        image : array_like, shape (Y, X) or (Y, X, C)
            Integer or float intensities, as in training.
        config : PredictionConfig, optional
            Of which scale, size of tiles, batches and blending count; those stored with the ensemble where
            not given.
        progress : callable
            Called after every batch of tiles; may raise `Cancelled`.
        name : str
            What the user calls the image.
        pixel_size : (float, float), optional
            Height and width of a pixel in micrometres, as for `Ensemble.predict`.

        Returns
        -------
        Prediction
            With labels, probabilities, uncertainty and its epistemic part as the ensemble's are likely to
            be; what else an ensemble knows is None. A note of the code ``student`` says so.

        Raises
        ------
        InputError
            Where the image cannot be used or has other channels than the training images, or its pixel size
            is needed and not known.
        """
        settings = config or self.manifest.configuration.prediction
        seen = SeenImage.of(image, name, self.manifest, settings, pixel_size)
        look = self.card.normalisation.for_image(seen.image)
        moments = student_moments(
            self._network, seen.image, look, len(self.card.classes), settings, self._device, progress, name
        )
        notes = (_marked(name, self.note), *seen.notes)
        return Prediction.from_moments(moments.resized(seen.shape), self.card.classes, name, notes)

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
        """Segment a part of an image tile by tile, for a first look; parameters as `Ensemble.predict_region`.

        Returns
        -------
        Prediction
            As that of `predict`.
        """
        check_channels(plane.image.channels, self.manifest, plane.image.name)
        settings = tiles_of_preview(config or self.config.prediction)

        def run_of(measured: PlaneFigures) -> StudentTiles:
            look = self.card.normalisation.for_figures(measured.mean, measured.std)
            return StudentTiles(self._network, look, len(self.classes), self._device)

        run = RegionRun(self, run_of, self._device, plane, region, settings, pixel_size)
        found = run.predict(grown, centre, figures, progress)
        return replace(found, notes=(_marked(plane.image.name, self.note), *found.notes))


def load_student(folder: Path | str) -> Student | None:
    """Load an ensemble's preview network without its models; None where there is none.

    Parameters
    ----------
    folder : path
        The ensemble's.

    Raises
    ------
    InputError
        Where there is no ensemble, and as `Ensemble.student`.
    """
    folder = Path(folder)
    manifest = Manifest.load(folder)
    card = find_card(folder, manifest)
    return None if card is None else Student.load(folder, manifest, card, choose_device())


def find_card(folder: Path, manifest: Manifest) -> StudentCard | None:
    """Read what is known of an ensemble's preview network; None where there is none, see `read_card`."""
    if not has_card(folder):
        return None
    temperature = 1.0
    if manifest.quality is not None:
        temperature = Quality.load(folder, manifest.quality).card.temperature
    return read_card(folder, manifest, temperature)


def build_student(architecture: str, channels: int, n_classes: int, *seed: int) -> nn.Module:
    """Build the network: one output a class, and one for the share of disagreement."""
    return build_network(architecture, channels, n_classes + 1, *seed)


def ready(network: nn.Module, normalisation: Normalisation, device: torch.device, reduced: bool) -> nn.Module:
    """Make a network in evaluation mode fast, in bfloat16 where it shall be `reduced`."""
    from ..prediction.faster import faster

    network = faster(network, normalisation.channels, device).to(device)
    precision: Precision = "bfloat16" if reduced else "float32"
    predictor = Predictor("preview network", network, normalisation)
    return prepare([predictor], precision, compiled=False, device=device)[0].network


def _marked(name: str, note: str) -> Problem:
    return Problem(name, note, "Predict with the ensemble before you believe or measure anything.", "student")
