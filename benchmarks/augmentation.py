"""CPU time of one augmented 256 x 256 tile against MONAI's and deepflash2's, in the same run.

    python benchmarks/augmentation.py [--rounds 30] [--batch 4]

A tile is cut at a random place out of one of four images of 1024 x 1024 pixels, with its mask, and varied:
flip, rotation to 360 degrees, zoom of 10 %, gamma, contrast and brightness; then the same with grid
distortion, or with CLAHE. Ours is the whole batch as the training gets it, with the class probabilities and
the weights. MONAI gets the patches that we cut and varies them by its dictionary transforms; it has no CLAHE.
deepflash2 0.3.0 takes part where it can be imported (`benchmarks/training_vs_deepflash2.py` says how): its
data set makes one tile at a time and does not zoom. One thread; the contestants take turns, batch by batch,
and the table holds medians of the CPU time for one tile.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from monai import transforms as mt

from napari_deepflash2.config import AugmentationConfig, DataConfig, TrainingConfig
from napari_deepflash2.data.augmentation import patch_size_for
from napari_deepflash2.data.sampling import TileSampler, cut
from napari_deepflash2.ensemble.tiles import TileSource
from napari_deepflash2.ensemble.training_set import TrainingSet
from napari_deepflash2.sample_data import make_cells

SIZE, TILE = 1024, 256
VARIANTS = {
    "default": AugmentationConfig(),
    "with grid distortion": AugmentationConfig(grid_distortion=0.3),
    "with CLAHE": AugmentationConfig(clahe=4),
}
# Makes that many tiles.
Contestant = Callable[[int], object]


def simulate() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Four images of 8 bits, as (Y, X), with their classes."""
    cells = [make_cells((SIZE, SIZE), 300, i) for i in range(4)]
    images = [np.clip(c.image * (255 / np.quantile(c.image, 0.999)), 0, 255).astype(np.uint8) for c in cells]
    return images, [(c.truth > 0).astype(np.uint8) for c in cells]


def standardised(images: list[np.ndarray]) -> list[np.ndarray]:
    return [((image - image.mean()) / image.std()).astype(np.float32)[None] for image in images]


def ours(images: list[np.ndarray], masks: list[np.ndarray], config: AugmentationConfig, n: int) -> Contestant:
    settings = TrainingConfig(tile_size=TILE, batch_size=n, augmentation=config)
    data = TrainingSet.of(images, masks, DataConfig())
    targets = [data.target(i, settings) for i in range(len(images))]
    source = TileSource(standardised(images), masks, targets, settings, torch.device("cpu"))
    return lambda number: source.batch(number)


def monais(
    images: list[np.ndarray], masks: list[np.ndarray], config: AugmentationConfig, n: int
) -> Contestant:
    patch, both = patch_size_for(TILE, config), ["image", "mask"]
    values, sampler = standardised(images), TileSampler(masks, 2, TILE)
    transform = mt.Compose(monai_transforms(config))

    def make(number: int) -> object:
        made = []
        for p in sampler.draw(np.random.default_rng(number), n):
            where = (p.y - patch // 2, p.x - patch // 2, (patch, patch))
            pair = {"image": cut(values[p.image], *where), "mask": cut(masks[p.image][None], *where)}
            made.append(transform(pair))
        return [torch.stack([tile[key] for tile in made]) for key in both]

    return make


def monai_transforms(config: AugmentationConfig) -> list[object]:
    both, modes = ["image", "mask"], ["bilinear", "nearest"]
    turn = {"rotate_range": np.pi, "scale_range": config.zoom, "spatial_size": (TILE, TILE)}
    bend = mt.RandGridDistortiond(both, prob=0.5, distort_limit=config.grid_distortion, mode=modes)
    return [
        mt.RandFlipd(both, prob=0.5, spatial_axis=0),
        mt.RandFlipd(both, prob=0.5, spatial_axis=1),
        mt.RandAffined(both, prob=1, mode=modes, padding_mode="reflection", **turn),
        *([bend] if config.grid_distortion else []),
        mt.RandAdjustContrastd(["image"], prob=1, gamma=config.gamma),
        mt.RandScaleIntensityd(["image"], prob=1, factors=config.contrast),
        mt.RandShiftIntensityd(["image"], prob=1, offsets=config.brightness),
    ]


def deepflash2s(folder: Path, config: AugmentationConfig, n: int) -> Contestant:
    from deepflash2.data import RandomTileDataset
    from deepflash2.utils import compose_albumentations

    varied = compose_albumentations(
        gamma_limit_lower=round(config.gamma[0] * 100),
        gamma_limit_upper=round(config.gamma[1] * 100),
        CLAHE_clip_limit=config.clahe,
        brightness_limit=config.brightness,
        contrast_limit=config.contrast,
        distort_limit=config.grid_distortion,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # it draws bars and prints its statistics
        tiles = RandomTileDataset(
            sorted((folder / "images").iterdir()),
            label_fn=lambda file: folder / "masks" / file.name,
            tile_shape=(TILE, TILE),
            albumentations_tfms=varied,
            verbose=0,
        )

    def make(number: int) -> object:
        pairs = [tiles[number * n + i] for i in range(n)]
        return torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])

    return make


def write(images: list[np.ndarray], masks: list[np.ndarray], folder: Path) -> None:
    for name, arrays in {"images": images, "masks": masks}.items():
        (folder / name).mkdir()
        for i, array in enumerate(arrays):
            iio.imwrite(folder / name / f"{i}.png", array)


def contestants(
    images: list[np.ndarray], masks: list[np.ndarray], config: AugmentationConfig, n: int, folder: Path
) -> dict[str, Contestant]:
    found = {"ours": ours(images, masks, config, n)}
    if not config.clahe:
        found["MONAI"] = monais(images, masks, config, n)
    if importlib.util.find_spec("deepflash2"):
        found["deepflash2"] = deepflash2s(folder, config, n)
    return found


def interleaved(makers: dict[str, Contestant], rounds: int, n: int) -> dict[str, float]:
    """Median CPU milliseconds a tile takes each contestant."""
    times: dict[str, list[float]] = {name: [] for name in makers}
    for number in range(rounds + 1):
        for name, make in makers.items():
            start = time.process_time()
            make(number)
            times[name].append((time.process_time() - start) * 1e3 / n)
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    images, masks = simulate()
    rows = ["| tiles | contestant | CPU ms a tile | ratio to ours |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        write(images, masks, Path(folder))
        for variant, config in VARIANTS.items():
            makers = contestants(images, masks, config, options.batch, Path(folder))
            medians = interleaved(makers, options.rounds, options.batch)
            for name, value in medians.items():
                rows.append(f"| {variant} | {name} | {value:.2f} | {value / medians['ours']:.1f} |")
    print("\n".join(rows))
    if "deepflash2" in makers:
        print(
            "\ndeepflash2 runs patched: torchvision's missing operators are declared by a sitecustomize.py."
        )


if __name__ == "__main__":
    main()
