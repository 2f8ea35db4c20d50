"""A network among five experts: out-of-fold Dice on the cFOS set of Segebarth et al.

    python benchmarks/cfos_out_of_fold.py FOLDER --iterations 1000

FOLDER is multi_expert/cfos_wue1: `images`, `expert1` to `expert5` and `est_GT`, the consensus that its
authors published (eLife 2020, doi 10.7554/eLife.59780). Five folds learn from the consensus; each image is
predicted by the model that never saw it. Printed are the Dice of model and experts with the consensus, and
with the consensus of all experts but one, in which neither has a say. With --out the ensemble is kept.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from napari_deepflash2.consensus import dice, measure_agreement_of_images
from napari_deepflash2.data import read_labels
from napari_deepflash2.ensemble import Review, train_ensemble
from napari_deepflash2.jobs import review_ensemble

PAPER = {
    "deepflash2, pretrained encoder": 0.822,
    "nnU-Net": 0.797,
    "deepflash2, random weights": 0.779,
    "U-Net (2019)": 0.769,
}


def experts_alone(folder: Path, out: Path) -> Path:
    """Put the experts' folders where nothing else lies beside them."""
    for expert in sorted(folder.glob("expert*")):
        shutil.copytree(expert, out / expert.name, dirs_exist_ok=True)
    return out


def masks_in(folder: Path) -> dict[str, np.ndarray]:
    """Read masks by name, as 0 and 1."""
    return {path.stem: (read_labels(path).data > 0).astype(np.uint8) for path in sorted(folder.iterdir())}


def table(review: Review, folder: Path, experts: Path) -> pd.DataFrame:
    """Dice of the model and of each expert, with the consensus and with that of the others."""
    consensus = masks_in(folder / "est_GT")
    drawn = {path.name: masks_in(path) for path in sorted(experts.iterdir())}
    against = review.against_experts
    assert against is not None
    rows = {
        "model, out of fold": {"consensus": review.images["dice"].mean(), "others": against["dice"].mean()}
    }
    images = {name: {expert: masks[name] for expert, masks in drawn.items()} for name in consensus}
    leave_one_out = measure_agreement_of_images(images).leave_one_out
    for expert, masks in drawn.items():
        own = np.mean([dice(masks[name], consensus[name]) for name in consensus])
        rows[expert] = {"consensus": own, "others": leave_one_out["dice"][expert]}
    return pd.DataFrame.from_dict(rows, orient="index").rename(
        columns={"consensus": "Dice with the consensus", "others": "with that of the others"}
    )


def main() -> None:
    """Train, review and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, required=True)
    parser.add_argument("--architecture", help="network of the registry; the default where not given")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = arguments.out or Path(scratch) / "ensemble"
        training = {"iterations": arguments.iterations}
        if arguments.architecture:
            training["architecture"] = arguments.architecture
        began, cpu = time.perf_counter(), time.process_time()
        ensemble = train_ensemble(
            arguments.folder / "images",
            arguments.folder / "est_GT",
            out,
            {"training": training},
            resume=arguments.resume,
        )
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        experts = experts_alone(arguments.folder, Path(scratch) / "experts")
        review = review_ensemble(out, experts)
        report(review, table(review, arguments.folder, experts))
        print(
            f"\n{len(ensemble.members)} models of {ensemble.config.training.architecture}, "
            f"{arguments.iterations} iterations each: {seconds:.0f} s, {cpu:.0f} CPU seconds"
        )


def report(review: Review, scores: pd.DataFrame) -> None:
    """Print the tables."""
    against = review.against_experts
    assert against is not None
    print("| | Dice with the consensus | with the consensus of the others |\n|---|---|---|")
    for name, row in scores.iterrows():
        print(f"| {name} | {row.iloc[0]:.3f} | {row.iloc[1]:.3f} |")
    mean = scores.drop(index="model, out of fold").mean()
    print(f"| mean of the experts | {mean.iloc[0]:.3f} | {mean.iloc[1]:.3f} |")
    places = against["place"].value_counts()
    print(
        "\nImages on which the model is", *(f"{places.get(p, 0)} {p}," for p in ("below", "within", "above"))
    )
    print("the range of the experts.")
    folds = review.images.groupby("fold")["dice"].mean()
    print("Dice by fold:", ", ".join(f"{dice:.3f}" for dice in folds))
    means = review.images[["ap_50", "ap", "score"]].mean()
    print("AP50 {ap_50:.3f}, mAP {ap:.3f}, uncertainty {score:.3f}".format(**means))
    for name, one in review.reliabilities.items():
        print(f"expected calibration error, {name}: {one.expected_calibration_error:.4f}")
    print("\nFor orientation, the paper on its 8 test images (Nat Commun 2023):")
    for name, value in PAPER.items():
        print(f"| {name} | {value:.3f} |")


if __name__ == "__main__":
    main()
