import numpy as np
import pytest

from napari_deepflash2.consensus import dice
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.jobs.targets import Target, numbered, with_iou

CLASSES = (0, 7, 255)


@pytest.fixture
def squares() -> np.ndarray:
    labels = np.zeros((20, 20), np.uint8)
    labels[2:8, 2:8], labels[12:18, 2:8] = 7, 255
    return labels


def test_each_class_has_dice_iou_and_average_precision(squares: np.ndarray) -> None:
    said = squares.copy()
    said[2:5, 2:8] = 0
    found = Target(numbered(squares, CLASSES), CLASSES).scores(said, ())
    assert (found["dice_7"], found["iou_7"], found["ap_50_7"]) == pytest.approx((2 / 3, 0.5, 1))
    assert found["ap_7"] == pytest.approx(0.1)
    assert (found["dice_255"], found["iou_255"], found["ap_255"]) == (1, 1, 1)
    assert found["iou"] == pytest.approx(0.75)
    assert list(found)[:4] == ["dice", "iou", "ap_50", "ap"]


def test_a_class_that_neither_holds_has_no_score_and_no_part_in_the_mean(squares: np.ndarray) -> None:
    squares[squares == 255] = 0
    found = Target(numbered(squares, CLASSES), CLASSES).scores(squares, ())
    assert found["dice_255"] is found["iou_255"] is found["ap_255"] is None
    assert found["dice"] == found["iou"] == found["ap"] == 1


def test_h5_an_empty_prediction_has_scores(squares: np.ndarray) -> None:
    nothing = np.zeros_like(squares)
    missed = Target(numbered(squares, CLASSES), CLASSES).scores(nothing, ())
    assert {missed[name] for name in ("dice", "iou", "ap_50", "ap")} == {0}
    right = Target(nothing, CLASSES).scores(nothing, ())
    assert {right[name] for name in ("dice", "iou", "ap_50", "ap")} == {1}


def test_what_nobody_judged_counts_for_nothing(squares: np.ndarray) -> None:
    labels = numbered(squares, CLASSES)
    labels[:10] = IGNORE
    said = squares.copy()
    said[:10] = 255
    assert Target(labels, CLASSES).scores(said, ())["ap"] == 1
    assert set(Target(np.full_like(labels, IGNORE), CLASSES).scores(said, ()).values()) == {None}


def test_iou_is_that_of_the_pixels() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 30, 30)) > 0.5
    found = with_iou({"dice": dice(a, b)})["iou"]
    assert found == pytest.approx((a & b).sum() / (a | b).sum())
