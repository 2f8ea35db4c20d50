"""Agreement of the experts of real data sets, as tables in Markdown.

    python benchmarks/consensus_agreement_tables.py FOLDER [FOLDER ...] [--out DIR]

Each folder holds one sub-folder an expert, ``expert*``, with PNG masks of equal names, and perhaps ``est_GT``
with a published consensus, which is then compared pixel for pixel. With ``--out`` all tables and figures of
each set are written to a folder of its name.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from napari_deepflash2.consensus import (
    Agreement,
    estimate_consensus,
    kappa_in_words,
    measure_agreement_of_images,
    save_agreement,
)

Images = dict[str, dict[str, np.ndarray]]


def read(folder: Path) -> Images:
    experts = sorted(folder.glob("expert*"), key=lambda path: (len(path.name), path.name))
    names = sorted({path.name for expert in experts for path in expert.glob("*.png")})
    return {
        name: {expert.name: iio.imread(expert / name) for expert in experts if (expert / name).exists()}
        for name in names
    }


def summarise(agreement: Agreement) -> str:
    pairwise = agreement.pairwise_dice.to_numpy(float)
    among = pairwise[np.triu_indices(len(pairwise), 1)]
    kappa = agreement.fleiss_kappa
    seen = ", ".join(f"{count} by {votes}" for votes, count in agreement.objects_seen_by.items())
    return (
        f"{len(agreement.patterns)} images, {len(agreement.experts)} experts. Dice of two experts "
        f"{among.mean():.2f} ({among.min():.2f} to {among.max():.2f}); Fleiss' kappa {kappa:.2f} "
        f"({kappa_in_words(kappa)}), Krippendorff's alpha {agreement.krippendorff_alpha:.2f}. "
        f"Objects seen: {seen}."
    )


def print_experts(agreement: Agreement) -> None:
    table = agreement.leave_one_out.join(agreement.bias[["objects", "count_ratio"]])
    print("| expert | Dice (95 %) | sensitivity | specificity | area ratio | objects | count ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, row in table.iterrows():
        print(
            f"| {name} | {row.dice:.2f} ({row.dice_low:.2f} to {row.dice_high:.2f}) | {row.sensitivity:.2f} "
            f"| {row.specificity:.3f} | {row.area_ratio:.2f} | {row.objects} | {row.count_ratio:.2f} |"
        )


def print_published(folder: Path, images: Images) -> None:
    if (folder / "est_GT").is_dir():
        differing = [
            int((estimate_consensus(masks).labels != iio.imread(folder / "est_GT" / name)).sum())
            for name, masks in images.items()
        ]
        print(f"\nPublished consensus: {differing.count(0)} of {len(differing)} images equal in every pixel.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    for folder in options.folders:
        images = read(folder)
        agreement = measure_agreement_of_images(images)
        print(f"\n### {folder.resolve().name}\n\n{summarise(agreement)}\n")
        print_experts(agreement)
        for note in agreement.notes:
            print(f"\nNote: {note}")
        print_published(folder, images)
        if options.out:
            save_agreement(agreement, options.out / folder.resolve().name)


if __name__ == "__main__":
    main()
