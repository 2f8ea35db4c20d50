"""What each network of the registry costs, as its entry and the page on training state it.

    python benchmarks/networks.py [--steps N] [--only NAME ...]

Parameters with one channel and two classes; thousand million operations (GFLOPs) for one tile of 512 x 512
pixels, forwards, counted by torch; median milliseconds of processor time on one thread
for a training step (forwards, backwards, AdamW) with 4 tiles of 256 x 256 pixels, and for one tile forwards.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_deepflash2.ensemble.networks import NETWORKS, build_network


def gflops(network: torch.nn.Module) -> float:
    """Count the operations for one tile of 512 x 512 pixels without doing them."""
    without_values = network.to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        without_values(torch.zeros(1, 1, 512, 512, device="meta"))
    return counter.get_total_flops() / 1e9


def median_ms(step: Callable[[], object], steps: int) -> float:
    """Median processor time of a step, after one to warm up."""
    times = []
    for _ in range(steps + 1):
        began = time.process_time()
        step()
        times.append(1000 * (time.process_time() - began))
    return median(times[1:])


def training_ms(network: torch.nn.Module, steps: int) -> float:
    """Time one training step."""
    optimiser = torch.optim.AdamW(network.train().parameters())
    images, labels = torch.randn(4, 1, 256, 256), torch.randint(0, 2, (4, 256, 256))

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()

    return median_ms(step, steps)


def forward_ms(network: torch.nn.Module, steps: int) -> float:
    """Time one tile forwards."""
    tile = torch.randn(1, 1, 256, 256)
    with torch.inference_mode():
        return median_ms(lambda: network.eval()(tile), steps)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=list(NETWORKS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| name | parameters | GFLOPs a tile of 512² | CPU ms a step of 4 x 256² | CPU ms forwards |")
    print("|---|---|---|---|---|")
    for name in arguments.only:
        network = build_network(name, 1, 2)
        parameters = sum(p.numel() for p in network.parameters())
        times = f"{training_ms(network, arguments.steps):.0f} | {forward_ms(network, arguments.steps):.0f}"
        print(f"| `{name}` | {parameters:,} | {gflops(network):.3g} | {times} |", flush=True)


if __name__ == "__main__":
    main()
