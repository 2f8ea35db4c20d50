"""The table of a prediction: one row an image, or a slice of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import ImageFile
from .maps import leading_shape
from .predict_large import LargePrediction
from .targets import Target

if TYPE_CHECKING:
    import pandas as pd

    from ..prediction import Prediction

_NOT_ALWAYS_KNOWN = ("expected_dice", "expected_dice_low", "expected_dice_high", "ood_score", "is_ood")


def rows_of(
    name: str, image: ImageFile, predictions: list[Prediction], target: Target | None
) -> Iterator[dict[str, Any]]:
    """Give the rows of an image that was predicted whole, with scores where there is a true mask."""
    leading = leading_shape(image)
    for index, prediction in zip(np.ndindex(leading), predictions, strict=True):
        row = _row(name, index, prediction.score) | {
            "expected_dice": prediction.expected_dice,
            "ood_score": prediction.ood_score,
            "is_ood": prediction.is_ood,
        }
        if prediction.expected_dice_interval:
            row["expected_dice_low"], row["expected_dice_high"] = prediction.expected_dice_interval
        yield row if target is None else row | target.scores(prediction.labels, index)


def rows_of_large(name: str, found: LargePrediction) -> Iterator[dict[str, Any]]:
    """Give the rows of an image that was predicted block by block."""
    for plane in found.planes:
        row = _row(name, plane.index, plane.score) | {
            "expected_dice": plane.expected_dice,
            "ood_score": plane.ood_score,
            "is_ood": plane.is_ood,
        }
        if plane.expected_dice_interval:
            row["expected_dice_low"], row["expected_dice_high"] = plane.expected_dice_interval
        yield row | plane.scores


def _row(name: str, index: tuple[int, ...], score: float) -> dict[str, Any]:
    known = {"image": name, "slice": " ".join(map(str, index)), "score": score}
    return known | dict.fromkeys(_NOT_ALWAYS_KNOWN)


def table_of(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Put the rows of all images together, without the column ``slice`` where none is one of a stack."""
    import pandas as pd

    table = pd.DataFrame(rows)
    return table.drop(columns="slice") if not table["slice"].any() else table
