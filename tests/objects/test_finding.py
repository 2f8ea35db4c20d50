from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_deepflash2.objects import ObjectMap, ObjectQuality, ObjectTraits, find_objects, separate_objects
from napari_deepflash2.prediction import Moments, Prediction


def prediction_of(
    winners: np.ndarray, sure: float = 0.9, classes: tuple[int, ...] = (0, 100, 200)
) -> Prediction:
    """Give the winning class of each pixel the same probability, and the others what is left."""
    mean = np.full((len(classes), *winners.shape), (1 - sure) / (len(classes) - 1), np.float32)
    np.put_along_axis(mean, winners[None], np.float32(sure), 0)
    return Prediction.from_moments(Moments(mean, mean**2 + np.float32(0.01)), classes, "image")


@pytest.fixture
def winners() -> np.ndarray:
    """A square of the first class, which touches one of the second, and two pixels by a corner."""
    winners = np.zeros((20, 30), np.int64)
    winners[2:6, 3:9], winners[6:8, 3:9] = 1, 2
    winners[12, 20], winners[13, 21] = 1, 1
    return winners


def test_pieces_of_each_class_are_objects_and_a_common_corner_connects(winners: np.ndarray) -> None:
    found = find_objects(prediction_of(winners), (0, 100, 200))
    assert found.labels.dtype == np.int32
    table = found.table.set_index("label")
    assert table["class"].tolist() == [100, 200, 100]
    assert table["area"].tolist() == [24, 12, 2]
    for label, row in table.iterrows():
        place = found.labels == label
        np.testing.assert_allclose([row["y"], row["x"]], np.mean(np.nonzero(place), 1))
        assert (
            place[row["top"] : row["bottom"], row["left"] : row["right"]].sum() == row["area"] == place.sum()
        )


def test_classes_keep_their_values_whatever_their_order(winners: np.ndarray) -> None:
    found = find_objects(prediction_of(winners, classes=(7, 3, 300)), (7, 3, 300))
    assert found.table["class"].tolist() == [3, 300, 3]


def test_figures_are_means_over_the_object(winners: np.ndarray) -> None:
    prediction = prediction_of(winners)
    uncertainty = np.random.default_rng(0).random(winners.shape).astype(np.float32)
    ood_map = np.full(winners.shape, -1, np.float32)
    ood_map[2:4] = 1
    prediction = replace(prediction, uncertainty=uncertainty, epistemic=uncertainty / 2, ood_map=ood_map)
    found = find_objects(prediction, (0, 100, 200), pixel_size=(0.5, 0.2))
    place = found.labels == 1
    first = found.table.iloc[0]
    assert first["uncertainty"] == pytest.approx(uncertainty[place].mean())
    assert first["epistemic"] == pytest.approx(uncertainty[place].mean() / 2)
    assert found.table["unlike"].tolist() == [0.5, 0, 0]
    assert found.table["area_um2"].tolist() == pytest.approx([2.4, 1.2, 0.2])


def test_what_is_not_known_is_said_to_be_so(winners: np.ndarray) -> None:
    table = find_objects(prediction_of(winners), (0, 100, 200)).table
    assert table[["area_um2", "expected_iou", "unlike"]].isna().all(axis=None)
    assert table["uncertainty"].notna().all()


def test_nothing_is_expected_of_objects_in_an_image_unlike_the_training_images(winners: np.ndarray) -> None:
    quality = ObjectQuality(np.zeros(5), np.full(4, -9.0), np.full(4, 9.0))
    prediction = prediction_of(winners)
    at_home = find_objects(replace(prediction, is_ood=False), (0, 100, 200), quality=quality).table
    foreign = find_objects(replace(prediction, is_ood=True), (0, 100, 200), quality=quality).table
    assert at_home["expected_iou"].tolist() == [0.5] * 3
    assert foreign["expected_iou"].isna().all()


def test_an_image_without_objects_has_an_empty_table_with_the_same_columns(winners: np.ndarray) -> None:
    empty = find_objects(prediction_of(np.zeros_like(winners)), (0, 100, 200), pixel_size=(1, 1))
    full = find_objects(prediction_of(winners), (0, 100, 200), pixel_size=(1, 1))
    assert len(empty.table) == 0
    assert not empty.labels.any()
    assert list(empty.table) == list(full.table)


def test_planes_are_joined_with_numbers_of_their_own(winners: np.ndarray) -> None:
    one = find_objects(prediction_of(winners), (0, 100, 200))
    none = find_objects(prediction_of(np.zeros_like(winners)), (0, 100, 200))
    stack = ObjectMap.joined([none, one, none, one])
    assert stack.labels.shape == (4, 20, 30)
    assert stack.labels.dtype == np.int32
    assert stack.table["label"].tolist() == [1, 2, 3, 4, 5, 6]
    assert stack.table["plane"].tolist() == [1, 1, 1, 3, 3, 3]
    np.testing.assert_array_equal(stack.labels[3], np.where(one.labels, one.labels + 3, 0))
    pd.testing.assert_series_equal(stack.table["area"], pd.concat([one.table["area"]] * 2, ignore_index=True))
    assert list(ObjectMap.joined([none, none]).table) == list(stack.table)


def traits_of(probability: np.ndarray) -> ObjectTraits:
    maps = np.stack([1 - probability, probability]).astype(np.float32)
    winners = (probability > 0.5).astype(np.uint8)
    return ObjectTraits.of(separate_objects(winners), winners, maps)


def test_the_soft_overlap_is_one_where_probabilities_are_sure() -> None:
    disk = (np.hypot(*np.mgrid[-20:21, -20:21]) < 12).astype(np.float32)
    np.testing.assert_allclose(traits_of(disk).soft_iou, 1)


def test_probability_around_an_object_lessens_its_soft_overlap_and_that_far_away_does_not() -> None:
    probability = np.zeros((64, 64), np.float32)
    probability[24:34, 24:34] = 0.8
    near, far = probability.copy(), probability.copy()
    near[34:36, 24:34] = 0.4
    far[50:, 50:] = 0.4
    alone, with_halo, with_speck = (float(traits_of(one).soft_iou[0]) for one in (probability, near, far))
    assert alone == pytest.approx(0.8) == with_speck
    assert with_halo == pytest.approx(80 / (100 + 8))


def test_probability_between_two_objects_counts_for_the_nearer() -> None:
    probability = np.zeros((40, 40), np.float32)
    probability[10:20, 5:15] = probability[10:20, 22:32] = 0.9
    probability[10:20, 15] = 0.3
    first, second = traits_of(probability).soft_iou
    assert first == pytest.approx(90 / 103)
    assert second == pytest.approx(0.9)


def test_only_the_probability_of_the_own_class_counts_around_an_object() -> None:
    maps = np.zeros((3, 30, 30), np.float32)
    maps[1, 10:20, 10:20], maps[2, 10:20, 20:22] = 1, 0.4
    maps[0] = 1 - maps.sum(0)
    winners = maps.argmax(0).astype(np.uint8)
    assert ObjectTraits.of(separate_objects(winners), winners, maps).soft_iou == pytest.approx([1])


def test_a_disk_is_rounder_than_two_that_touch() -> None:
    y, x = np.mgrid[:80, :80]
    disk = np.hypot(y - 40, x - 25) < 15
    two = disk | (np.hypot(y - 40, x - 53) < 15)
    alone, both = (traits_of(one.astype(np.float32)).roundness[0] for one in (disk, two))
    assert alone > 0.9
    assert both < 0.75
