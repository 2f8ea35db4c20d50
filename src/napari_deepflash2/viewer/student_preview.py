"""What is in view, predicted by the preview network of an ensemble in layers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.lazy_image import PlaneFigures, measure
from ..errors import InputError
from ..hashing import hash_of
from ..progress import Cancelled, ProgressCallback
from .growing_layers import GrowingLayers
from .placing import checksum, is_annotation
from .reading import Snapshot, snapshot_image
from .regions import Target, find_target

if TYPE_CHECKING:
    from ..ensemble import Student
    from ..ensemble.student_images import GivenImage

STUDENT = "student "
# Zoomed out further, a preview would be none.
MOST_PIXELS = 2**24
_SAMPLES = 2**10


@dataclass(frozen=True)
class Aim:
    """What a preview is to be of.

    Attributes
    ----------
    layer : napari.layers.Image
    channel_axis : int or None
        The axis that holds channels.
    level : int
        Of a multiscale layer.
    folder : path
        Of the ensemble.
    config : PredictionConfig
        Its scale and tiles count.
    channels : tuple of int or None
        Which channels to take; None for all.
    """

    layer: Image
    channel_axis: int | None
    level: int
    folder: Path
    config: PredictionConfig
    channels: tuple[int, ...] | None = None


@dataclass(frozen=True)
class View:
    """A part of an image that is seen; two that are equal show the same.

    Attributes
    ----------
    aim : Aim
    target : Target
    """

    aim: Aim
    target: Target


@dataclass
class StudentMemory:
    """What previews that follow each other need not find out again.

    Attributes
    ----------
    student : Student or None
        The network that was loaded last.
    student_of : path or None
        The ensemble that it is of.
    figures : dict
        Mean and spread of planes, by layer, level, channels and place.
    """

    student: Student | None = None
    student_of: Path | None = None
    figures: dict[tuple[Any, ...], PlaneFigures] = field(default_factory=dict)

    def forget(self) -> None:
        """Find out all again."""
        self.student, self.student_of = None, None
        self.figures.clear()

    def student_in(self, folder: Path) -> Student:
        """Give the preview network of an ensemble.

        Raises
        ------
        InputError
            Where there is none, or it is damaged or out of date.
        """
        if self.student is None or self.student_of != folder:
            from ..ensemble import load_student

            self.student, self.student_of = load_student(folder), folder
        if self.student is None:
            raise InputError.one(
                folder, "has no preview network", 'Press "Make preview network" first.', "no-student"
            )
        return self.student

    def figures_of(self, image: Snapshot, index: tuple[int, ...], progress: ProgressCallback) -> PlaneFigures:
        """Give the figures of a plane, of a coarser level where it is very large."""
        channels = (image.channel_axis, image.channels)
        key = (image.uid, image.grid.level, channels, index, _fingerprint(image.data))
        if key not in self.figures:
            plane = image.coarse_plane(index) or image.lazy_plane(index)
            self.figures[key] = measure(plane, progress, f"{image.name}: reading")
        return self.figures[key]


def find_view(viewer: ViewerModel, aim: Aim) -> tuple[View, Snapshot]:
    """Find out what of an image is in view now; it is not copied.

    Raises
    ------
    InputError
        Where nothing of it is, or too much for a preview.
    """
    image = snapshot_image(aim.layer, aim.channel_axis, aim.level, False, aim.channels)
    target = find_target(viewer, "visible region", aim.layer, image)
    height, width = target.region.shape
    if height * width > MOST_PIXELS:
        raise InputError.one(
            f'layer "{image.name}"',
            f"shows {height * width / 1e6:.0f} million pixels, too many for a preview",
            "Zoom in.",
            "too-much-in-view",
        )
    return View(aim, target), image


def preview_view(
    view: View, image: Snapshot, growing: GrowingLayers, memory: StudentMemory, progress: ProgressCallback
) -> Student:
    """Predict what is in view; a job for a worker.

    Where it is cancelled, what was predicted so far stays.

    Parameters
    ----------
    view, image : View, Snapshot
        As `find_view` gives them.
    growing : GrowingLayers
        With the prefix `STUDENT`; is given what is known as soon as it is.
    memory : StudentMemory
        Of the previews before.
    progress : callable
        Called after every batch of tiles; may raise `Cancelled`.

    Returns
    -------
    Student
        What has predicted.

    Raises
    ------
    InputError
        As `StudentMemory.student_in`, and where the image does not fit.
    """
    student, (index,) = memory.student_in(view.aim.folder), view.target.indices
    growing.begin(student.classes, _key(student, view.aim.config, image), knows_likeness=False)
    figures = memory.figures_of(image, index, progress) if student.normalises_by_image else None
    try:
        found = student.predict_region(
            image.lazy_plane(index),
            view.target.region,
            partial(growing.take, index),
            view.target.centre,
            view.aim.config,
            progress,
            image.grid.pixel_size,
            figures,
        )
        growing.finish(index, found)
    except Cancelled:
        growing.interrupt(index)
        raise
    finally:
        growing.seal()
    return student


def images_to_learn_from(viewer: ViewerModel, aim: Aim | None, channels: int) -> list[Snapshot]:
    """Take the user's Image layers that have the channels of an ensemble; they are not copied.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    aim : Aim or None
        Says of one of them where its channels are, and which to take.
    channels : int
        Of the ensemble's images.

    Raises
    ------
    InputError
        Where there is none.
    """
    layers = [layer for layer in viewer.layers if isinstance(layer, Image) and is_annotation(layer)]
    chosen, axis, taken = (None, None, None) if aim is None else (aim.layer, aim.channel_axis, aim.channels)
    found = [
        snapshot_image(layer, axis, is_copied=False, channels=taken)
        if layer is chosen
        else snapshot_image(layer, is_copied=False)
        for layer in layers
        if layer.ndim - (layer is chosen and axis is not None) >= 2
    ]
    fitting = [one for one in found if one.n_channels == channels]
    if not fitting:
        raise InputError.one(
            "layers",
            f"no Image layer has the channels of the ensemble ({channels})",
            "Open an image of the kind to be predicted, or choose a folder of images.",
            "no-images",
        )
    return fitting


def as_given(images: Sequence[Snapshot]) -> list[GivenImage]:
    """Give the planes of layers as `distil_student` takes them."""
    from ..ensemble.student_images import GivenImage

    return [
        GivenImage(
            f'layer "{one.name}"' + (f" at {index}" if index else ""),
            one.uid,
            one.grid.pixel_size,
            partial(one.plane, index),
        )
        for one in images
        for index in np.ndindex(one.grid.shape[:-2])
    ]


def _key(student: Student, config: PredictionConfig, image: Snapshot) -> str:
    """Hash all that results depend on which belong together."""
    depends_on = {
        "student": student.card.sha256,
        "prediction": config.model_dump(mode="json"),
        "grid": [image.grid.level, image.grid.shape, image.grid.pixel_size],
        "channels": [image.channel_axis, image.channels_last, image.channels],
        "image": _fingerprint(image.data),
    }
    return hash_of(depends_on)


def _fingerprint(data: Any) -> int | str:
    """Tell images apart by some of their pixels, which is enough for a preview."""
    if not isinstance(data, np.ndarray):
        return f"{getattr(data, 'name', '')} {data}"
    thinned: NDArray[Any] = data[tuple(slice(None, None, -(-length // _SAMPLES)) for length in data.shape)]
    return checksum(thinned)
