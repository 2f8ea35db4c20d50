import numpy as np
import pytest

from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble.validation import mean_dice

EMPTY = np.zeros((4, 4), int)


def _with(**places: int) -> np.ndarray:
    image = EMPTY.copy()
    for row, class_ in places.items():
        image[int(row[1:])] = class_
    return image


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        (EMPTY, EMPTY, 1.0),
        (EMPTY, _with(r0=1), 0.0),
        (_with(r0=1), EMPTY, 0.0),
        (_with(r0=1, r1=1), _with(r1=1, r2=1), 0.5),
        (_with(r0=1, r1=2), _with(r0=1, r2=2), 0.5),
        (_with(r0=1), _with(r0=1), 1.0),
        (_with(r0=1, r1=1), _with(r0=1, r1=IGNORE, r2=IGNORE), 1.0),
        (_with(r1=1), _with(r1=IGNORE), 1.0),
    ],
)
def test_dice_is_defined_for_everything(predicted: np.ndarray, truth: np.ndarray, expected: float) -> None:
    assert mean_dice(predicted, truth, 3) == expected
