"""Scores on labels that can be counted by hand."""

import numpy as np
import pytest

from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.objects import (
    THRESHOLDS,
    average_precisions,
    class_objects,
    dice_of_classes,
    score_labels,
)


def row(*values: int) -> np.ndarray:
    return np.array([values])


def test_average_precision_is_matched_objects_by_all_at_each_overlap() -> None:
    # One object of four pixels found with three (overlap 0.75), one missed, one invented.
    truth = row(1, 1, 1, 1, 0, 2, 0, 0, 0)
    said = row(0, 1, 1, 1, 0, 0, 0, 2, 2)
    found = average_precisions(truth.astype(np.int32), said.astype(np.int32))
    assert dict(zip(THRESHOLDS, found, strict=True)) == {
        threshold: 1 / 3 if threshold <= 0.75 else 0 for threshold in THRESHOLDS
    }


def test_average_precision_is_that_of_stardist() -> None:
    matching = pytest.importorskip("stardist.matching").matching
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, said = (class_objects((rng.random((24, 24)) > 0.7).astype(int), 1) for _ in range(2))
        said = np.where(rng.random((24, 24)) > 0.2, truth, said)
        said = class_objects((said > 0).astype(int), 1)
        own = average_precisions(truth, said, (0.1, 0.5, 0.7))
        assert own.tolist() == [matching(truth, said, thresh).accuracy for thresh in (0.1, 0.5, 0.7)]


def test_each_object_is_in_one_pair_at_most_and_there_are_as_many_as_there_can_be() -> None:
    # Two halves of one object both reach an overlap of a half; only one of them is it.
    whole, halves = row(1, 1, 1, 1).astype(np.int32), row(1, 1, 2, 2).astype(np.int32)
    assert average_precisions(whole, halves, (0.5,)) == [1 / 2]
    assert average_precisions(halves, whole, (0.5,)) == [1 / 2]
    # At a low threshold the middle one could take either; two pairs are possible and made.
    truth, said = row(1, 1, 1, 2, 2, 2).astype(np.int32), row(0, 1, 1, 1, 1, 2).astype(np.int32)
    assert average_precisions(truth, said, (0.1,)) == [1]


def test_nothing_to_find_and_nothing_found_is_right_and_one_of_both_is_wrong() -> None:
    nothing, one = np.zeros((2, 2), np.int32), np.eye(2, dtype=np.int32)
    assert average_precisions(nothing, nothing).tolist() == [1] * 10
    assert average_precisions(nothing, one).tolist() == [0] * 10
    assert average_precisions(one, nothing).tolist() == [0] * 10


def test_thousands_of_specks_need_no_table_of_all_with_all() -> None:
    specks = np.zeros((600, 600), np.uint8)
    specks[::2, ::2] = 1
    objects = class_objects(specks, 1)
    assert objects.max() == 90_000
    assert average_precisions(objects, objects).tolist() == [1] * 10


def test_dice_by_class_is_none_where_neither_holds_the_class() -> None:
    truth, said = row(0, 1, 1, 1, 0), row(0, 1, 1, 2, 2)
    assert dice_of_classes(said, truth, 4) == [0.8, 0, None]


def test_scores_of_one_class_are_one_row() -> None:
    truth, said = row(1, 1, 0, 1, 0, 0), row(1, 1, 0, 0, 0, 1)
    found = score_labels(said, truth, (0, 255))
    # Dice 2 * 2 / 6; of two true and two predicted objects one pair matches, at every threshold.
    assert found == {"dice": pytest.approx(2 / 3), "ap_50": 1 / 3, "ap": pytest.approx(1 / 3)}


def test_scores_of_more_classes_are_named_by_their_values_and_averaged_over_those_there() -> None:
    truth, said = row(1, 1, 0, 2, 2), row(1, 1, 0, 0, 0)
    found = score_labels(said, truth, (0, 10, 20, 30))
    assert found["dice"] == found["ap_50"] == found["ap"] == 0.5
    assert [found[f"dice_{value}"] for value in (10, 20, 30)] == [1, 0, None]
    assert [found[f"ap_50_{value}"] for value in (10, 20, 30)] == [1, 0, None]


def test_pixels_that_nobody_judged_are_neither_hit_nor_invention() -> None:
    truth, said = row(1, 1, 0, IGNORE, IGNORE), row(1, 1, 0, 1, 1)
    assert score_labels(said, truth, (0, 1)) == {"dice": 1, "ap_50": 1, "ap": 1}


def test_an_empty_image_predicted_empty_is_right() -> None:
    nothing = np.zeros((3, 3), np.uint8)
    assert score_labels(nothing, nothing, (0, 1)) == {"dice": 1, "ap_50": 1, "ap": 1}
    ignored = np.full((3, 3), IGNORE, np.uint8)
    assert score_labels(nothing + 1, ignored, (0, 1)) == {"dice": 1, "ap_50": 1, "ap": 1}
