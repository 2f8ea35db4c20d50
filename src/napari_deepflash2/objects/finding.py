"""From a prediction to its objects, and what is to be known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .traits import Floats, ObjectTraits, means_of, separate_objects

if TYPE_CHECKING:
    import pandas as pd

    from ..data.pixel_size import PixelSize
    from ..prediction import Prediction
    from .quality import ObjectQuality

COLUMNS = (
    *("label", "class", "y", "x", "top", "left", "bottom", "right", "area"),
    *("area_um2", "uncertainty", "epistemic", "expected_iou", "unlike"),
)


@dataclass(frozen=True, eq=False)
class ObjectMap:
    """Objects of an image.

    Attributes
    ----------
    labels : ndarray of int32, shape (Y, X)
        Objects numbered from 1 without a gap, background 0.
    table : pandas.DataFrame
        One row an object, in the order of the numbers; ``pandas.NA`` where something is not known.

        ``label``; ``class`` (its value in the masks); ``y`` and ``x`` (centroid, in pixels); ``top``,
        ``left``, ``bottom``, ``right`` (bounding box, the last two excluded); ``area`` (pixels) and
        ``area_um2`` (square micrometres); ``uncertainty`` and ``epistemic`` (means, in [0, 1]);
        ``expected_iou`` (overlap to be expected with the true object that it matches best, see
        `ObjectQuality`); ``unlike`` (share of its pixels that are unlike what was seen in training).
    """

    labels: NDArray[np.int32]
    table: pd.DataFrame

    @classmethod
    def joined(cls, planes: Sequence[ObjectMap]) -> ObjectMap:
        """Put planes into a stack, (N, Y, X), and number their objects on; the table tells the ``plane``."""
        import pandas as pd

        counts = [len(one.table) for one in planes]
        firsts = np.cumsum([0, *counts[:-1]])
        labels = [
            np.where(one.labels > 0, one.labels + np.int32(first), 0)
            for one, first in zip(planes, firsts, strict=True)
        ]
        # Empty ones have no types to give.
        table = pd.concat([one.table for one in planes if len(one.table)] or [planes[0].table])
        table["label"] = np.arange(1, len(table) + 1)
        table.insert(1, "plane", np.repeat(np.arange(len(planes)), counts))
        return cls(np.stack(labels).astype(np.int32), table.reset_index(drop=True))


def find_objects(
    prediction: Prediction,
    classes: Sequence[int],
    pixel_size: PixelSize | None = None,
    quality: ObjectQuality | None = None,
    pixels_in_training: float = 1.0,
) -> ObjectMap:
    """Find the objects of a prediction: the connected pieces of each class, a common corner connects.

    Objects that touch are one here.

    Parameters
    ----------
    prediction : Prediction
        Of an image, with calibrated probabilities.
    classes : sequence of int
        Values of its labels, the background first, in the order of its probabilities.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    quality : ObjectQuality, optional
        How good objects are that look like this; without it no overlap is expected, and none on an image
        that is unlike the training images.
    pixels_in_training : float
        How many pixels one of these would have been in training, where pixels were brought to one size.
    """
    winners = np.zeros(prediction.labels.shape, np.uint8)
    for index, value in enumerate(classes):
        winners[prediction.labels == value] = index
    labels = separate_objects(winners)
    traits = ObjectTraits.of(labels, winners, prediction.probabilities)
    figures: dict[str, Floats | None] = {
        "area_um2": None if pixel_size is None else traits.areas * (pixel_size[0] * pixel_size[1]),
        "uncertainty": means_of(prediction.uncertainty, labels, traits.areas),
        "epistemic": means_of(prediction.epistemic, labels, traits.areas),
        "expected_iou": _expected(quality, prediction, traits.of_size(pixels_in_training)),
        "unlike": _unlike(prediction.ood_map, labels, traits.areas),
    }
    return ObjectMap(labels, _table(labels, np.asarray(classes)[traits.classes], traits.areas, figures))


def _expected(quality: ObjectQuality | None, prediction: Prediction, traits: ObjectTraits) -> Floats | None:
    return None if quality is None or prediction.is_ood else quality.expected(traits)


def _unlike(ood_map: NDArray[np.float32] | None, labels: NDArray[np.int32], areas: Floats) -> Floats | None:
    if ood_map is None:
        return None
    return means_of(np.where(np.isnan(ood_map), np.nan, ood_map > 0), labels, areas)


def _table(
    labels: NDArray[np.int32],
    classes: NDArray[np.integer],
    areas: Floats,
    figures: dict[str, Floats | None],
) -> pd.DataFrame:
    import pandas as pd
    from scipy import ndimage

    boxes = np.array(
        [(y.start, x.start, y.stop, x.stop) for y, x in ndimage.find_objects(labels)], np.int64
    ).reshape(-1, 4)
    columns: dict[str, Any] = {"label": np.arange(1, len(areas) + 1), "class": classes}
    for axis, name in enumerate("yx"):
        columns[name] = _centroid(labels, areas, axis)
    columns |= dict(zip(("top", "left", "bottom", "right"), boxes.T, strict=True))
    columns["area"] = areas.astype(np.int64)
    for name, values in figures.items():
        columns[name] = pd.array([pd.NA] * len(areas) if values is None else values, dtype="Float64")
    return pd.DataFrame(columns, columns=COLUMNS)


def _centroid(labels: NDArray[np.int32], areas: Floats, axis: int) -> Floats:
    places = np.arange(labels.shape[axis]).reshape((-1, 1) if axis == 0 else (1, -1))
    return means_of(np.broadcast_to(places, labels.shape), labels, areas)
