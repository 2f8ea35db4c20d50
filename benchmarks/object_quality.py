"""Whether the overlap that is expected of single objects comes true.

    python benchmarks/object_quality.py DATA_FOLDER [--iterations N] [--models K] [--ensemble DIR]

DATA_FOLDER holds dsb_fluo: fluorescent nuclei of the 2018 Data Science Bowl (BBBC038, CC0). A small ensemble
is trained on two in three images; with --ensemble it is kept there, or taken from there if it is. On the
others the overlap that is expected of each object is held against the true one, beside what the mean
uncertainty and the overlap with the own probabilities tell: correlation, mean absolute error, and the
AUROC with which objects that match a true one at 0.5 are told from the others.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from napari_deepflash2.config import Configuration
from napari_deepflash2.data import read_image, read_labels
from napari_deepflash2.ensemble import Ensemble, load_ensemble, train_ensemble
from napari_deepflash2.objects import ObjectTraits, best_overlaps

MATCH = 0.5
Image, Mask = NDArray[Any], NDArray[np.uint8]


def read_set(folder: Path) -> list[tuple[Image, Mask]]:
    """Read images, channels averaged, with their masks as background and foreground."""
    found = []
    for path in sorted((folder / "images").iterdir()):
        image = read_image(path).data
        (mask,) = (folder / "masks").glob(f"{path.stem}[._]*")
        grey = image if image.ndim == 2 else image.mean(-1)
        found.append((grey, (read_labels(mask).data > 0).astype(np.uint8)))
    return found


def trained(examples: list[tuple[Image, Mask]], out: Path, models: int, iterations: int) -> Ensemble:
    """Train, or load what is there."""
    if (out / "ensemble.json").exists():
        return load_ensemble(out)
    training = {"models": models, "max_splits": models, "iterations": iterations}
    config = Configuration.of({"data": {"mask_kind": "classes"}, "training": training})
    begun = time.process_time()
    ensemble = train_ensemble([image for image, _ in examples], [mask for _, mask in examples], out, config)
    print(f"trained on {len(examples)} images in {time.process_time() - begun:.0f} s of a processor")
    return ensemble


def objects_of(ensemble: Ensemble, image: Image, truth: Mask) -> pd.DataFrame:
    """Predict an image and hold its objects against the true ones, whether it is flagged or not."""
    assert ensemble.judge is not None
    rule = ensemble.judge.quality.objects
    assert rule is not None
    prediction = ensemble.predict(image)
    found = ensemble.find_objects(prediction)
    winners = prediction.labels.astype(np.uint8)
    traits = ObjectTraits.of(found.labels, winners, prediction.probabilities)
    return pd.DataFrame(
        {
            "true": best_overlaps(found.labels, winners, truth),
            "expected overlap": rule.expected(traits),
            "overlap with probabilities": traits.soft_iou,
            "1 - mean uncertainty": 1 - found.table["uncertainty"].astype(float),
            "flagged": bool(prediction.is_ood),
        }
    )


def row_of(true: pd.Series, said: pd.Series) -> dict[str, float]:
    """Say how one figure goes with the true overlap."""
    return {
        "correlation": float(np.corrcoef(true, said)[0, 1]),
        "mean error": float(np.abs(true - said).mean()),
        "AUROC of a match": float(roc_auc_score(true >= MATCH, said)),
    }


def show(table: pd.DataFrame) -> None:
    """Print a row a figure, and whether the mean comes out in each fifth of what was expected."""
    true, said = table["true"], table["expected overlap"]
    print(f"{len(table)} objects, mean overlap {true.mean():.3f}, expected {said.mean():.3f}")
    matched, flagged = (true >= MATCH).mean(), table["flagged"].mean()
    print(f"{matched:.0%} match at {MATCH}, {flagged:.0%} lie in flagged images\n")
    figures = [name for name in table if name not in ("true", "flagged")]
    rows = {name: row_of(true, table[name]) for name in figures}
    print(pd.DataFrame.from_dict(rows, orient="index").to_string(float_format="{:.3f}".format), "\n")
    fifths = table.groupby(pd.qcut(said, 5, duplicates="drop"), observed=True)
    print(
        fifths[["expected overlap", "true"]]
        .mean()
        .reset_index(drop=True)
        .to_string(float_format="{:.3f}".format)
    )


def main() -> None:
    """Train where there is nothing to load, predict and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=120, help="of each model")
    parser.add_argument("--models", type=int, default=2)
    parser.add_argument("--ensemble", type=Path)
    parser.add_argument("--images", type=int, help="only so many")
    arguments = parser.parse_args()
    data = read_set(arguments.folder / "dsb_fluo")[: arguments.images]
    with tempfile.TemporaryDirectory() as scratch:
        out = arguments.ensemble or Path(scratch) / "ensemble"
        train = [one for number, one in enumerate(data) if number % 3 != 2]
        ensemble = trained(train, out, arguments.models, arguments.iterations)
        show(pd.concat([objects_of(ensemble, *one) for one in data[2::3]], ignore_index=True))


if __name__ == "__main__":
    main()
