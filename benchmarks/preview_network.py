"""How much sooner a preview network shows what an ensemble would say, and how near it comes.

    python benchmarks/preview_network.py DATA_FOLDER [--ensemble DIR] [--iterations N] [--steps N] [...]

DATA_FOLDER holds images and masks of dsb_fluo, from the 2018 Data Science Bowl (BBBC038, CC0). An ensemble of
five models is trained on two in three of them; with --ensemble it is kept there, or taken from there if it
is. It is distilled on the same images into one network. On the others, which neither has seen, are compared:
the classes, the uncertainty and its epistemic part of both, and the Dice of both with the masks. Time is
measured in turns on 1024 x 1024 pixels: the ensemble with its flips, as it predicts, and without the judging
of the prediction, which a preview leaves out.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from napari_deepflash2 import Configuration, distil_student, load_ensemble, train_ensemble
from napari_deepflash2.consensus import dice
from napari_deepflash2.data import read_image, read_labels
from napari_deepflash2.ensemble import Ensemble, Student
from napari_deepflash2.prediction import Prediction

SIDE = 1024
Pair = tuple[NDArray[np.float32], NDArray[np.bool_]]


def read_set(folder: Path) -> list[Pair]:
    """Read images, of which channels are averaged, with their masks."""
    found = []
    for path in sorted((folder / "images").iterdir()):
        image, (mask,) = (
            read_image(path).data.astype(np.float32),
            (folder / "masks").glob(f"{path.stem}[._]*"),
        )
        grey = image if image.ndim == 2 else image.mean(-1, dtype=np.float32)
        found.append((grey, read_labels(mask).data > 0))
    return found


def trained(pairs: Sequence[Pair], out: Path, iterations: int) -> Ensemble:
    """Train, or load what is there."""
    if (out / "ensemble.json").exists():
        return load_ensemble(out)
    training = {"models": 5, "max_splits": 5, "iterations": iterations}
    config = Configuration.of({"data": {"mask_kind": "classes"}, "training": training})
    return train_ensemble([one[0] for one in pairs], [one[1].astype(np.uint8) for one in pairs], out, config)


def mosaic(pairs: Sequence[Pair]) -> NDArray[np.float32]:
    """Lay images side by side, and again until there are enough."""
    tile = pairs[0][0]
    times = [-(-SIDE // length) for length in tile.shape]
    return np.tile(tile, times)[:SIDE, :SIDE]


def timed(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each, in turns after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def report_time(ensemble: Ensemble, student: Student, pairs: Sequence[Pair], rounds: int) -> None:
    """Print seconds a megapixel and how many times sooner the preview is there."""
    image, plain = mosaic(pairs), replace(ensemble, judge=None)
    megapixels = SIDE**2 / 1e6
    runs: dict[str, Callable[[], Any]] = {
        "preview network": lambda: student.predict(image),
        "ensemble": lambda: ensemble.predict(image),
        "ensemble, not judged": lambda: plain.predict(image),
    }
    seconds = timed(runs, rounds)
    for name, value in seconds.items():
        times = value / seconds["preview network"]
        print(f"{name}: {value / megapixels:.3f} s a megapixel, {times:.1f} times the preview's")


def pooled(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """All pixels of all images in a row."""
    return np.concatenate([one.ravel() for one in maps])


def report_fidelity(
    previews: Sequence[Prediction], full: Sequence[Prediction], pairs: Sequence[Pair]
) -> None:
    """Print how near the previews come to the ensemble, and both to the masks."""
    same = pooled([(own.labels == other.labels) for own, other in zip(previews, full, strict=True)]).mean()
    near = [dice(own.labels > 0, other.labels > 0) for own, other in zip(previews, full, strict=True)]
    print(f"same class on {same:.2%} of the pixels of {len(pairs)} held-out images")
    print(f"Dice of the preview with the ensemble: {np.mean(near):.3f}, lowest {min(near):.3f}")
    for name, predictions in (("preview", previews), ("ensemble", full)):
        scores = [dice(one.labels > 0, mask) for one, (_, mask) in zip(predictions, pairs, strict=True)]
        print(f"Dice of the {name} with the masks: {np.mean(scores):.3f}, lowest {min(scores):.3f}")
    for kind in ("uncertainty", "epistemic"):
        own, others = (pooled([getattr(one, kind) for one in of]) for of in (previews, full))
        print(f"correlation of the {kind}: {np.corrcoef(own, others)[0, 1]:.3f}")


def main() -> None:
    """Train, distil, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="folder of dsb_fluo, or the one above it")
    parser.add_argument("--ensemble", type=Path, help="where to keep the ensemble")
    parser.add_argument("--iterations", type=int, default=150, help="of each of the five models")
    parser.add_argument(
        "--steps", type=int, default=Configuration().student.iterations, help="of the student"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of the measurement of time")
    parser.add_argument("--images", type=int, help="take no more than this")
    arguments = parser.parse_args()
    own = arguments.folder / "dsb_fluo"
    pairs = read_set(own if own.is_dir() else arguments.folder)[: arguments.images]
    rest = pairs[::3]
    learned = [pair for number, pair in enumerate(pairs) if number % 3]
    with tempfile.TemporaryDirectory() as scratch:
        ensemble = trained(learned, arguments.ensemble or Path(scratch) / "ensemble", arguments.iterations)
        settings = ensemble.config.replace("student", iterations=arguments.steps)
        start = time.process_time()
        student = distil_student(ensemble.folder, [image for image, _ in learned], settings)
        print(f"distilled in {time.process_time() - start:.0f} s of one processor")
        print(f"{len(ensemble.members)} models, {settings.prediction.test_time_augmentation}; {student.note}")
        previews = [student.predict(image) for image, _ in rest]
        report_fidelity(previews, [ensemble.predict(image) for image, _ in rest], rest)
        report_time(ensemble, student, rest, arguments.rounds)


if __name__ == "__main__":
    main()
