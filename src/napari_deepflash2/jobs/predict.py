"""From a folder of images and an ensemble to labels, uncertainty and a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration
from ..data import ImageFile, image_id, list_images
from ..data.pixel_size import PixelSize, as_tiff_tags
from ..data.resampling import target_shape
from ..data.set_checks import in_channels
from ..data.set_reading import read_set_image
from ..errors import InputError, Problem, raise_if_any
from ..files import written_aside
from ..progress import Progress, ProgressCallback, ignore_progress
from ..tables import write_csv
from .folders import claim_output
from .targets import Target, read_targets

if TYPE_CHECKING:
    import pandas as pd

    from ..ensemble import Ensemble
    from ..prediction import Prediction


_MAPS = ("labels", "uncertainty", "entropy", "mutual_information")


@dataclass(frozen=True)
class PredictionReport:
    """What `predict_folder` did.

    Attributes
    ----------
    out : Path
        Folder with ``labels/``, ``uncertainty/`` and ``predictions.csv``.
    table : DataFrame
        One row per image, or per slice of a stack; empty cells where a figure is not known.
    notes : tuple of Problem
        What a user should know of the ensemble, the images and their predictions.
    """

    out: Path
    table: pd.DataFrame
    notes: tuple[Problem, ...]


def predict_folder(
    images_dir: Path | str,
    ensemble_dir: Path | str,
    out: Path | str,
    masks_dir: Path | str | None = None,
    config: Configuration | None = None,
    progress: ProgressCallback = ignore_progress,
) -> PredictionReport:
    """Predict every image of a folder, slice by slice where it is a stack.

    Parameters
    ----------
    images_dir, ensemble_dir : path
        Images of the kind the ensemble was trained on, and the folder of the ensemble.
    out : path
        ``labels/ID.tif`` with the class values of the training masks and ``uncertainty/ID.tif``, float32
        in [0, 1] on one scale for all images, are written here, and ``predictions.csv``;
        ``entropy/ID.tif`` and ``mutual_information/ID.tif`` likewise where the settings ask for them.
    masks_dir : path, optional
        True masks, paired by ID; the table then has the Dice of each image, over the pixels that were
        judged.
    config : Configuration, optional
        Its parts ``data`` and ``prediction`` are used; by default those the ensemble was trained with.
    progress : ProgressCallback
        Called once an image.

    Raises
    ------
    InputError
        Before anything is predicted, where files cannot be read or do not fit the ensemble; lists all.
    """
    from ..ensemble import load_ensemble

    out = claim_output(out, images_dir, ensemble_dir, masks_dir)
    ensemble = load_ensemble(ensemble_dir)
    config = config or ensemble.config
    paths = _checked_images(images_dir, ensemble, config)
    targets = read_targets(images_dir, masks_dir, ensemble.classes, config.data) if masks_dir else {}
    rows: list[dict[str, Any]] = []
    notes = list(ensemble.notes)
    for done, path in enumerate(paths, start=1):
        image = read_set_image(path, config.data)
        planes = _planes(image, ensemble.channels)
        size = _size_of_pixels(image, ensemble, config)
        predictions = [
            ensemble.predict(plane, config.prediction, name=path.name, pixel_size=size) for plane in planes
        ]
        _write_maps(out, image_id(path), image, predictions)
        rows += _rows_of(image_id(path), image, predictions, targets.get(image_id(path)))
        notes += [note for prediction in predictions for note in prediction.notes]
        progress(Progress("prediction", done, len(paths)))
    table = _table(rows)
    write_csv(table, out / "predictions.csv")
    return PredictionReport(out, table, tuple(notes))


def _checked_images(images_dir: Path | str, ensemble: Ensemble, config: Configuration) -> list[Path]:
    paths = list_images(images_dir)
    problems: list[Problem] = []
    for path in paths:
        try:
            image = read_set_image(path, config.data)
            _refuse_unknown_size(path, image, ensemble, config)
        except InputError as error:
            problems.extend(error.problems)
            continue
        channels = in_channels(image, ensemble.channels).shape[-1]
        if channels != ensemble.channels:
            problems.append(
                Problem(
                    str(path),
                    f"has {channels} channels, the ensemble was trained on {ensemble.channels}",
                    "Choose images with the channels of the training images, in the same order.",
                    "channel-mismatch",
                )
            )
    raise_if_any(problems)
    return paths


def _size_of_pixels(image: ImageFile, ensemble: Ensemble, config: Configuration) -> PixelSize | None:
    return config.data.size_of_pixels(image.pixel_size) or ensemble.config.data.size_of_pixels(None)


def _refuse_unknown_size(path: Path, image: ImageFile, ensemble: Ensemble, config: Configuration) -> None:
    y = image.axes.index("Y")
    shape = (image.data.shape[y], image.data.shape[y + 1])
    size = _size_of_pixels(image, ensemble, config)
    target_shape(str(path), shape, size, ensemble.config.data.target_pixel_size)


def _leading_shape(image: ImageFile) -> tuple[int, ...]:
    return image.data.shape[: image.axes.index("Y")]


def _planes(image: ImageFile, channels: int) -> Iterator[NDArray[Any]]:
    pixels = in_channels(image, channels)
    for index in np.ndindex(_leading_shape(image)):
        yield pixels[index]


def _write_maps(out: Path, name: str, image: ImageFile, predictions: list[Prediction]) -> None:
    shape = image.data.shape[: image.axes.index("Y") + 2]
    options = {"metadata": {"axes": image.axes.replace("C", "")}, **as_tiff_tags(image.pixel_size)}
    for kind in _MAPS:
        maps = [getattr(prediction, kind) for prediction in predictions]
        if maps[0] is not None:
            _write_tiff(out / kind / f"{name}.tif", np.stack(maps).reshape(shape), options)


def _write_tiff(path: Path, data: NDArray[Any], options: dict[str, Any]) -> None:
    import tifffile

    with written_aside(path) as aside:
        tifffile.imwrite(aside, data, compression="zlib", photometric="minisblack", **options)


def _rows_of(
    name: str, image: ImageFile, predictions: list[Prediction], target: Target | None
) -> Iterator[dict[str, Any]]:
    leading = _leading_shape(image)
    for index, prediction in zip(np.ndindex(leading), predictions, strict=True):
        low, high = prediction.expected_dice_interval or (None, None)
        row: dict[str, Any] = {
            "image": name,
            "slice": " ".join(map(str, index)),
            "score": prediction.score,
            "expected_dice": prediction.expected_dice,
            "expected_dice_low": low,
            "expected_dice_high": high,
            "ood_score": prediction.ood_score,
            "is_ood": prediction.is_ood,
        }
        yield row if target is None else row | target.dice(prediction.labels, index)


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows)
    return table.drop(columns="slice") if not table["slice"].any() else table
