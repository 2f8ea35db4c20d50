"""The objects of a prediction as a Labels layer: features, colours by what is known, and the way to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap, ensure_colormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray

from ..prediction.canvas import Region
from ..progress import Progress, ProgressCallback
from .adjudication import SMALLEST_VIEW, look_at
from .colours import OTHER_COLOUR, class_colormap
from .frames import Frame, Maps
from .placing import Output, place
from .reading import Snapshot

if TYPE_CHECKING:
    import pandas as pd

    from ..ensemble import Ensemble
    from ..objects import ObjectMap
    from ..prediction import Prediction
    from .predicting import LayerPrediction

OBJECTS, CLASS = "objects", "class"
# Each is in [0, 1] on one scale for all images, and 1 is what to look at first.
COLOURINGS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "uncertainty": lambda table: table["uncertainty"],
    "expected overlap": lambda table: 1 - table["expected_iou"],
    "unlike the training": lambda table: table["unlike"],
}
_COLOURMAP = "plasma"
# napari looks colours up by 16 bits at most; where there are more objects they keep the colours it gives.
_MOST_COLOURS = 2**16


@dataclass(frozen=True, eq=False)
class LayerObjects:
    """Objects of all that is known of an image.

    Attributes
    ----------
    image : Snapshot
        What was predicted.
    classes : tuple of int
        Values of the classes, the background first.
    labels : ndarray of uint16 or int32
        Numbers from 1, in the shape of the layer; repeated along an axis of channels.
    spatial : dict
        Keyword arguments that lay them over the image.
    low : tuple of int
        First pixel of the labels on the grid of the image, which has no channels.
    table : pandas.DataFrame
        As of `ObjectMap`, with ``plane`` where the image has several; places are those in the image.
    indices : ndarray of int, shape (N, axes before Y and X)
        Plane of each object.
    """

    image: Snapshot
    classes: tuple[int, ...]
    labels: NDArray[np.integer]
    spatial: dict[str, Any]
    low: tuple[int, ...]
    table: pd.DataFrame
    indices: NDArray[np.intp]

    def corners(self, number: int) -> NDArray[np.float64]:
        """First and last pixel of the bounding box of a row of the table, in the layer (2, axes)."""
        row = self.table.iloc[number]
        ends = ((row["top"], row["left"]), (row["bottom"] - 1, row["right"] - 1))
        return np.array([(*self.indices[number], *end) for end in ends], float) - self.low


def find_layer_objects(
    prediction: LayerPrediction, ensemble: Ensemble, progress: ProgressCallback
) -> LayerObjects:
    """Find the objects of all that is predicted of an image, in one run or several; for a worker.

    Parameters
    ----------
    prediction : LayerPrediction
        With probabilities.
    ensemble : Ensemble
        What predicted it.
    progress : callable
        Called before each plane; may raise `Cancelled`.
    """
    from ..objects import ObjectMap

    image, frame = prediction.image, prediction.frame
    planes = list(np.ndindex(frame.shape[:-2]))
    found = []
    for number, plane in enumerate(planes):
        progress(Progress("finding objects", number, len(planes)))
        one = ensemble.find_objects(_prediction_of(prediction, plane), image.grid.pixel_size, image.name)
        found.append(_expected_where_known(one, prediction, plane))
    objects = ObjectMap.joined(found)
    indices = np.array(planes, np.intp).reshape(len(planes), -1) + np.array(frame.low[:-2], np.intp)
    maps = _laid_over(image, frame, objects, indices)
    of_objects = indices[objects.table["plane"]]
    table = _in_image(objects.table, frame.low, of_objects)
    labels = maps.arrays[OBJECTS]
    return LayerObjects(image, prediction.classes, labels, maps.spatial, frame.low, table, of_objects)


def show_objects(viewer: ViewerModel, objects: LayerObjects, by: str) -> Labels:
    """Show objects, in the layer of an earlier run where it is there; see `colour_objects`."""
    appearance = {"opacity": 0.7, "features": _features(objects.table)}
    output = Output("labels", OBJECTS, f"{objects.image.name} objects", objects.labels, appearance)
    layer = place(viewer, output, (objects.image.uid,), objects.spatial)
    layer.features = appearance["features"]
    colour_objects(layer, objects, by)
    return layer


def colour_objects(layer: Labels, objects: LayerObjects, by: str) -> None:
    """Colour objects by their class, or by one of `COLOURINGS`: bright is what to look at first."""
    if len(objects.table) < _MOST_COLOURS:
        # Asked for one colour after the other, napari would take a second for ten thousand.
        layer.colormap = CyclicLabelColormap(colors=_colours(objects, by), name=OBJECTS)


def go_to_object(viewer: ViewerModel, layer: Labels, objects: LayerObjects, number: int) -> None:
    """Bring the object of a row of the table into view, and select its label."""
    corners = objects.corners(number)
    if layer.ndim > corners.shape[1]:
        # Channels stay as they are.
        axis = objects.image.channel_axis or 0
        now = layer.world_to_data(viewer.dims.point[-layer.ndim :])[axis]
        corners = np.insert(corners, axis, now, axis=1)
    world = np.array([layer.data_to_world(corner) for corner in corners])
    look_at(viewer, world, float(np.abs(layer.scale[-2:]).max()) * SMALLEST_VIEW)
    layer.selected_label = int(objects.table["label"].iloc[number])


def _prediction_of(prediction: LayerPrediction, plane: tuple[int, ...]) -> Prediction:
    """Take a plane for a prediction of its own; what is not known there is background."""
    from ..prediction import Prediction

    assert prediction.probabilities is not None, "asked for with the objects"
    foreground = np.stack([one[plane] for one in prediction.probabilities])
    uncertainty = prediction.uncertainty[plane]
    unknown = np.full_like(uncertainty, np.nan)
    return Prediction(
        labels=prediction.labels[plane],
        probabilities=np.concatenate([1 - foreground.sum(0, keepdims=True), foreground]),
        uncertainty=uncertainty,
        epistemic=unknown if prediction.epistemic is None else prediction.epistemic[plane],
        score=0.0,
        ood_map=None if prediction.ood_map is None else prediction.ood_map[plane],
    )


def _expected_where_known(one: ObjectMap, prediction: LayerPrediction, plane: tuple[int, ...]) -> ObjectMap:
    """Expect nothing in regions that are unlike the training images, or were not predicted whole."""
    import pandas as pd

    index = tuple(low + i for low, i in zip(prediction.frame.low, plane, strict=False))
    for figures in prediction.planes:
        if figures.index == index and (figures.is_ood or not figures.is_complete):
            inside = np.unique(one.labels[prediction.where(figures)[-2:]])
            one.table.loc[one.table["label"].isin(inside), "expected_iou"] = pd.NA
    return one


def _laid_over(image: Snapshot, frame: Frame, objects: ObjectMap, indices: NDArray[np.intp]) -> Maps:
    """Bring numbers of all planes of a frame into the shape of a layer."""
    (top, left), (bottom, right) = frame.low[-2:], frame.high[-2:]
    maps = Maps(image, frame, {})
    # napari draws 16 bits as they are, and casts more of them whenever anything changes.
    dtype = np.uint16 if len(objects.table) < _MOST_COLOURS else np.int32
    maps.add(OBJECTS, dtype)
    for index, labels in zip(indices.tolist(), objects.labels, strict=True):
        maps.write(OBJECTS, tuple(index), Region(top, bottom, left, right), labels.astype(dtype))
    return maps


def _in_image(table: pd.DataFrame, low: tuple[int, ...], indices: NDArray[np.intp]) -> pd.DataFrame:
    """Count places from the first pixel of the image, and say of planes where they are in it."""
    for columns, first in ((["y", "top", "bottom"], low[-2]), (["x", "left", "right"], low[-1])):
        table[columns] += first
    if len(low) == 2:
        return table.drop(columns="plane")
    single = indices.shape[1] == 1
    return table.assign(plane=indices[:, 0] if single else [" ".join(map(str, one)) for one in indices])


def _features(table: pd.DataFrame) -> pd.DataFrame:
    """Give the table as napari reads it: the label called index, numbers that may be no number."""
    numbers = dict.fromkeys(table.columns[table.dtypes == "Float64"], np.float64)
    return table.rename(columns={"label": "index"}).astype(numbers)


def _colours(objects: LayerObjects, by: str) -> NDArray[np.float32]:
    """Colour of each number, (N + 1, 4), that of the background first."""
    if by == CLASS:
        classes, which = np.unique(objects.table["class"].to_numpy(np.int64), return_inverse=True)
        known = class_colormap(objects.classes).color_dict
        colours = np.array([known[int(value)] for value in classes]).reshape(-1, 4)[which]
    else:
        values = COLOURINGS[by](objects.table).to_numpy(np.float64, na_value=np.nan)
        colours = ensure_colormap(_COLOURMAP).map(np.nan_to_num(values))
        colours[np.isnan(values)] = transform_color(OTHER_COLOUR)[0]
    # One more, as napari takes no single colour.
    return np.vstack([np.zeros((1, 4)), colours.reshape(-1, 4), np.zeros((1, 4))]).astype(np.float32)
