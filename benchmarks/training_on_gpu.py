"""Training tiles per second on a graphics card, and how busy it is: float32, bfloat16, compiled.

    python benchmarks/training_on_gpu.py [--architecture unet ...] [--batch-size 8] [--steps 100]

The step that a training makes, from the cut of the tiles to the update of the weights, on eight images of
noise of 1024 x 1024 pixels. Utilisation is what nvidia-smi reports, sampled ten times a second; it is n/a
where there is no nvidia-smi. Says so, and measures nothing, where there is no graphics card.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import threading
import time
from statistics import mean

import numpy as np
import torch

from napari_deepflash2.config import Configuration
from napari_deepflash2.data.planes import Plane
from napari_deepflash2.ensemble.device import choose_device
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.training_set import TrainingSet

VARIANTS = (("float32", False), ("bfloat16", False), ("bfloat16", True))
WARM_UP = 10


class Utilisation:
    """Share of the time in which the card computes, in percent, over the block."""

    def __enter__(self) -> Utilisation:
        self._samples: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def __str__(self) -> str:
        return f"{mean(self._samples):.0f} %" if self._samples else "n/a"

    def _sample(self) -> None:
        query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while shutil.which(query[0]) and not self._ended.wait(0.1):
            said = subprocess.run(query, capture_output=True, text=True, check=False).stdout
            self._samples += [float(line) for line in said.split()[:1]]


def noise() -> TrainingSet:
    """Eight images of one channel with random masks."""
    rng = np.random.default_rng(0)
    shape = (1024, 1024)
    planes = [
        Plane(
            name,
            name,
            rng.standard_normal((*shape, 1), dtype=np.float32),
            rng.integers(0, 2, shape, dtype=np.uint8),
            name,
        )
        for name in "abcdefgh"
    ]
    return TrainingSet.from_planes(planes, (0, 1), [])


def synchronise(device: torch.device) -> None:
    """Wait until all that was asked of the card is done."""
    torch.cuda.synchronize() if device.type == "cuda" else torch.mps.synchronize()


def measured(data: TrainingSet, settings: dict[str, object], compiled: bool, steps: int) -> tuple[float, str]:
    """Give the tiles per second and the utilisation."""
    device = choose_device()
    config = Configuration.of({"training": {**settings, "iterations": WARM_UP + steps}})
    member = Member(data, 1, (np.arange(7), np.array([7])), config, device)
    if compiled:
        member.network.compile()
    for _ in range(WARM_UP):
        member.step()
    synchronise(device)
    began = time.perf_counter()
    with Utilisation() as utilisation:
        for _ in range(steps):
            member.step()
        synchronise(device)
    return steps * config.training.batch_size / (time.perf_counter() - began), str(utilisation)


def main() -> None:
    """Print one row for each network and variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--architecture", nargs="*", default=["unet", "flexible_unet_efficientnet-b0"])
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    device = choose_device()
    if device.type == "cpu":
        print("There is no graphics card here, so nothing was measured.")
        return
    print(torch.cuda.get_device_name() if device.type == "cuda" else "Apple GPU")
    print("| network | variant | tiles a second | utilisation |\n|---|---|---|---|")
    data = noise()
    for architecture in arguments.architecture:
        for precision, compiled in VARIANTS:
            settings = {
                "architecture": architecture,
                "batch_size": arguments.batch_size,
                "precision": precision,
            }
            speed, utilisation = measured(data, settings, compiled, arguments.steps)
            variant = f"{precision}{', compiled' if compiled else ''}"
            print(f"| {architecture} | {variant} | {speed:.0f} | {utilisation} |", flush=True)


if __name__ == "__main__":
    main()
