"""A review of a training in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..prediction.hesitation import hesitation_in_words
from ..viewer.review import Region

if TYPE_CHECKING:
    import pandas as pd

    from ..ensemble import Review
    from ..prediction import Hesitation

CHECK_HINT = (
    "Those that weigh most come first: many pixels, of which the model is sure. Either the model is wrong "
    "there, or the mask: look, and mend your mask where it is. N and Shift+N go on and back, also in the "
    "image."
)
HESITATION_HINT = (
    "Where the two differ most: experts are undecided and the model is sure, or the model hesitates and the "
    "experts agree. N and Shift+N go on and back."
)
NOTHING_DIFFERS = "The model hesitates nowhere much more, or less, than the experts."
NOTHING_CONTRADICTS = "Mask and models agree: there is nothing to look at."
NO_EXPERTS = (
    "Nobody but the models is compared yet. Where several experts annotated these images, give the folder "
    "of their masks to see whether the models are as close to them as they are to each other, and hesitate "
    "where they disagree."
)


def summary_of(review: Review) -> str:
    """Say in a few lines what the figures come to."""
    scores = review.images[["dice", "ap_50", "ap"]].mean()
    known = int(review.images["score"].notna().sum())
    error = review.reliabilities["prediction"].expected_calibration_error
    lines = [
        f"{known} of {len(review.images)} images, each by the model that never saw it",
        "mean Dice {dice:.3f}, AP50 {ap_50:.3f}, mAP {ap:.3f}".format(**scores),
        f"expected calibration error {'–' if error is None else f'{error:.3f}'}",
    ]
    if review.against_experts is not None:
        lines.append(place_of(review.against_experts))
    if review.hesitation is not None and review.hesitation.auroc is not None:
        lines.append(f"AUROC of the experts' disagreement by uncertainty {review.hesitation.auroc:.3f}")
    return "\n".join(lines)


def place_of(table: pd.DataFrame) -> str:
    """Say where the models are among the experts."""
    counts = ", ".join(f"{(table['place'] == place).sum()} {place}" for place in ("below", "within", "above"))
    return (
        f"models against experts: {counts} their range; mean Dice {table['dice'].mean():.3f}, "
        f"experts {table['ceiling'].mean():.3f}"
    )


def hesitation_text(hesitation: Hesitation) -> str:
    """Say whether the models hesitate where experts disagree."""
    whole = hesitation.auroc_whole
    text = hesitation_in_words(hesitation.auroc)
    return f"{text}." if whole is None else f"{text}. Over whole images, which is easy: {whole:.3f}."


def region_of(row: pd.Series, of: Literal["labels", "hesitation"]) -> Region:
    """Take a row of a list of regions."""
    y, x, top, left, bottom, right = (int(row[name]) for name in ("y", "x", "top", "left", "bottom", "right"))
    return Region(str(row["image"]), y, x, top, left, bottom, right, of)


def region_text(row: pd.Series, number: int, total: int) -> str:
    """Say what is contradicted there."""
    return (
        f"{number} of {total}, image {row['image']}: the mask says {row['mask']}, the model {row['model']}, "
        f"on {row['area']} pixels (margin {row['margin']:.2f})"
    )


def difference_text(row: pd.Series, number: int, total: int) -> str:
    """Say who is undecided there."""
    said = {
        "experts": "the experts disagree and the model is sure",
        "model": "the model hesitates and the experts agree",
    }[row["undecided"]]
    return f"{number} of {total}, image {row['image']}: {said}, on {row['area']} pixels"


def titles_of(review: Review) -> dict[str, str]:
    """Name each reliability, with its calibration error."""
    titles = {}
    for name, one in review.reliabilities.items():
        what = "predicted class" if name == "prediction" else f"class {name}"
        error = one.expected_calibration_error
        titles[name] = f"{what}, error {'–' if error is None else f'{error:.3f}'}"
    return titles
