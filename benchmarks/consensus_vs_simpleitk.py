"""Time of STAPLE against SimpleITK, on the same masks in the same run.

    python benchmarks/consensus_vs_simpleitk.py [--sizes 1024 2048 4096] [--repeats 3] [--no-multi]

Five simulated experts, 2 and 4 classes. The contestants take turns; the table holds medians and their ratios,
the share of equal labels, and how long one read of the masks takes at the speed of a memory copy.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from napari_deepflash2.consensus import estimate_consensus

# As far apart as the experts of the cFOS sets: their STAPLE takes 10 to 23 rounds, and so does this one.
RIGHT = (0.95, 0.9, 0.8, 0.7, 0.6)


def simulate(size: int, n_classes: int) -> list[np.ndarray]:
    """Masks of five experts who err on single pixels, which gives every pattern there is."""
    rng = np.random.default_rng(0)
    noise = (rng.standard_normal((size, size), np.float32) for _ in range(n_classes))
    fields = [ndimage.gaussian_filter(field, 8) for field in noise]
    fields[0] += 1.2 * fields[0].std()  # background takes most of an image
    truth = np.argmax(fields, axis=0).astype(np.uint8)
    masks = []
    for right in RIGHT:
        wrong = rng.random((size, size), np.float32) >= right
        shift = rng.integers(1, n_classes, (size, size), dtype=np.uint8)
        masks.append(np.where(wrong, (truth + shift) % n_classes, truth).astype(np.uint8))
    return masks


def ours(masks: list[np.ndarray]) -> np.ndarray:
    return estimate_consensus(masks).labels


def itk_multi_label(masks: list[np.ndarray]) -> np.ndarray:
    images = [sitk.GetImageFromArray(mask) for mask in masks]
    return sitk.GetArrayFromImage(sitk.MultiLabelSTAPLE(images))


def itk_binary(masks: list[np.ndarray]) -> np.ndarray:
    images = [sitk.GetImageFromArray(mask) for mask in masks]
    return sitk.GetArrayFromImage(sitk.STAPLE(images, 1)) > 0.5


def interleave(
    contestants: dict[str, Callable], masks: list[np.ndarray], repeats: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Median seconds and result of each contestant, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    results = {}
    for _ in range(repeats):
        for name, run in contestants.items():
            start = time.perf_counter()
            results[name] = run(masks)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}, results


def seconds_of_one_read(masks: list[np.ndarray]) -> float:
    stack = np.stack(masks)
    target = np.empty_like(stack)
    start = time.perf_counter()
    np.copyto(target, stack)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-multi", action="store_true", help="leave out ITK's slow multi-label filter")
    options = parser.parse_args()
    print(
        "| size | classes | ours (ms) | ns a vote | one copy (ms) | ITK filter | ITK (ms) | ratio | equal |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for size in options.sizes:
        for n_classes in (2, 4):
            masks = simulate(size, n_classes)
            contestants: dict[str, Callable] = {"ours": ours}
            if not options.no_multi:
                contestants["multi-label"] = itk_multi_label
            if n_classes == 2:
                contestants["binary"] = itk_binary
            times, results = interleave(contestants, masks, options.repeats)
            own, copy = times.pop("ours"), seconds_of_one_read(masks)
            for name, seconds in times.items():
                equal = (results[name] == results["ours"]).mean()
                vote = own * 1e9 / size**2 / len(RIGHT)
                print(
                    f"| {size} | {n_classes} | {own * 1e3:.1f} | {vote:.2f} | {copy * 1e3:.1f} "
                    f"| {name} | {seconds * 1e3:.0f} | {seconds / own:.0f} | {equal:.5%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
