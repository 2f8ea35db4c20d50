"""Whether the expected Dice comes true, and whether what is foreign is flagged.

    python benchmarks/quality.py DATA_FOLDER [--iterations N] [--ensemble DIR] [--models K] [--images N]
    python benchmarks/quality.py DATA_FOLDER --experts [...]

DATA_FOLDER holds dsb_fluo, dsb_he and dsb_ood_grey: images of the 2018 Data Science Bowl (BBBC038, CC0). An
ensemble is trained on two in three images of dsb_fluo; with --ensemble it is kept there, or taken from there
if it is. On the others are measured how the expected Dice goes with the true one, how many intervals hold it,
and the calibration error with and without the temperature. Foreign are stained tissue in grey, brightfield,
and the held-out images themselves: blurred, noisy, with dust or another stain in one corner, inverted. The
expected Dice is shown of flagged images too, of which a prediction says none.

With --experts the ensemble learns from cfos_wue1 in multi_expert (Segebarth et al., eLife 2020): images of
three other laboratories and another stain are to be flagged or expected to be bad, and uncertainty is held
against the disagreement of the experts, on images that a model never saw.

The notebooks of deepflash2's paper (Griebel et al., Nature Communications 14:1679, 2023) print R² 0.567
between uncertainty and Dice, over test images of five sets, and for partly foreign images an effect size of
0.274, which is an AUROC of 0.73: of other images than these.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from napari_deepflash2.config import Configuration
from napari_deepflash2.consensus import dice
from napari_deepflash2.data import read_image, read_labels
from napari_deepflash2.ensemble import Ensemble, load_ensemble, load_review, train_ensemble
from napari_deepflash2.prediction import Reliability
from napari_deepflash2.prediction.calibration import tempered
from napari_deepflash2.prediction.likeness import score_of_image
from napari_deepflash2.prediction.quality import Traits
from napari_deepflash2.prediction.sources import InMemory

Image = NDArray[np.float32]
Spoil = Callable[[Image, np.random.Generator], tuple[Image, NDArray[np.bool_]]]
# Pixels of a map of cells that are looked at: one in so many along each axis.
STEP = 8
# Sides of the parts of images that are judged as images of their own, in pixels.
REGIONS = (64, 128, 256)


@dataclass(frozen=True)
class Example:
    """An image, its mask, and which pixels are foreign."""

    image: Image
    mask: NDArray[np.bool_]
    foreign: NDArray[np.bool_]


def blurred(image: Image, _: np.random.Generator) -> tuple[Image, NDArray[np.bool_]]:
    """Out of focus."""
    return ndimage.gaussian_filter(image, 3), np.ones(image.shape, bool)


def noisy(image: Image, rng: np.random.Generator) -> tuple[Image, NDArray[np.bool_]]:
    """Hardly any light."""
    return image + rng.normal(0, 0.7 * image.std(), image.shape).astype(np.float32), np.ones(
        image.shape, bool
    )


def inverted(image: Image, _: np.random.Generator) -> tuple[Image, NDArray[np.bool_]]:
    """Bright background."""
    return image.max() + image.min() - image, np.ones(image.shape, bool)


def dusty(image: Image, rng: np.random.Generator) -> tuple[Image, NDArray[np.bool_]]:
    """Dark grains with a bright rim in one quarter."""
    spoiled, quarter = image.copy(), corner(image.shape)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    for _ in range(image.size // 8000 + 3):
        centre = rng.integers(0, image.shape[0] // 2), rng.integers(0, image.shape[1] // 2)
        distance, radius = np.hypot(y - centre[0], x - centre[1]), rng.uniform(3, 9)
        spoiled[distance < radius + 2], spoiled[distance < radius] = image.max(), image.min()
    return spoiled, quarter


def stained(image: Image, _: np.random.Generator) -> tuple[Image, NDArray[np.bool_]]:
    """Another stain in one quarter: dark objects on bright ground."""
    quarter = corner(image.shape)
    return np.where(quarter, image.max() + image.min() - image, image), quarter


def corner(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Upper left quarter."""
    found = np.zeros(shape, bool)
    found[: shape[0] // 2, : shape[1] // 2] = True
    return found


SPOILS: dict[str, Spoil] = {
    "blurred": blurred,
    "noisy": noisy,
    "inverted": inverted,
    "dust in a corner": dusty,
    "another stain in a corner": stained,
}


def grey(path: Path) -> Image:
    """Read an image; channels are averaged."""
    data = read_image(path).data.astype(np.float32)
    return data if data.ndim == 2 else data.mean(-1, dtype=np.float32)


def read_set(folder: Path, masks: str = "masks") -> list[Example]:
    """Read images with their masks."""
    found = []
    for path in sorted((folder / "images").iterdir()):
        image, (file,) = grey(path), (folder / masks).glob(f"{path.stem}[._]*")
        found.append(Example(image, read_labels(file).data > 0, np.ones(image.shape, bool)))
    return found


@contextmanager
def kept(folder: Path | None) -> Iterator[Path]:
    """Give the folder of the ensemble, or one for the time being."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch) / "ensemble"


def trained(
    examples: Sequence[Example], out: Path, arguments: argparse.Namespace, experts: Any = None
) -> Ensemble:
    """Train, or load what is there."""
    if (out / "ensemble.json").exists():
        return load_ensemble(out)
    training: dict[str, Any] = {"models": arguments.models, "max_splits": arguments.models}
    if arguments.iterations:
        training["iterations"] = arguments.iterations
    config = Configuration.of({"data": {"mask_kind": "classes"}, "training": training})
    masks = None if experts else [one.mask.astype(np.uint8) for one in examples]
    return train_ensemble([one.image for one in examples], masks, out, config, experts=experts)


@dataclass(frozen=True)
class Judged:
    """What was said of an image, and what is so."""

    dice: float
    expected: float
    low: float
    high: float
    score: float
    ood: float
    places: tuple[NDArray[np.bool_], NDArray[np.float32]]
    raw: Reliability
    calibrated: Reliability


def judge(ensemble: Ensemble, example: Example) -> Judged:
    """Predict an image; the expected Dice is that of the rule, even where the image is flagged."""
    found = ensemble.predict(example.image)
    assert ensemble.judge is not None
    assert ensemble.judge.quality.dice is not None
    assert found.ood_score is not None
    assert found.ood_map is not None
    expected = ensemble.judge.quality.dice.expected(Traits.of(found.probabilities))
    low, high = expected.interval or (np.nan, np.nan)
    truth, p = example.mask.astype(np.uint8), found.probabilities
    places = (example.foreign[::STEP, ::STEP].ravel(), found.ood_map[::STEP, ::STEP].ravel())
    return Judged(
        float(dice(found.labels > 0, example.mask)),
        expected.dice,
        low,
        high,
        found.score,
        found.ood_score,
        places,
        Reliability.of_prediction(tempered(p, 1 / ensemble.temperature), truth),
        Reliability.of_prediction(p, truth),
    )


def explained(of: Sequence[float], by: Sequence[float]) -> float:
    """Square of the correlation."""
    return float(np.corrcoef(of, by)[0, 1] ** 2)


def report_of_home(title: str, found: Sequence[Judged]) -> None:
    """Print whether what was expected came true."""
    true, expected = [one.dice for one in found], [one.expected for one in found]
    held = [one.low <= one.dice <= one.high for one in found]
    width = np.mean([one.high - one.low for one in found])
    errors = [
        sum((getattr(one, kind) for one in found), Reliability.empty()).expected_calibration_error
        for kind in ("raw", "calibrated")
    ]
    print(f"{title}: {len(found)} images, Dice {np.mean(true):.3f} (expected {np.mean(expected):.3f})")
    print(f"  R² of the true with the expected Dice  {explained(true, expected):.3f}")
    print(f"  R² of the true Dice with uncertainty   {explained(true, [one.score for one in found]):.3f}")
    print("  (deepflash2 of itself                   0.567)")
    print(f"  mean absolute error of the expectation {np.mean(np.abs(np.subtract(true, expected))):.3f}")
    print(f"  Dice within the 90 % interval          {np.mean(held):.2f}, mean width {width:.2f}")
    print(f"  calibration error before, after        {errors[0]:.4f}, {errors[1]:.4f}\n")


def row_of(home: Sequence[Judged], found: Sequence[Judged]) -> dict[str, float]:
    """Say how one kind of image is told from those at home."""
    kinds = [0] * len(home) + [1] * len(found)
    everyone = [*home, *found]
    return {
        "images": len(found),
        "Dice": float(np.mean([one.dice for one in found])),
        "expected": float(np.mean([one.expected for one in found])),
        "flagged": float(np.mean([one.ood > 0 for one in found])),
        "AUROC": float(roc_auc_score(kinds, [one.ood for one in everyone])),
        "by uncertainty": float(roc_auc_score(kinds, [one.score for one in everyone])),
        "AUROC of places": auroc_of_places(found),
    }


def auroc_of_places(found: Sequence[Judged]) -> float:
    """Of the map, within partly foreign images; not a number where all of an image is foreign."""
    truth, scores = (np.concatenate([one.places[i] for one in found]) for i in (0, 1))
    return float("nan") if truth.all() else float(roc_auc_score(truth, scores))


def show(home: Sequence[Judged], kinds: dict[str, list[Judged]]) -> None:
    """Print a row a kind."""
    rows = {"at home": row_of(home, home), **{name: row_of(home, found) for name, found in kinds.items()}}
    print(pd.DataFrame.from_dict(rows, orient="index").to_string(float_format="{:.2f}".format, na_rep=""))
    print("(deepflash2 of itself, for partly foreign images: AUROC 0.73)\n")


def nuclei(arguments: argparse.Namespace, out: Path) -> None:
    """Fluorescent nuclei at home, all else foreign."""
    data = read_set(arguments.folder / "dsb_fluo")[: arguments.images]
    ensemble = trained([one for i, one in enumerate(data) if i % 3 != 2], out, arguments)
    held_out = data[2::3]
    home = [judge(ensemble, one) for one in held_out]
    kinds = {
        name: [judge(ensemble, one) for one in read_set(arguments.folder / name)[: arguments.images]]
        for name in ("dsb_he", "dsb_ood_grey")
    }
    for name, spoil in SPOILS.items():
        rng = np.random.default_rng(0)
        kinds[name] = [judge(ensemble, Example(*_with(one, spoil, rng))) for one in held_out]
    report_of_home("Held-out images of dsb_fluo", home)
    everything = [*home, *(one for name in SPOILS for one in kinds[name])]
    report_of_home("These and their spoiled copies", everything)
    report_of_home("Of all of these what is not flagged", [one for one in everything if one.ood <= 0])
    show(home, kinds)
    report_of_regions(ensemble, held_out)


def report_of_regions(ensemble: Ensemble, examples: Sequence[Example]) -> None:
    """Print how often a part of a held-out image, standardised as the whole, is called unlike."""
    judge, rng = ensemble.judge, np.random.default_rng(0)
    assert judge is not None
    assert judge.quality.likeness is not None
    limit = judge.quality.likeness.images.limit(ensemble.config.prediction.false_alarm_rate)
    for side in REGIONS:
        scores = []
        for image in (one.image[..., np.newaxis] for one in examples if min(one.image.shape) >= side):
            looks = {one.normalisation: one.normalisation.for_image(image) for one in judge.encoders.values()}
            y, x = (rng.integers(0, length - side + 1) for length in image.shape[:2])
            part = InMemory(np.ascontiguousarray(image[y : y + side, x : x + side]))
            scores.append(
                score_of_image(np.concatenate([cells for _, cells in judge.unlikeness(part, looks)]))
            )
        unlike = float(np.mean(np.array(scores) > limit))
        print(f"Regions of {side}² pixels called unlike: {unlike:.2f} of {len(scores)}")


def _with(example: Example, spoil: Spoil, rng: np.random.Generator) -> tuple[Any, ...]:
    image, foreign = spoil(example.image, rng)
    return image, example.mask, foreign


def laboratories(arguments: argparse.Namespace, out: Path) -> None:
    """One laboratory at home, the others and another stain foreign."""
    sets = arguments.folder / "multi_expert"
    own = sets / "cfos_wue1"
    data = read_set(own, "est_GT")[: arguments.images]
    paths = sorted((own / "images").iterdir())[: arguments.images]
    masks = [
        {
            expert.name: (read_labels(next(expert.glob(f"{path.stem}.*"))).data > 0).astype(np.uint8)
            for expert in sorted(own.glob("expert*"))
        }
        for path in paths
    ]
    train = [i for i in range(len(data)) if i % 4 != 3]
    ensemble = trained([data[i] for i in train], out, arguments, [masks[i] for i in train])
    home = [judge(ensemble, one) for one in data[3::4]]
    kinds = {
        name: [judge(ensemble, one) for one in read_set(sets / name, "est_GT")]
        for name in ("cfos_mue", "cfos_inns1", "cfos_inns2", "gaba_wue2")
    }
    report_of_home("Held-out images of cfos_wue1", home)
    show(home, kinds)
    disagreement(ensemble)


def disagreement(ensemble: Ensemble) -> None:
    """Print whether models that never saw an image hesitate where its experts disagree."""
    review = load_review(ensemble.folder)
    if review.hesitation is None or review.hesitation_images is None:
        print("The ensemble was trained without experts, or by an earlier version: nothing on disagreement.")
        return
    means = review.hesitation_images.mean(numeric_only=True)
    print("AUROC of expert disagreement by uncertainty: over all images' pixels, mean of the images")
    print(f"  among what an expert or the model marked  {review.hesitation.auroc:.3f}  {means['auroc']:.3f}")
    whole = review.hesitation.auroc_whole
    print(f"  among all pixels                          {whole:.3f}  {means['auroc_whole']:.3f}")


def main() -> None:
    """Train where there is nothing to load, predict and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--experts", action="store_true", help="laboratories instead of nuclei")
    parser.add_argument("--iterations", type=int, help="of each model; the default where not given")
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--ensemble", type=Path)
    parser.add_argument("--images", type=int, help="only so many of each set")
    arguments = parser.parse_args()
    with kept(arguments.ensemble) as out:
        (laboratories if arguments.experts else nuclei)(arguments, out)


if __name__ == "__main__":
    main()
