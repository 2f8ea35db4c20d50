"""Networks within one budget of processor time: out-of-fold scores on fluorescent nuclei.

    python benchmarks/networks_on_nuclei.py FOLDER --seconds 300 --networks unet basic_unet segresnet unext50

FOLDER holds `images` and instance `masks`, as dsb_fluo (60 images of the 2018 Data Science Bowl). For each
network five models are trained, each for about so many CPU seconds on one thread, validation included: a few
steps and one validation are timed first, and the schedule of the learning rate is made for as many iterations
as fit. Every image is predicted by the model that never saw it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch

from napari_deepflash2.config import Configuration
from napari_deepflash2.data import split_folds
from napari_deepflash2.ensemble import train_ensemble
from napari_deepflash2.ensemble.automatic import resolved
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.schedule import Schedule
from napari_deepflash2.ensemble.training_set import TrainingSet
from napari_deepflash2.progress import Progress, ignore_progress

CPU = torch.device("cpu")
TIMED_STEPS = 5


class Clock:
    """CPU seconds by task, taken from the progress of a training."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._last = time.process_time()

    def __call__(self, progress: Progress) -> None:
        now = time.process_time()
        self.seconds["out of fold" if progress.task == "out of fold" else "training"] += now - self._last
        self._last = now


def cpu_seconds(work: Any, repeats: int = 1) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - began) / repeats


def iterations_within(seconds: float, data: TrainingSet, config: Configuration) -> tuple[int, int]:
    """Iterations that a model can have in so many CPU seconds, and its parameters."""
    training = config.training
    split = split_folds(len(data.ids), training.max_splits, data.groups, training.random_state)[0]
    member = Member(data, 1, split, config, CPU)
    member.step()
    step = cpu_seconds(member.step, TIMED_STEPS)
    validation = cpu_seconds(lambda: member.validate(ignore_progress))
    held_out = sum(data.labels[i].size for i in split[1])
    iterations = int(seconds / step)
    for _ in range(10):
        planned = config.replace("training", iterations=max(1, iterations)).training
        n = len(Schedule.plan(planned, len(split[0]), held_out).validations)
        iterations = int((seconds - n * validation) / step)
    return max(1, iterations), sum(p.numel() for p in member.network.parameters())


def row(name: str, seconds: float, data: TrainingSet, folder: Path, **training: Any) -> str:
    """Train five models of a network and give a row of the table."""
    config = Configuration.of(
        {"data": {"mask_kind": "instances"}, "training": {"architecture": name, **training}}
    )
    config = resolved(config, CPU, None)
    iterations, parameters = iterations_within(seconds, data, config)
    config, clock = config.replace("training", iterations=iterations), Clock()
    with tempfile.TemporaryDirectory() as out:
        ensemble = train_ensemble(folder / "images", folder / "masks", Path(out) / "e", config, clock)
        review = ensemble.review()
        used = clock.seconds["training"] / len(ensemble.members)
        means = review.images[["dice", "ap_50", "ap"]].mean()
        error = review.reliabilities["prediction"].expected_calibration_error
    median = review.images["dice"].median()
    scores = f"{means['dice']:.3f} | {median:.3f} | {means['ap_50']:.3f} | {means['ap']:.3f} | {error:.4f}"
    return f"| {name} | {parameters:,} | {iterations} | {used:.0f} | {scores} |"


def main() -> None:
    """Print the table, one row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--seconds", type=float, required=True, help="CPU seconds for each of the five models"
    )
    parser.add_argument("--networks", nargs="+", required=True)
    parser.add_argument("--learning-rate", type=float, help="the default where not given")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    changed = {} if arguments.learning_rate is None else {"learning_rate": arguments.learning_rate}
    settings = Configuration.of({"data": {"mask_kind": "instances"}})
    data = TrainingSet.of(arguments.folder / "images", arguments.folder / "masks", settings.data)
    columns = (
        "network",
        "parameters",
        "iterations",
        "CPU seconds",
        "Dice, mean",
        "Dice, median",
        "AP50",
        "mAP",
        "ECE",
    )
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    for name in arguments.networks:
        print(row(name, arguments.seconds, data, arguments.folder, **changed), flush=True)


if __name__ == "__main__":
    main()
