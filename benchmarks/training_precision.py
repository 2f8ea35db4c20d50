"""What fewer bits cost and save in training on this processor: seconds and held-out Dice, by precision.

    python benchmarks/training_precision.py FOLDER

FOLDER holds `images` and instance `masks`, as dsb_fluo of the 2018 Data Science Bowl. Two models learn from
the first six images for 100 iterations, with three seeds; one thread.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch

from napari_deepflash2.data import pair_images_and_masks, read_image, read_labels
from napari_deepflash2.ensemble import train_ensemble
from napari_deepflash2.ensemble.device import best_precision

SEEDS = (1, 2, 3)


def main(folder: Path) -> None:
    """Print one row for each precision."""
    torch.set_num_threads(1)
    print(f"auto is {best_precision(torch.device('cpu'))} here")
    pairs = pair_images_and_masks(folder / "images", folder / "masks")[:6]
    images = [read_image(image).data for image, _ in pairs]
    masks = [read_labels(mask).data for _, mask in pairs]
    print("| precision | CPU seconds a run | held-out Dice, mean | of the six models |\n|---|---|---|---|")
    for precision in ("float32", "bfloat16"):
        began, scores = time.process_time(), []
        for seed in SEEDS:
            training = {"iterations": 100, "models": 2, "precision": precision, "random_state": seed}
            settings = {"data": {"mask_kind": "instances"}, "training": training}
            with tempfile.TemporaryDirectory() as out:
                scores += train_ensemble(images, masks, Path(out) / "e", settings).held_out_dice.values()
        seconds = (time.process_time() - began) / len(SEEDS)
        each = " ".join(f"{score:.2f}" for score in scores)
        print(f"| {precision} | {seconds:.0f} | {np.mean(scores):.3f} | {each} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
