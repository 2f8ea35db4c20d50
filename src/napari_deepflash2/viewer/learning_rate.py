"""Finding a learning rate on the pairs of the training dock."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..config import Configuration
from ..progress import ProgressCallback
from .child import run_child
from .training_data import Taken, data_on_disk

if TYPE_CHECKING:
    from ..ensemble.learning_rate import LearningRateCurve


def find_rate(taken: Sequence[Taken], config: Configuration, progress: ProgressCallback) -> LearningRateCurve:
    """Train shortly while the learning rate grows, in a process of its own; a job for a worker.

    Raises
    ------
    InputError
        Where the data are refused, in the words of the command line.
    """
    from ..ensemble.learning_rate import LearningRateCurve

    with tempfile.TemporaryDirectory(prefix="napari-deepflash2-") as name:
        folder = Path(name)
        data = data_on_disk(taken, folder, progress)
        config.save(folder / "settings.toml")
        run_child(
            [
                *("napari_deepflash2", "find-learning-rate", *data.options()),
                *("--config", str(folder / "settings.toml"), "--out", str(folder / "found")),
            ],
            "finding the learning rate",
            progress,
        )
        with (folder / "found" / "learning_rate.csv").open(newline="", encoding="utf-8") as stream:
            rows = [(float(row["rate"]), float(row["loss"])) for row in csv.DictReader(stream)]
    rates, losses = np.array(rows).T
    return LearningRateCurve.of(rates, losses)
