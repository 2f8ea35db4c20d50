"""What to learn from several experts: their consensus, soft labels, one of them at a time, or certain pixels.

    python benchmarks/targets_on_real_experts.py FOLDER [--iterations N] [--folds K] [--shrink S] [--seeds M]

FOLDER holds `images` and a folder `expert...` of binary masks for each expert, as
multi_expert/cfos_wue1: 24 images of cFOS from Segebarth et al. (eLife 2020, doi 10.7554/eLife.59780), five
experts. Images are made smaller by averaging S x S pixels, masks by taking one of them.

Every target trains K models, with the default settings otherwise. Each image is predicted by the model that
never saw it, without test-time augmentation, and held against the same experts for all targets:

- Dice with the consensus by STAPLE, and with that by majority: mean over the images
- calibration error of the probability of foreground: against the consensus by STAPLE, and against the share
  of the experts who marked the pixel; over all pixels, and over those that an expert or the model marked
- AUROC with which the uncertainty finds the pixels on which experts disagree, over the same

Before the table: how often soft labels are nearly 0 or 1 where experts disagree.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from napari_deepflash2.config import Configuration
from napari_deepflash2.consensus import dice, estimate_consensus
from napari_deepflash2.data import read_image, read_labels
from napari_deepflash2.ensemble import train_ensemble
from napari_deepflash2.ensemble.review import load_review
from napari_deepflash2.prediction import Reliability

Masks = dict[str, NDArray[np.uint8]]
COLUMNS = (
    "Dice, STAPLE",
    "Dice, majority",
    "calibration error, STAPLE",
    "calibration error, votes",
    "the same, marked pixels",
    "AUROC of disagreement",
    "the same, marked pixels",
)


@dataclass(frozen=True)
class Target:
    """One row: what differs from the defaults."""

    name: str
    training: dict[str, Any] = field(default_factory=dict)
    method: str = "staple"


TARGETS = (
    Target("consensus, STAPLE"),
    Target("consensus, majority", method="majority"),
    Target("soft, posterior of STAPLE", {"target": "soft"}),
    Target("soft, share of votes", {"target": "soft"}, "majority"),
    Target("one expert a tile", {"target": "experts"}),
    Target("consensus, STAPLE, disagreement weight 1", {"disagreement_weight": 1.0}),
    Target(
        "soft, share of votes, disagreement weight 0.5",
        {"target": "soft", "disagreement_weight": 0.5},
        "majority",
    ),
)


@dataclass(frozen=True)
class Annotated:
    """An image, its experts' masks of 0 and 1, and what follows from them."""

    image: NDArray[np.float32]
    masks: Masks

    @property
    def votes(self) -> NDArray[np.float64]:
        """Share of the experts who marked each pixel."""
        return np.mean([*self.masks.values()], axis=0)

    def consensus(self, method: str) -> NDArray[np.bool_]:
        """Foreground by a method."""
        return estimate_consensus(self.masks, method=method).labels == 1


def shrunk(image: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Average squares of pixels; what is left over at the lower and right border is cut off."""
    height, width = (length // factor for length in image.shape[:2])
    squares = image[: height * factor, : width * factor].reshape(height, factor, width, factor, -1)
    return squares.mean((1, 3), dtype=np.float32)


def load(folder: Path, factor: int, n_images: int | None) -> list[Annotated]:
    """Read images and masks of all experts."""
    experts = sorted(path for path in folder.iterdir() if path.is_dir() and path.name.startswith("expert"))
    found = []
    for path in sorted((folder / "images").iterdir())[:n_images]:
        image = shrunk(read_image(path).data, factor)
        height, width = image.shape[:2]
        masks = {}
        for expert in experts:
            (file,) = expert.glob(f"{path.stem}.*")
            whole = read_labels(file).data > 0
            masks[expert.name] = whole[factor // 2 :: factor, factor // 2 :: factor][:height, :width].astype(
                np.uint8
            )
        found.append(Annotated(image, masks))
    return found


def predicted(
    data: Sequence[Annotated], target: Target, training: dict[str, Any]
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float32]]]:
    """Probability of foreground and uncertainty of each image by the model that never saw it."""
    config = Configuration.of(
        {
            "training": {**training, **target.training},
            "consensus": {"method": target.method},
            "prediction": {"test_time_augmentation": "none"},
            "data": {"mask_kind": "classes"},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "ensemble"
        train_ensemble(
            [one.image for one in data], out=out, config=config, experts=[one.masks for one in data]
        )
        review = load_review(out)
        names = [f"{number:04}" for number in range(1, len(data) + 1)]
        probabilities = [review.probabilities(name)[1].astype(np.float64) for name in names]
        return probabilities, [review.uncertainty(name) for name in names]


def scores(
    data: Sequence[Annotated],
    probabilities: Sequence[NDArray[np.float64]],
    uncertainties: Sequence[NDArray[np.float32]],
) -> list[float]:
    """Figures of one training, in the order of the columns."""
    truths = {method: [one.consensus(method) for one in data] for method in ("staple", "majority")}
    labels = [probability > 0.5 for probability in probabilities]
    by_method = [
        np.mean([dice(a, b) for a, b in zip(labels, truth, strict=True)]) for truth in truths.values()
    ]
    votes = np.concatenate([one.votes.ravel() for one in data])
    probability, uncertainty, label, staple = (
        np.concatenate([one.ravel() for one in maps])
        for maps in (probabilities, uncertainties, labels, truths["staple"])
    )
    marked, split = (votes > 0) | label, (votes > 0) & (votes < 1)
    return [
        *(float(value) for value in by_method),
        calibration_error(probability, staple),
        calibration_error(probability, votes),
        calibration_error(probability[marked], votes[marked]),
        float(roc_auc_score(split, uncertainty)),
        float(roc_auc_score(split[marked], uncertainty[marked])),
    ]


def calibration_error(probability: NDArray[np.float64], share: NDArray[Any]) -> float:
    """Expected calibration error; where experts are asked, their share takes the place of right and wrong."""
    return Reliability.of_probability(probability, share).expected_calibration_error or 0.0


def saturation(data: Sequence[Annotated]) -> None:
    """Print how many of the pixels on which experts disagree have a soft label within 0.05 of 0 or 1."""
    for method, name in (("staple", "posterior of STAPLE"), ("majority", "share of votes")):
        soft = np.concatenate([estimate_consensus(one.masks, method=method).soft(1).ravel() for one in data])
        votes = np.concatenate([one.votes.ravel() for one in data])
        values = soft[(votes > 0) & (votes < 1)]
        share = float(np.mean((values < 0.05) | (values > 0.95)))
        print(f"{name}: within 0.05 of 0 or 1 on {100 * share:.0f} % of the pixels on which experts disagree")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--shrink", type=int, default=2)
    parser.add_argument("--images", type=int, help="take the first so many only")
    parser.add_argument(
        "--seeds", type=int, default=1, help="trainings of each target; figures are their mean"
    )
    parser.add_argument("--architecture", default="unet")
    parser.add_argument("--tile-size", type=int, default=256)
    parser.add_argument("--only", nargs="*", help="rows whose names hold one of these")
    options = parser.parse_args()
    data = load(options.folder, options.shrink, options.images)
    saturation(data)
    print(f"| target | {' | '.join(COLUMNS)} | seconds |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    training = {"architecture": options.architecture, "tile_size": options.tile_size}
    training |= {"iterations": options.iterations, "max_splits": options.folds}
    for target in TARGETS:
        if options.only and not any(part in target.name for part in options.only):
            continue
        start = time.process_time()
        found = [
            scores(data, *predicted(data, target, {**training, "random_state": seed}))
            for seed in range(options.seeds)
        ]
        figures = " | ".join(f"{value:.3f}" for value in np.mean(found, axis=0))
        print(f"| {target.name} | {figures} | {time.process_time() - start:.0f} |", flush=True)


if __name__ == "__main__":
    main()
