"""From a folder of images and an ensemble to labels, uncertainty and a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import Configuration
from ..data import ImageFile
from ..data.set_reading import read_set_image
from ..errors import InputError, Problem, raise_if_any
from ..objects import ObjectMap
from ..progress import Progress, ProgressCallback, ignore_progress
from ..tables import write_csv, write_xlsx
from .fitting import checked_inputs, known_size
from .folders import claim_output
from .inputs import Images, Input, find_inputs
from .large_masks import LargeMask, find_large_masks
from .maps import Maps, leading_shape, planes_of, wanted_maps
from .objects import OBJECTS, no_objects_of_large, rows_of_objects, table_of_objects
from .predict_large import LargePrediction, predict_large
from .predicted import Predicted, Predictions
from .report import REPORT, write_report
from .report_entries import worst
from .report_pictures import Pictures, draw_pictures
from .targets import Target, read_targets

if TYPE_CHECKING:
    import pandas as pd

    from ..ensemble import Ensemble
    from ..prediction import Prediction


_NOT_ALWAYS_KNOWN = ("expected_dice", "expected_dice_low", "expected_dice_high", "ood_score", "is_ood")


@dataclass(frozen=True)
class PredictionReport:
    """What `predict_folder` did.

    Attributes
    ----------
    out : Path
        Folder with ``labels/``, ``uncertainty/``, ``predictions.csv`` and ``predictions.xlsx``.
    table : DataFrame
        One row per image, or per slice of a stack; empty cells where a figure is not known.
    notes : tuple of Problem
        What a user should know of the ensemble, the images and their predictions.
    refused : tuple of Problem
        Images that could not be predicted, and why.
    objects : DataFrame or None
        One row an object, see `ObjectMap`, with the columns ``image`` and, of stacks, ``slice`` in front;
        None where the settings do not ask for them.
    """

    out: Path
    table: pd.DataFrame
    notes: tuple[Problem, ...]
    refused: tuple[Problem, ...] = ()
    objects: pd.DataFrame | None = None

    @property
    def sheets(self) -> dict[str, pd.DataFrame]:
        """The tables of ``predictions.xlsx``: ``predictions``, ``notes`` and ``refused``."""
        return {
            "predictions": self.table,
            "notes": _table_of_problems(self.notes),
            "refused": _table_of_problems(self.refused),
        }


def predict_folder(
    images: Images,
    ensemble_dir: Path | str,
    out: Path | str,
    masks_dir: Path | str | None = None,
    config: Configuration | None = None,
    progress: ProgressCallback = ignore_progress,
) -> PredictionReport:
    """Predict every image of a folder or list, slice by slice where it is a stack.

    Images that cannot be read or do not fit are passed over. What an earlier run has predicted of the same
    image, with the same ensemble and settings, is kept; so a run that was interrupted goes on.

    OME-Zarr images, and TIFF files whose planes have more than 8192 x 8192 pixels, are predicted block by
    block into ``labels/ID.zarr`` and ``uncertainty/ID.zarr``, and gone on with at the block that was reached.

    Parameters
    ----------
    images : path, str, or sequence of these
        A folder of images of the kind the ensemble was trained on, single ones, or a list of them in a file;
        see `find_inputs`.
    ensemble_dir : path
        The ensemble.
    out : path
        ``labels/ID.tif`` with the class values of the training masks and ``uncertainty/ID.tif``, float32
        in [0, 1] on one scale for all images, are written here, ``predictions.csv`` and
        ``predictions.xlsx``; further maps where the settings ask for them (see `jobs.maps`), and
        ``ood_map/ID.tif`` where the ensemble knows what its training images look like. Objects, where they
        are asked for, go to ``objects/ID.tif``, numbered in int32, and ``objects.csv``.
    masks_dir : path, optional
        True masks, paired by ID; the table then has Dice, IoU and average precision of each image, over the
        pixels that were judged. With them no image is passed over: scores are of all or of none.
    config : Configuration, optional
        Its parts ``data`` and ``prediction`` are used; by default those the ensemble was trained with.
    progress : ProgressCallback
        Called once an image.

    Raises
    ------
    InputError
        Before anything is predicted, where no image can be read and fits the ensemble; lists all. With
        masks, where any image or mask cannot or does not.
    """
    from ..ensemble import load_ensemble

    given, missing = find_inputs(images)
    out = claim_output(out, *_sources(images), ensemble_dir, masks_dir)
    ensemble = load_ensemble(ensemble_dir)
    config = config or ensemble.config
    inputs, refused = checked_inputs(given, ensemble, config)
    refused = [*missing, *refused]
    if masks_dir or not inputs:
        raise_if_any(refused)
    targets = _targets(inputs, masks_dir, ensemble, config) if masks_dir else {}
    masks = _large_masks(inputs, masks_dir, ensemble, config) if masks_dir else {}
    job = _Job(ensemble, out, config, progress)
    found: list[Predicted] = []
    for done, item in enumerate(inputs, start=1):
        try:
            found.append(job.predict(item, targets.get(item.id), masks.get(item.id)))
        except InputError as error:
            refused += error.problems
        progress(Progress("prediction", done, len(inputs)))
    if not found:
        raise InputError(dict.fromkeys(refused))
    table = _table([row for one in found for row in one.rows])
    notes = [*ensemble.notes, *ensemble.unknown, *(note for one in found for note in one.notes)]
    objects = None
    if config.prediction.objects:
        objects = table_of_objects([row for one in found for row in one.objects])
        write_csv(objects, out / "objects.csv")
    report = PredictionReport(out, table, tuple(notes), tuple(refused), objects)
    write_csv(table, out / "predictions.csv")
    write_xlsx(report.sheets, out / "predictions.xlsx")
    write_report(out / REPORT, found, table, refused, ensemble, config, job.pictures)
    return report


class _Job:
    """What the images of one run have in common."""

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
            unknown = [no_objects_of_large(item.id)] if self._config.prediction.objects else []
            return Predicted(list(_rows_of_large(item.id, found)), [*found.notes, *unknown])
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
        rows = list(_rows_of(item.id, image, predictions, target))
        shown = rows.index(worst(rows))
        truth = None if target is None else target.labels.reshape(len(rows), *target.labels.shape[-2:])[shown]
        pictures = draw_pictures(planes[shown], predictions[shown], self._ensemble.classes, truth)
        self.pictures.write(item.id, pictures)
        notes = [note for prediction in predictions for note in prediction.notes]
        if not self._config.prediction.objects:
            return Predicted(rows, notes)
        name = Path(item.path).name
        objects = ObjectMap.joined([self._ensemble.find_objects(one, size, name) for one in predictions])
        maps.write_objects(self._out / OBJECTS / f"{item.id}.tif", objects.labels)
        return Predicted(rows, notes, list(rows_of_objects(item.id, leading_shape(image), objects)))


def _sources(images: Images) -> list[Path | str]:
    return [images] if isinstance(images, str | Path) else list(images)


def _targets(
    inputs: Sequence[Input], masks_dir: Path | str, ensemble: Ensemble, config: Configuration
) -> dict[str, Target]:
    whole = [Path(item.path) for item in inputs if item.opened(config.data) is None]
    return read_targets(whole, masks_dir, ensemble.classes, config.data) if whole else {}


def _large_masks(
    inputs: Sequence[Input], masks_dir: Path | str, ensemble: Ensemble, config: Configuration
) -> dict[str, LargeMask]:
    opened = {item.id: item.opened(config.data) for item in inputs}
    large = {name: image for name, image in opened.items() if image is not None}
    return find_large_masks(large, masks_dir, ensemble.classes, config.data) if large else {}


def _rows_of(
    name: str, image: ImageFile, predictions: list[Prediction], target: Target | None
) -> Iterator[dict[str, Any]]:
    leading = leading_shape(image)
    for index, prediction in zip(np.ndindex(leading), predictions, strict=True):
        row = _row(name, index, prediction.score) | {
            "expected_dice": prediction.expected_dice,
            "ood_score": prediction.ood_score,
            "is_ood": prediction.is_ood,
        }
        if prediction.expected_dice_interval:
            row["expected_dice_low"], row["expected_dice_high"] = prediction.expected_dice_interval
        yield row if target is None else row | target.scores(prediction.labels, index)


def _rows_of_large(name: str, found: LargePrediction) -> Iterator[dict[str, Any]]:
    for plane in found.planes:
        row = _row(name, plane.index, plane.score) | {
            "expected_dice": plane.expected_dice,
            "ood_score": plane.ood_score,
            "is_ood": plane.is_ood,
        }
        if plane.expected_dice_interval:
            row["expected_dice_low"], row["expected_dice_high"] = plane.expected_dice_interval
        yield row | plane.scores


def _row(name: str, index: tuple[int, ...], score: float) -> dict[str, Any]:
    known = {"image": name, "slice": " ".join(map(str, index)), "score": score}
    return known | dict.fromkeys(_NOT_ALWAYS_KNOWN)


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows)
    return table.drop(columns="slice") if not table["slice"].any() else table


def _table_of_problems(problems: Sequence[Problem]) -> pd.DataFrame:
    import pandas as pd

    columns = ["where", "found", "remedy", "code"]
    return pd.DataFrame([[getattr(one, name) for name in columns] for one in problems], columns=columns)
