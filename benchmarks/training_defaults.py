"""How the defaults of training were chosen: Dice on unseen images for what 300 iterations cost.

    python benchmarks/training_defaults.py FOLDER [--only NAME ...]
    python benchmarks/training_defaults.py --nuclei FOLDER

The first FOLDER holds `images` and `est_GT` with masks of the same names, as the cFOS set of Segebarth et al.
(eLife 2020, doi 10.7554/eLife.59780) in multi_expert/cfos_wue1: 24 images of 1024 x 1024 pixels. Every third
is trained on, the ones after are predicted. One network a row, no validation, no test-time augmentation,
one thread.

The second holds `images` and instance `masks`, as dsb_fluo. Two models learn from every third of the first 18
images for 100 iterations, at two learning rates.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from monai.networks.nets import UNet

from napari_deepflash2.config import Configuration
from napari_deepflash2.data import pair_images_and_masks, read_image, read_labels
from napari_deepflash2.ensemble import train_ensemble
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.networks import NETWORKS, NetworkEntry
from napari_deepflash2.ensemble.training_set import TrainingSet
from napari_deepflash2.ensemble.validation import mean_dice
from napari_deepflash2.prediction import predict_moments

CPU = torch.device("cpu")
ITERATIONS = 300


@dataclass(frozen=True)
class Variant:
    """One row: what differs from the defaults."""

    name: str
    training: dict[str, Any] = field(default_factory=dict)
    network: Callable[[int, int], torch.nn.Module] | None = None


def unet(first: int, residual_units: int) -> Callable[[int, int], torch.nn.Module]:
    """MONAI's UNet with five levels, each of twice the channels of the one above."""
    widths = [first * 2**level for level in range(5)]
    return lambda channels, classes: UNet(
        2, channels, classes, widths, (2, 2, 2, 2), num_res_units=residual_units
    )


SLOW = {"learning_rate": 0.002}
VARIANTS = (
    Variant("default"),
    Variant("two residual units", network=unet(16, 2)),
    Variant("24 to 384 channels", network=unet(24, 1)),
    Variant("learning rate 0.01", {"learning_rate": 0.01}),
    Variant("learning rate 0.002", SLOW),
    Variant("learning rate 0.002, two residual units", SLOW, unet(16, 2)),
    Variant("the same, 2 tiles a batch", {**SLOW, "batch_size": 2}, unet(16, 2)),
    Variant("the same, 8 tiles of 128", {**SLOW, "batch_size": 8, "tile_size": 128}, unet(16, 2)),
    Variant("the same, training statistics", {**SLOW, "normalisation": "training"}, unet(16, 2)),
    Variant("the same, flips only", {**SLOW, "augmentation": {"rotation": 0, "zoom": 0}}, unet(16, 2)),
)


def load(folder: Path, ids: list[str]) -> TrainingSet:
    """Read images and masks as (Y, X, 1) and classes 0 and 1."""
    files = {path.stem: path for path in (folder / "images").iterdir()}
    images = tuple(read_image(files[id_]).data.astype(np.float32)[..., None] for id_ in ids)
    masks = (read_labels(folder / "est_GT" / f"{id_}.png").data for id_ in ids)
    return TrainingSet(tuple(ids), images, tuple((m > 0).astype(np.uint8) for m in masks), (0, 1), tuple(ids))


def trained(variant: Variant, data: TrainingSet) -> Member:
    """Train one network on all images."""
    if variant.network is not None:
        NETWORKS[variant.name] = NetworkEntry(variant.name, "", variant.network)
    architecture = variant.name if variant.network else "unet"
    settings = {"architecture": architecture, "iterations": ITERATIONS, **variant.training}
    everything = (np.arange(len(data.ids)), np.array([], dtype=int))
    member = Member(data, 1, everything, Configuration.of({"training": settings}), CPU)
    while member.iteration < ITERATIONS:
        member.step()
    return member


def dice_on(member: Member, data: TrainingSet) -> list[float]:
    """Dice of each image."""
    plain = Configuration().prediction.model_copy(
        update={"test_time_augmentation": "none", "tile_size": 512, "overlap": 0.5}
    )
    predictor = member.predictor("member")
    return [
        mean_dice(predict_moments([predictor], image, 2, plain, CPU).mean.argmax(0), mask, 2)
        for image, mask in zip(data.images, data.labels, strict=True)
    ]


def compare_variants(folder: Path, names: Sequence[str]) -> None:
    """Print one row of a table for each variant."""
    ids = sorted(path.stem for path in (folder / "est_GT").glob("*.png"))
    training, unseen = (load(folder, ids[first::3]) for first in (0, 1))
    print("| variant | parameters | CPU seconds | Dice, mean | Dice, median |\n|---|---|---|---|---|")
    for variant in VARIANTS:
        if variant.name in names:
            began = time.process_time()
            member = trained(variant, training)
            seconds = time.process_time() - began
            scores = dice_on(member, unseen)
            parameters = sum(p.numel() for p in member.network.parameters())
            figures = f"{parameters:,} | {seconds:.0f} | {np.mean(scores):.3f} | {np.median(scores):.3f}"
            print(f"| {variant.name} | {figures} |", flush=True)


def compare_learning_rates(folder: Path) -> None:
    """Print the held-out Dice of two models for each learning rate."""
    pairs = pair_images_and_masks(folder / "images", folder / "masks")[:18:3]
    images = [read_image(image).data for image, _ in pairs]
    masks = [read_labels(mask).data for _, mask in pairs]
    print("| learning rate | held-out Dice of model 1 | of model 2 |\n|---|---|---|")
    for rate in (0.002, 0.005):
        training = {"learning_rate": rate, "iterations": 100, "models": 2}
        settings = {"data": {"mask_kind": "instances"}, "training": training}
        with tempfile.TemporaryDirectory() as out:
            found = train_ensemble(images, masks, Path(out) / "ensemble", settings).held_out_dice
        print(f"| {rate} | {found[1]:.2f} | {found[2]:.2f} |", flush=True)


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--only", nargs="*", default=[variant.name for variant in VARIANTS])
    parser.add_argument("--nuclei", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.folder:
        compare_variants(arguments.folder, arguments.only)
    if arguments.nuclei:
        compare_learning_rates(arguments.nuclei)


if __name__ == "__main__":
    main()
