"""Time and peak memory of STAPLE on large images.

    python benchmarks/consensus_memory.py [--size 16384] [--experts 20]

Prints the size of the masks, the most memory the process ever held, and their ratio. The masks are part of
that memory, so the ratio counts them, the consensus and all that was needed in between.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from napari_deepflash2.consensus import estimate_consensus


def simulate(size: int, n_experts: int) -> list[np.ndarray]:
    """Masks of discs; each expert misses some pixels at random, made row by row to need no memory."""
    rng = np.random.default_rng(0)
    place = np.minimum(np.arange(size) % 64, 63 - np.arange(size) % 64) - 32
    masks = [np.empty((size, size), dtype=np.uint8) for _ in range(n_experts)]
    for row in range(size):
        truth = place[row] ** 2 + place**2 < 200
        for expert, mask in enumerate(masks):
            mask[row] = truth ^ (rng.random(size, np.float32) < 0.02 + 0.005 * expert)
    return masks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=16384)
    parser.add_argument("--experts", type=int, default=20)
    options = parser.parse_args()
    masks = simulate(options.size, options.experts)
    size = sum(mask.nbytes for mask in masks)
    start = time.perf_counter()
    consensus = estimate_consensus(masks)
    labels = consensus.labels
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{options.experts} experts of {options.size} x {options.size}: masks {size / 2**30:.2f} GiB")
    print(f"{len(consensus.patterns.counts)} patterns, {consensus.iterations} iterations, {seconds:.1f} s")
    print(f"peak memory {peak / 2**30:.2f} GiB, {peak / size:.2f} times the masks")
    print(f"foreground {labels.mean():.3f}")


if __name__ == "__main__":
    main()
