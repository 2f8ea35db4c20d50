"""What the losses cost: milliseconds forwards and backwards for 4 tiles of 256 x 256, on one thread.

    python benchmarks/losses_speed.py [--classes N]

Beside them MONAI's DiceCELoss, which makes one-hot targets of labels each time, and a step of the default
network.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import get_args

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from monai.losses import DiceCELoss

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.ensemble.losses import build_loss
from napari_deepflash2.ensemble.networks import build_network
from napari_deepflash2.ensemble.targets import targets_of_labels


def milliseconds(work: Callable[[], torch.Tensor], repeats: int = 15) -> float:
    """Least processor time of the work and its gradients: what other programs do does not lessen it."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work().backward()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classes", type=int, default=2)
    n_classes = parser.parse_args().classes
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, n_classes, (4, 256, 256), dtype=np.uint8))
    logits = torch.from_numpy(rng.normal(size=(4, n_classes, 256, 256)).astype(np.float32)).requires_grad_()
    targets, weights = targets_of_labels(labels, n_classes)
    network = build_network("unet", 1, n_classes)
    image = torch.zeros(4, 1, 256, 256)
    monai = DiceCELoss(to_onehot_y=True, softmax=True, batch=True)
    rows: dict[str, Callable[[], torch.Tensor]] = {
        "unet alone": lambda: network(image).sum(),
        "MONAI's DiceCELoss": lambda: monai(logits, labels[:, None].long()),
    }
    print("| loss | ms |\n|---|---|")
    for name in get_args(TrainingConfig.model_fields["loss"].annotation):
        loss = build_loss(TrainingConfig(loss=name))
        rows[f"`{name}`"] = lambda loss=loss: loss(logits, targets, weights)
    for name, work in rows.items():
        print(f"| {name} | {milliseconds(work):.1f} |")


if __name__ == "__main__":
    main()
