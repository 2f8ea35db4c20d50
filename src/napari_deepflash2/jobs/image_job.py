"""One image of a folder: predicted, written, drawn and recorded, unless all of that was done before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration
from ..data.lazy_image import LazyImage
from ..data.set_reading import read_set_image
from ..objects import ObjectMap
from ..progress import ProgressCallback
from .fitting import known_size
from .inputs import Input
from .large_masks import LargeMask
from .maps import Maps, leading_shape, planes_of, wanted_maps
from .objects import OBJECTS, no_objects_of_large, rows_of_objects
from .predict_large import LargePlane, predict_large
from .predicted import Predicted, Predictions
from .report_entries import worst
from .report_large import draw_large
from .report_pictures import Pictures, draw_pictures
from .rows import rows_of, rows_of_large
from .targets import Target

if TYPE_CHECKING:
    from ..ensemble import Ensemble
    from ..prediction import Prediction


class ImageJob:
    """What the images of one run have in common.

    Parameters
    ----------
    ensemble : Ensemble
        What predicts.
    out : path
        The output folder.
    config : Configuration
        How.
    progress : callable
        Called while a large image is predicted; may raise `Cancelled`.
    """

    def __init__(
        self, ensemble: Ensemble, out: Path, config: Configuration, progress: ProgressCallback
    ) -> None:
        self._ensemble, self._out, self._config, self._progress = ensemble, out, config, progress
        self._kinds = wanted_maps(ensemble, config.prediction)
        kinds = [*self._kinds, *([OBJECTS] if config.prediction.objects else ())]
        self._earlier = Predictions(out, ensemble, config, kinds)

    @property
    def pictures(self) -> Pictures:
        """For the report."""
        return self._earlier.pictures

    def predict(self, item: Input, target: Target | None, mask: LargeMask | None) -> Predicted:
        """Predict an image and write its maps, unless that was done before."""
        large = item.opened(self._config.data)
        if large is not None:
            found = predict_large(
                large, item.id, self._ensemble, self._out, self._config, self._progress, mask
            )
            rows = list(rows_of_large(item.id, found))
            self._draw_large(large, item.id, found.planes[rows.index(worst(rows))])
            unknown = [no_objects_of_large(item.id)] if self._config.prediction.objects else []
            return Predicted(rows, [*found.notes, *unknown])
        path = Path(item.path)
        earlier = self._earlier.find(item.id, path, target)
        if earlier is not None:
            return earlier
        predicted = self._predict_whole(item, target)
        self._earlier.keep(item.id, path, target, predicted)
        return predicted

    def _predict_whole(self, item: Input, target: Target | None) -> Predicted:
        image = read_set_image(item.path, self._config.data)
        size = known_size(image.pixel_size, self._ensemble, self._config)
        planes = list(planes_of(image, self._ensemble.channels))
        predictions = [
            self._ensemble.predict(plane, self._config.prediction, name=Path(item.path).name, pixel_size=size)
            for plane in planes
        ]
        maps = Maps(image, self._ensemble.classes)
        for kind in self._kinds:
            maps.write(self._out / kind / f"{item.id}.tif", kind, predictions)
        rows = list(rows_of(item.id, image, predictions, target))
        shown = rows.index(worst(rows))
        truth = None if target is None else target.labels.reshape(len(rows), *target.labels.shape[-2:])[shown]
        self._draw(item.id, planes[shown], predictions[shown], truth)
        notes = [note for prediction in predictions for note in prediction.notes]
        if not self._config.prediction.objects:
            return Predicted(rows, notes)
        name = Path(item.path).name
        objects = ObjectMap.joined([self._ensemble.find_objects(one, size, name) for one in predictions])
        maps.write_objects(self._out / OBJECTS / f"{item.id}.tif", objects.labels)
        return Predicted(rows, notes, list(rows_of_objects(item.id, leading_shape(image), objects)))

    def _draw(
        self, name: str, plane: NDArray[Any], found: Prediction, truth: NDArray[np.uint8] | None
    ) -> None:
        unlike = found.ood_map > 0 if found.is_ood and found.ood_map is not None else None
        classes = self._ensemble.classes
        pictures = draw_pictures(plane, found.labels, found.uncertainty, classes, truth, unlike)
        self.pictures.write(name, pictures)

    def _draw_large(self, image: LazyImage, name: str, plane: LargePlane) -> None:
        if self.pictures.has_later(name, self._out / "labels" / f"{name}.zarr" / "zarr.json"):
            return
        place = dict(zip(image.leading, plane.index, strict=True))
        classes, channels = self._ensemble.classes, self._config.data.channels
        pictures = draw_large(image, self._out, name, place, classes, bool(plane.is_ood), channels)
        self.pictures.write(name, pictures)
