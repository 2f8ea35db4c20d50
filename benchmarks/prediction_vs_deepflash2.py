"""Prediction against deepflash2 0.3.0's `InferenceEnsemble`: time, class maps, Dice and memory.

    python benchmarks/prediction_vs_deepflash2.py FOLDER [--size 1024] [--tile-size 512] [--rounds 3]
        [--members 2] [--iterations 150] [--ensemble DIR] [--threads 2] [--memory-size 4096]

FOLDER holds `images` and instance `masks`, as dsb_fluo of the 2018 Data Science Bowl. Two U-Nets of
segmentation_models_pytorch with a ResNet-34 encoder are trained on it (kept in DIR, where one is given); both
contestants get the same weights, in float32, and predict a mosaic of the images that no member was trained
on, in four views (as it is and flipped), blended by the same Gaussian. The contestants take turns, the
tables hold medians. Three tables:

- the same tiles: those that deepflash2 places without its border padding, for both;
- the same nominal overlap of one half, as users would set it: deepflash2 with its defaults, ours with the
  tiles that this overlap needs;
- memory, each contestant in a process of its own, on a large image of one channel.

deepflash2 runs patched: torchvision's missing operators are declared by a sitecustomize.py;
`training_vs_deepflash2.py` tells how to make the environment, where this package is to be known too
(`pip install --no-deps -e .`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import segmentation_models_pytorch as smp
import torch
from deepflash2.inference import InferenceEnsemble
from torch.utils.flop_counter import FlopCounterMode

from napari_deepflash2 import load_ensemble, train_ensemble
from napari_deepflash2.config import PredictionConfig
from napari_deepflash2.data import pair_images_and_masks, read_image, read_labels
from napari_deepflash2.ensemble import Ensemble
from napari_deepflash2.ensemble.networks import NETWORKS, NetworkEntry
from napari_deepflash2.ensemble.validation import mean_dice
from napari_deepflash2.prediction.tiling import TileGrid

VIEWS = 4
# Ours; deepflash2's default is half of it, which it takes as an argument.
SIGMA = 1 / 4


@dataclass(frozen=True)
class Result:
    """What a contestant made of the image, and in how many seconds."""

    labels: np.ndarray
    tiles: int
    seconds: float
    cpu_seconds: float


Contestant = Callable[[np.ndarray], Result]


def network(channels: int, classes: int) -> torch.nn.Module:
    return smp.Unet("resnet34", encoder_weights=None, in_channels=channels, classes=classes)


NETWORKS["smp_unet"] = NetworkEntry("smp_unet", "To compare with deepflash2.", 24_430_242, 62, network)


def trained(folder: Path, out: Path, members: int, iterations: int) -> Ensemble:
    if (out / "ensemble.json").is_file():
        return alike(load_ensemble(out))
    pairs = pair_images_and_masks(folder / "images", folder / "masks")
    learned_from, _ = halves(len(pairs))
    images = [read_image(pairs[i][0]).data for i in learned_from]
    masks = [read_labels(pairs[i][1]).data for i in learned_from]
    training = {
        "architecture": "smp_unet",
        "models": members,
        "iterations": iterations,
        "tile_size": 256,
        "normalisation": "training",
    }
    settings = {"data": {"mask_kind": "instances"}, "training": training}
    return alike(train_ensemble(images, masks, out, settings))


def alike(ensemble: Ensemble) -> Ensemble:
    """Standardise images for all members as for the first, and judge no prediction: as deepflash2 does."""
    first, *_ = ensemble._predictors
    members = tuple(replace(one, normalisation=first.normalisation) for one in ensemble._predictors)
    return replace(ensemble, _predictors=members, judge=None)


def halves(number: int) -> tuple[range, range]:
    """Numbers of the images to learn from, and of those to predict."""
    return range(0, number, 2), range(1, number, 2)


def mosaic(folder: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Lay images that were not learned from side by side, with their masks."""
    pairs = pair_images_and_masks(folder / "images", folder / "masks")
    image, mask = np.zeros((size, size), np.float32), np.zeros((size, size), np.uint8)
    numbers = iter(np.resize(list(halves(len(pairs))[1]), (size // 256 + 1) ** 2))
    for y in range(0, size, 256):
        for x in range(0, size, 256):
            part = np.s_[: min(256, size - y), : min(256, size - x)]
            there = np.s_[y : y + 256, x : x + 256]
            path, mask_path = pairs[next(numbers)]
            image[there], mask[there] = read_image(path).data[part], read_labels(mask_path).data[part] > 0
    return image, mask


def theirs(ensemble: Ensemble, tile_size: int, padding: float) -> Contestant:
    """Return deepflash2's ensemble of the same networks as training left them."""
    look = ensemble.members[0].normalisation.for_image(np.zeros((1, 1, 1), np.float32))
    peer = InferenceEnsemble(
        networks_of(ensemble),
        num_classes=2,
        in_channels=1,
        channel_means=list(look.offset),
        channel_stds=list(look.scale),
        tile_shape=(tile_size, tile_size),
        gaussian_kernel_sigma_scale=SIGMA,
        border_padding_factor=padding,
        max_tile_shift=0.5,
    )

    def predict(image: np.ndarray) -> Result:
        tiles = len(peer.tiler.get_center_combinations([*image.shape]))

        def as_its_learner_does() -> np.ndarray:
            given = torch.tensor(image[..., None]).float()
            with torch.inference_mode():
                labels, *_ = (found.numpy() for found in peer(given))
            return labels

        return timed(as_its_learner_does, tiles)

    return predict


def networks_of(ensemble: Ensemble) -> list[torch.nn.Module]:
    """Load the members as training left them: nothing folded."""
    networks = []
    for member in ensemble.members:
        one = network(1, 2)
        one.load_state_dict(torch.load(ensemble.folder / member.file, weights_only=True))
        networks.append(one.eval())
    return networks


def ours(ensemble: Ensemble, tile_size: int, precision: str, grid: TileGrid | None = None) -> Contestant:
    config = PredictionConfig(tile_size=tile_size, overlap=0.5, precision=precision)

    def predict(image: np.ndarray) -> Result:
        cover = TileGrid.cover if grid is None else lambda *_: grid
        with patch.object(TileGrid, "cover", cover):
            tiles = len(TileGrid.cover(image.shape, tile_size, 0.5).starts)
            return timed(lambda: ensemble.predict(image, config).labels, tiles)

    return predict


def timed(predict: Callable[[], np.ndarray], tiles: int) -> Result:
    start, cpu_start = time.perf_counter(), time.process_time()
    labels = predict()
    return Result(labels, tiles, time.perf_counter() - start, time.process_time() - cpu_start)


def same_tiles(ensemble: Ensemble, tile_size: int, shape: tuple[int, int]) -> TileGrid:
    """Return the tiles that deepflash2 places without padding."""
    axes = []
    for length in shape:
        middles = torch.linspace(
            tile_size / 2, length - tile_size / 2, length // (tile_size // 2) + 1, dtype=torch.int64
        )
        axes.append([int(middle) - tile_size // 2 for middle in middles])
    return TileGrid((tile_size, tile_size), tuple((y, x) for y in axes[0] for x in axes[1]))


def in_turns(contestants: dict[str, Contestant], image: np.ndarray, rounds: int) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, predict in contestants.items():
            found[name].append(predict(image))
    return found


def report(found: dict[str, list[Result]], truth: np.ndarray, flops: float) -> None:
    """Print a table; the first contestant is the one to compare with."""
    peaks = {bits: peak(bits) for bits in (torch.float32, torch.bfloat16)}
    seconds = {name: statistics.median(one.seconds for one in results) for name, results in found.items()}
    cpu = {name: statistics.median(one.cpu_seconds for one in results) for name, results in found.items()}
    peer, reference = next((name, results[-1].labels) for name, results in found.items())
    print("| contestant | tiles | s | ratio | CPU s | ratio | same class | Dice | of the peak |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, results in found.items():
        last = results[-1]
        bits = torch.bfloat16 if "bfloat16" in name else torch.float32
        share = flops * last.tiles / seconds[name] / peaks[bits]
        same, dice = float((last.labels == reference).mean()), mean_dice(last.labels, truth, 2)
        cells = [
            name,
            str(last.tiles),
            f"{seconds[name]:.1f}",
            f"{seconds[peer] / seconds[name]:.2f}",
            f"{cpu[name]:.1f}",
            f"{cpu[peer] / cpu[name]:.2f}",
            f"{same:.4%}",
            f"{dice:.4f}",
            f"{share:.0%}",
        ]
        print(f"| {' | '.join(cells)} |")
    print(f"\nPeak: {', '.join(f'{value / 1e9:.0f} GFLOPS in {bits}' for bits, value in peaks.items())}\n")


def peak(bits: torch.dtype) -> float:
    """Measure the most operations a second that a large convolution reaches."""
    layer = torch.nn.Conv2d(256, 256, 3, padding=1, bias=False).to(bits, memory_format=torch.channels_last)
    images = torch.randn(4, 256, 64, 64).to(bits, memory_format=torch.channels_last)
    operations = 2 * 9 * 256 * 256 * images.shape[0] * 64 * 64
    best = float("inf")
    with torch.inference_mode():
        for _ in range(10):
            start = time.perf_counter()
            layer(images)
            best = min(best, time.perf_counter() - start)
    return operations / best


def flops_of_tile(ensemble: Ensemble, tile_size: int) -> float:
    """Count the operations of all members and views on one tile, as the unfolded networks have them."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(1, 2).eval()(torch.zeros(1, 1, tile_size, tile_size))
    return counter.get_total_flops() * len(ensemble.members) * VIEWS


def memory(options: argparse.Namespace, ensemble: Path) -> None:
    """Print the peak memory of each contestant, in a process of its own."""
    print("| contestant | loaded, MB | peak, MB | above | seconds |\n|---|---|---|---|---|")
    for who in ("deepflash2", "ours, in memory"):
        command = [sys.executable, __file__, options.folder, "--memory-of", who, "--ensemble", ensemble]
        command += ["--memory-size", options.memory_size, "--tile-size", options.tile_size]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
        loaded, most, seconds = json.loads(done.stdout.splitlines()[-1])
        print(f"| {who} | {loaded:.0f} | {most:.0f} | {most - loaded:.0f} | {seconds:.0f} |", flush=True)


def memory_of(who: str, options: argparse.Namespace) -> None:
    """Predict a large image once, tiles side by side and in one view, and print what it took."""
    ensemble, side = load_ensemble(options.ensemble), options.memory_size
    image = np.random.default_rng(0).integers(0, 255, (side, side)).astype(np.uint8)
    if who == "deepflash2":
        peer = theirs(ensemble, options.tile_size, 0)
        del ensemble
    loaded = of_status("VmRSS")
    start = time.perf_counter()
    if who == "deepflash2":
        peer(image)
    else:
        ensemble.predict(
            image, PredictionConfig(tile_size=options.tile_size, overlap=0.5, precision="float32")
        )
    print(json.dumps([loaded, of_status("VmHWM"), time.perf_counter() - start]))


def of_status(name: str) -> float:
    """Read memory of this process in MB: now (VmRSS) or at most so far (VmHWM), without its parent's."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


def compare(options: argparse.Namespace, ensemble: Ensemble) -> None:
    image, truth = mosaic(options.folder, options.size)
    size, flops = options.tile_size, flops_of_tile(ensemble, options.tile_size)
    grid = same_tiles(ensemble, size, image.shape)
    for title, peer, tiles in (
        ("The same tiles", theirs(ensemble, size, 0), grid),
        ("The same nominal overlap of one half", theirs(ensemble, size, 0.25), None),
    ):
        contestants = {
            "deepflash2": peer,
            "ours, float32": ours(ensemble, size, "float32", tiles),
            "ours, bfloat16": ours(ensemble, size, "bfloat16", tiles),
        }
        print(
            f"{title} ({image.shape[0]}², tiles of {size}², {torch.get_num_threads()} threads):\n", flush=True
        )
        report(in_turns(contestants, image, options.rounds), truth, flops)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--tile-size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=150)
    parser.add_argument("--ensemble", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--memory-size", type=int, default=4096)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory_of:
        memory_of(options.memory_of, options)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.ensemble or Path(temporary) / "ensemble"
        compare(options, trained(options.folder, folder, options.members, options.iterations))
        memory(options, folder)


if __name__ == "__main__":
    main()
