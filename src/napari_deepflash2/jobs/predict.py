"""From a folder of images and an ensemble to labels, uncertainty and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Configuration
from ..errors import InputError, Problem, raise_if_any
from ..progress import Progress, ProgressCallback, ignore_progress
from ..tables import write_csv, write_xlsx
from .fitting import checked_inputs
from .folders import claim_output
from .image_job import ImageJob
from .inputs import Images, Input, find_inputs
from .large_masks import LargeMask, find_large_masks
from .objects import table_of_objects
from .predicted import Predicted
from .report import REPORT, write_report
from .rows import table_of
from .targets import Target, read_targets

if TYPE_CHECKING:
    import pandas as pd

    from ..ensemble import Ensemble


@dataclass(frozen=True)
class PredictionReport:
    """What `predict_folder` did.

    Attributes
    ----------
    out : Path
        Folder with ``report.html``, ``labels/``, ``uncertainty/``, ``predictions.csv`` and
        ``predictions.xlsx``.
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
    image is kept; so a run that was interrupted goes on.

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
        in [0, 1] on one scale for all images, are written here, ``report.html``, ``predictions.csv`` and
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
        masks, where any image or mask cannot or does not. Where `out` has results of other models or
        settings.
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
    job = ImageJob(ensemble, out, config, progress)
    found: list[Predicted] = []
    for done, item in enumerate(inputs, start=1):
        try:
            found.append(job.predict(item, targets.get(item.id), masks.get(item.id)))
        except InputError as error:
            refused += error.problems
        progress(Progress("prediction", done, len(inputs)))
    if not found:
        raise InputError(dict.fromkeys(refused))
    table = table_of([row for one in found for row in one.rows])
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


def _table_of_problems(problems: Sequence[Problem]) -> pd.DataFrame:
    import pandas as pd

    columns = ["where", "found", "remedy", "code"]
    return pd.DataFrame([[getattr(one, name) for name in columns] for one in problems], columns=columns)
