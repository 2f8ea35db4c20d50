"""The whole work by command line on real images: figures that the release notes quote.

    python benchmarks/workflow_on_real_images.py cfos ../shared/data OUT
    python benchmarks/workflow_on_real_images.py dsb ../shared/data OUT

OUT must not exist. `cfos`: five experts of `multi_expert/cfos_wue1`; consensus of all images, two models of
300 iterations on 12 images, prediction of the other 12; Dice against the consensus and against each expert.
`dsb`: the same on 12 images of `dsb_fluo` (8 to train, 4 to test), whose masks are instance labels.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from imageio.v3 import imread

from napari_deepflash2.consensus import dice

ITERATIONS = 300


def command(*arguments: object) -> None:
    """Run the command line as a user would and say how long it took."""
    words = [str(argument) for argument in arguments]
    print("$ napari-deepflash2", *words, flush=True)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "napari_deepflash2", *words], check=True)
    print(f"({time.perf_counter() - start:.0f} s)\n", flush=True)


def copied(paths: Sequence[Path], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copy(path, folder)
    return folder


def train_and_predict(images: Sequence[Path], masks: Path, n_training: int, out: Path) -> pd.DataFrame:
    """Train on the first images, predict the others; return the table of predictions."""
    training = copied(images[:n_training], out / "training_images")
    test = copied(images[n_training:], out / "test_images")
    names = {path.stem for path in images[:n_training]}
    chosen = [path for path in sorted(masks.iterdir()) if path.stem.removesuffix("_mask") in names]
    of_training = copied(chosen, out / "training_masks")
    settings = ("--iterations", ITERATIONS, "--models", 2)
    command("train", "--images", training, "--masks", of_training, "--out", out / "ensemble", *settings)
    command("predict", "--images", test, "--ensemble", out / "ensemble", "--out", out / "predictions")
    return pd.read_csv(out / "predictions" / "predictions.csv", dtype={"image": str})


def foreground(folder: Path, name: str) -> np.ndarray:
    (path,) = folder.glob(f"{name}.*")
    return imread(path) > 0


def cfos(data: Path, out: Path) -> None:
    source = data / "multi_expert" / "cfos_wue1"
    experts = sorted(source.glob("expert*"))
    for expert in experts:
        copied(sorted(expert.iterdir()), out / "experts" / expert.name)
    command("consensus", out / "experts", "--out", out / "consensus")
    images = sorted((source / "images").iterdir())
    equal = [
        np.array_equal(foreground(out / "consensus", i.stem), foreground(source / "est_GT", i.stem))
        for i in images
    ]
    print(
        f"consensus equal to the published estimate, pixel for pixel: {sum(equal)} of {len(equal)} images\n"
    )
    masks = copied([path for path in (out / "consensus").iterdir() if path.suffix != ".csv"], out / "masks")
    table = train_and_predict(images, masks, 12, out).set_index("image")
    references = {"consensus": out / "consensus", **{expert.name: expert for expert in experts}}
    for title, folder in references.items():
        table[title] = [
            dice(foreground(out / "predictions" / "labels", name), foreground(folder, name))
            for name in table.index
        ]
    print(f"Dice of the ensemble on {len(table)} images not used for training")
    print(table[["score", *references]].to_string(float_format="{:.3f}".format))
    print(table[[*references]].mean().to_string(float_format="{:.3f}".format))


def dsb(data: Path, out: Path) -> None:
    source = data / "dsb_fluo"
    # Every fifth image, so that each of the set's kinds is there.
    images = sorted((source / "images").iterdir())[::5]
    images = images[::3] + images[1::3] + images[2::3]
    table = train_and_predict(images, source / "masks", 8, out).set_index("image")
    table["dice"] = [
        dice(foreground(out / "predictions" / "labels", name), foreground(source / "masks", f"{name}_mask"))
        for name in table.index
    ]
    print(f"Dice of the ensemble on {len(table)} images not used for training")
    print(table[["score", "dice"]].to_string(float_format="{:.3f}".format))
    print(f"mean {table['dice'].mean():.3f}")


if __name__ == "__main__":
    name, data, out = sys.argv[1:]
    Path(out).mkdir(parents=True)
    {"cfos": cfos, "dsb": dsb}[name](Path(data), Path(out))
