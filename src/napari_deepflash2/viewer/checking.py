"""The data check of what the training dock holds, before anything is trained."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration
from ..errors import InputError, Problem
from ..progress import Progress, ProgressCallback
from .file_words import FileWords
from .training_data import DataOnDisk, Taken, data_on_disk

if TYPE_CHECKING:
    import pandas as pd

    from ..data import DataCheck

PICTURE_SIDE = 160


@dataclass(frozen=True)
class CheckedData:
    """What the data check found.

    Attributes
    ----------
    problems : tuple of Problem
        What has to be mended before anything can be trained.
    notes : tuple of Problem
        What is worth a look.
    findings : tuple of tuple of str
        Of each pair.
    split : tuple of tuple of str
        The images that are held out, of each fold; empty where nothing can be trained.
    table : DataFrame or None
        One row an image, with its name as ``id``, and otherwise as the data check gives it.
    pictures : tuple of array of uint8, each (Y, X, 3)
        One an image, with the outlines of its mask, as the rows of the table.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    findings: tuple[tuple[str, ...], ...]
    split: tuple[tuple[str, ...], ...] = ()
    table: pd.DataFrame | None = None
    pictures: tuple[NDArray[np.uint8], ...] = ()


def check_pairs(taken: Sequence[Taken], config: Configuration, progress: ProgressCallback) -> CheckedData:
    """Check what the pairs hold just as training would read it; a job for a worker.

    Raises
    ------
    InputError
        Where there is no room to write the layers for the check.
    """
    with tempfile.TemporaryDirectory(prefix="napari-deepflash2-") as folder:
        try:
            data = data_on_disk(taken, Path(folder), progress)
        except OSError as error:
            raise InputError.one(
                folder,
                f"the layers cannot be written there for the check ({error.strerror})",
                "Make room on that disk, or set TMPDIR to a folder on another one before napari starts.",
                "no-room-to-check",
            ) from error
        progress(Progress("checking", 0, 1))
        return _checked(data, taken, config, Path(folder))


def _checked(data: DataOnDisk, taken: Sequence[Taken], config: Configuration, folder: Path) -> CheckedData:
    from ..jobs.check import check_folders, pictures_of

    words = FileWords(taken, folder)
    try:
        found = check_folders(
            data.images, data.masks, config=config, groups=data.groups, experts_dir=data.experts
        )
    except InputError as error:
        return CheckedData(words.told(error.problems), (), words.by_row(error.problems))
    return CheckedData(
        problems=(),
        notes=words.told(found.notes),
        findings=words.by_row(found.notes),
        split=_split(found, words),
        table=_table(found, words),
        pictures=tuple(pictures_of(found, PICTURE_SIDE)),
    )


def _split(found: DataCheck, words: FileWords) -> tuple[tuple[str, ...], ...]:
    folds = found.split["fold"]
    return tuple(
        tuple(words.image(id_) for id_ in found.split.loc[folds == fold, "image"])
        for fold in sorted(set(folds.dropna().astype(int)))
    )


def _table(found: DataCheck, words: FileWords) -> pd.DataFrame:
    """Leave out the names of files that are written for the check only."""
    table = found.table.drop(columns=["image", "mask"], errors="ignore")
    return table.assign(id=[words.image(id_) for id_ in table["id"]])
