"""What the report says of all images together."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .predicted import Row
from .report_pictures import address

if TYPE_CHECKING:
    import pandas as pd

_FIGURES = {
    "expected_dice": "Dice to expect",
    "score": "uncertainty",
    "dice": "Dice",
    "iou": "IoU",
    "ap_50": "AP at 0.5",
    "ap": "mean AP",
}
_MOST_INTERVALS = 200


def summary(table: pd.DataFrame) -> list[list[str]]:
    """Make a table of means and ranges over all images or slices, its names first."""
    rows = [["figure", "mean", "median", "lowest", "highest", "known of"]]
    for name, title in _FIGURES.items():
        known = table[name].dropna().astype(float) if name in table else table["score"][:0]
        if len(known):
            values = (known.mean(), known.median(), known.min(), known.max())
            rows.append([title, *(f"{value:.3f}" for value in values), f"{len(known)} of {len(table)}"])
    return rows


def comparable(rows: Sequence[Row]) -> list[Row]:
    """Keep what has both an expected and a true Dice."""
    return [row for row in rows if row["expected_dice"] is not None and row.get("dice") is not None]


def expected_against_true(rows: Sequence[Row]) -> str:
    """Say how far the expected Dice came true.

    Parameters
    ----------
    rows : sequence of dict
        Each with ``expected_dice`` and ``dice``.
    """
    expected = np.array([row["expected_dice"] for row in rows])
    true = np.array([row["dice"] for row in rows])
    words = [f"The Dice expected is off by {np.abs(expected - true).mean():.3f} on average"]
    if len(rows) >= 3 and expected.std() > 0 and true.std() > 0:
        words.append(f"the correlation with the true one is {np.corrcoef(expected, true)[0, 1]:.2f}")
    known = [row for row in rows if row.get("expected_dice_low") is not None]
    if known:
        within = sum(row["expected_dice_low"] <= row["dice"] <= row["expected_dice_high"] for row in known)
        words.append(f"the interval that is to hold nine of ten holds {within} of {len(known)}")
    return f"{'; '.join(words)}."


def draw_expected_against_true(rows: Sequence[Row]) -> str:
    """Draw the expected Dice, with its interval, against the true one; gives an address that holds it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
    for row in rows[:_MOST_INTERVALS]:
        if row.get("expected_dice_low") is not None:
            interval = [row["expected_dice_low"], row["expected_dice_high"]]
            axes.plot(interval, [row["dice"]] * 2, color="#4477aa", alpha=0.3, linewidth=1)
    axes.plot(
        [row["expected_dice"] for row in rows], [row["dice"] for row in rows], "o", color="#4477aa", ms=4
    )
    axes.set(
        xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="expected Dice", ylabel="true Dice", aspect="equal"
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return address(buffer.getvalue(), ".png")
