"""Predicting an Image layer with an ensemble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from ..config import Configuration
from ..errors import InputError, Problem
from ..progress import Progress, ProgressCallback
from .colours import class_colormap
from .placing import Output, place
from .reading import Snapshot

if TYPE_CHECKING:
    from ..ensemble import Ensemble
    from ..prediction import Prediction


@dataclass(frozen=True)
class Figures:
    """What is known of the prediction of one plane.

    Attributes
    ----------
    score : float
        Mean uncertainty over the foreground.
    expected_dice : float or None
        None where it is not known.
    expected_dice_interval : (float, float) or None
        Likewise.
    is_ood : bool or None
        Whether the image is unlike the training images.
    """

    score: float
    expected_dice: float | None
    expected_dice_interval: tuple[float, float] | None
    is_ood: bool | None


@dataclass(frozen=True)
class LayerPrediction:
    """Prediction of a whole layer, plane by plane.

    Attributes
    ----------
    image : Snapshot
        What was predicted.
    labels, uncertainty : array
        Shape of the image's grid.
    classes : tuple of int
        Values that `labels` may hold.
    planes : tuple of Figures
        In the order of the planes.
    notes : tuple of Problem
        What to know about it, each once.
    """

    image: Snapshot
    labels: NDArray[np.integer]
    classes: tuple[int, ...]
    uncertainty: NDArray[np.float32]
    planes: tuple[Figures, ...]
    notes: tuple[Problem, ...]


def predict_layer(
    image: Snapshot, folder: Path, config: Configuration, progress: ProgressCallback
) -> LayerPrediction:
    """Predict every plane of an image; a job for a worker.

    Raises
    ------
    InputError
        Where the ensemble is damaged or the image does not fit it.
    """
    ensemble = _loaded(folder)
    total = int(np.prod(image.grid.shape[:-2], dtype=int))
    found = [
        ensemble.predict(
            plane,
            config.prediction,
            _within(progress, number, total),
            _name(image, index),
            pixel_size=image.grid.pixel_size,
        )
        for number, (index, plane) in enumerate(image.planes())
    ]
    return _joined(image, found, ensemble)


def show_prediction(viewer: ViewerModel, prediction: LayerPrediction) -> tuple[Layer, Layer]:
    """Place the labels and the uncertainty; give both layers."""
    name = prediction.image.name
    uncertainty = Output(
        "image",
        "uncertainty",
        f"{name} uncertainty (0 to 1)",
        prediction.uncertainty,
        {"colormap": "inferno", "contrast_limits": (0, 1), "opacity": 0.8, "blending": "additive"},
    )
    appearance = {"opacity": 0.5, "colormap": class_colormap(prediction.classes)}
    labels = Output("labels", "prediction", f"{name} prediction", prediction.labels, appearance)
    below = _place(viewer, uncertainty, prediction.image)
    return _place(viewer, labels, prediction.image), below


def _loaded(folder: Path) -> Ensemble:
    try:
        from ..ensemble import load_ensemble

        return load_ensemble(folder)
    except ImportError as error:
        # A torch that does not load beside Qt (on Windows the order matters) is the machine's fault.
        raise InputError.one(
            "PyTorch",
            f"cannot be loaded here ({error})",
            "Predict by command line (napari-deepflash2 predict), or install PyTorch again.",
            "no-torch",
        ) from error


def _name(image: Snapshot, index: tuple[int, ...]) -> str:
    return f'layer "{image.name}"' + (f" at {index}" if index else "")


def _within(progress: ProgressCallback, number: int, total: int) -> Callable[[Progress], None]:
    if total == 1:
        return progress
    return lambda step: progress(
        Progress(f"plane {number + 1} of {total}, {step.task}", step.done, step.total, step.values)
    )


def _joined(image: Snapshot, found: list[Prediction], ensemble: Ensemble) -> LayerPrediction:
    shape = image.grid.shape
    return LayerPrediction(
        image,
        np.stack([one.labels for one in found]).reshape(shape),
        ensemble.classes,
        np.stack([one.uncertainty for one in found]).reshape(shape),
        tuple(Figures(one.score, one.expected_dice, one.expected_dice_interval, one.is_ood) for one in found),
        tuple(dict.fromkeys([*(note for one in found for note in one.notes), *ensemble.unknown])),
    )


def _place(viewer: ViewerModel, output: Output, image: Snapshot) -> Layer:
    data, spatial = image.laid_over(output.data)
    laid: Any = Output(output.kind, output.role, output.name, data, output.appearance)
    return place(viewer, laid, (image.uid,), spatial)
