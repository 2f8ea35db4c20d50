"""The maps of a prediction as TIFF files, which lie over their image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data import ImageFile
from ..data.pixel_size import as_tiff_tags
from ..data.set_checks import in_channels
from ..files import written_aside

if TYPE_CHECKING:
    from ..ensemble import Ensemble
    from ..prediction import Prediction

PROBABILITIES = "probabilities"


def wanted_maps(ensemble: Ensemble, config: PredictionConfig) -> list[str]:
    """Name the maps that are written of each image, by the attribute of `Prediction`, the labels first."""
    asked = {
        "epistemic": config.epistemic,
        PROBABILITIES: config.probabilities,
        "entropy": config.entropy,
        "mutual_information": config.entropy,
        "ood_map": ensemble.knows_likeness,
    }
    return ["labels", "uncertainty", *(kind for kind, wanted in asked.items() if wanted)]


def leading_shape(image: ImageFile) -> tuple[int, ...]:
    """Lengths of the axes of a stack beside Y, X and C; empty for a single plane."""
    return image.data.shape[: image.axes.index("Y")]


def planes_of(image: ImageFile, channels: int) -> Iterator[NDArray[Any]]:
    """Go through the planes (Y, X, C) of an image in the order of its pages."""
    pixels = in_channels(image, channels)
    for index in np.ndindex(leading_shape(image)):
        yield pixels[index]


class Maps:
    """What is written of the planes of one image.

    Parameters
    ----------
    image : ImageFile
        Gives axes and pixel size.
    classes : sequence of int
        Of the probabilities.
    """

    def __init__(self, image: ImageFile, classes: Sequence[int]) -> None:
        self._leading, self._axes = leading_shape(image), image.axes.replace("C", "")
        self._classes = list(classes)
        self._tags = as_tiff_tags(image.pixel_size)

    def write(self, path: Path, kind: str, predictions: Sequence[Prediction]) -> None:
        """Write one kind of map of all planes: values as they are, axes and pixel size in the metadata.

        Probabilities have an axis C of classes before Y, and the metadata list the value of each.
        """
        about: dict[str, Any] = {"axes": self._axes}
        if kind == PROBABILITIES:
            about = {"axes": self._axes.replace("Y", "CY"), "classes": self._classes}
        self._write(path, np.stack([getattr(prediction, kind) for prediction in predictions]), about)

    def write_objects(self, path: Path, labels: NDArray[np.int32]) -> None:
        """Write the numbers of the objects of all planes, (N, Y, X)."""
        self._write(path, labels, {"axes": self._axes})

    def _write(self, path: Path, maps: NDArray[Any], about: dict[str, Any]) -> None:
        import tifffile

        with written_aside(path) as aside:
            tifffile.imwrite(
                aside,
                maps.reshape(*self._leading, *maps.shape[1:]),
                compression="zlib",
                photometric="minisblack",
                metadata=about,
                **self._tags,
            )
