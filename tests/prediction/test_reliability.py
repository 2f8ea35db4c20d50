import numpy as np
import pandas as pd
import pytest

from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.prediction import Reliability


def two_classes(foreground: list[float]) -> np.ndarray:
    p = np.array([foreground])
    return np.stack([1 - p, p])


def test_confidence_and_accuracy_of_each_bin_are_means_over_its_pixels() -> None:
    # Predicted: 1 with 0.6, 1 with 0.7, 0 with 0.9, 0 with 0.95; the second and the last are wrong.
    found = Reliability.of_prediction(two_classes([0.6, 0.7, 0.1, 0.05]), np.array([[1, 0, 0, 1]]), bins=2)
    assert found.counts.tolist() == [0, 4]
    row = found.table.iloc[1]
    assert row["confidence"] == pytest.approx((0.6 + 0.7 + 0.9 + 0.95) / 4)
    assert row["accuracy"] == 0.5
    assert found.expected_calibration_error == pytest.approx(0.7875 - 0.5)


def test_the_error_weighs_bins_by_their_pixels() -> None:
    found = Reliability.of_probability(np.array([0.1, 0.9, 0.9, 0.9]), np.array([1, 1, 1, 0], bool), bins=2)
    assert found.expected_calibration_error == pytest.approx((1 * 0.9 + 3 * (0.9 - 2 / 3)) / 4)


def test_the_upper_end_belongs_to_a_bin_and_the_ends_of_the_scale_to_the_first_and_last() -> None:
    found = Reliability.of_probability(np.array([0, 0.5, 0.5001, 1]), np.zeros(4, bool), bins=2)
    assert found.counts.tolist() == [2, 2]


def test_a_calibrated_predictor_has_no_error() -> None:
    rng = np.random.default_rng(0)
    p = rng.random((1, 200_000))
    found = Reliability.of_class(np.stack([1 - p, p]), (rng.random(p.shape) < p).astype(np.uint8), 1)
    assert found.expected_calibration_error < 0.01
    known = found.table["accuracy"] - found.table["confidence"]
    assert known.abs().max() < 0.02


def test_images_add_up_to_what_one_large_image_gives() -> None:
    rng = np.random.default_rng(1)
    p, truth = rng.dirichlet([1, 1, 1], (20, 30)).transpose(2, 0, 1), rng.integers(0, 3, (20, 30))
    whole = Reliability.of_prediction(p, truth)
    parts = sum(
        (Reliability.of_prediction(p[:, rows], truth[rows]) for rows in (slice(0, 7), slice(7, 20))),
        Reliability.empty(),
    )
    pd.testing.assert_frame_equal(whole.table, parts.table)


def test_pixels_that_nobody_judged_have_no_part() -> None:
    p, truth = two_classes([0.6, 0.9]), np.array([[1, IGNORE]])
    assert Reliability.of_prediction(p, truth).counts.sum() == 1
    assert Reliability.of_class(p, truth, 1).counts.sum() == 1


def test_what_is_not_known_is_said_to_be_so() -> None:
    nothing = Reliability.empty(bins=3)
    assert nothing.expected_calibration_error is None
    assert nothing.table["confidence"].isna().all()
    assert nothing.table["count"].tolist() == [0, 0, 0]
