from __future__ import annotations

import numpy as np
import pytest

from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.objects import ObjectQuality, ObjectTraits, best_overlaps, separate_objects


def squares(*corners: tuple[int, int], side: int = 8, class_: int = 1) -> np.ndarray:
    found = np.zeros((64, 64), np.uint8)
    for y, x in corners:
        found[y : y + side, x : x + side] = class_
    return found


def overlaps(predicted: np.ndarray, truth: np.ndarray) -> list[float]:
    return best_overlaps(separate_objects(predicted), predicted, truth).tolist()


def test_each_object_gets_its_overlap_with_the_true_one_that_it_matches_best() -> None:
    predicted, truth = squares((2, 2), (20, 2), (40, 40)), squares((2, 2), (20, 6))
    assert overlaps(predicted, truth) == pytest.approx([1, 1 / 3, 0])
    assert overlaps(predicted, np.zeros_like(truth)) == [0, 0, 0]
    assert overlaps(np.zeros_like(truth), truth) == []


def test_two_that_run_into_one_match_neither_well() -> None:
    truth = squares((2, 2), (2, 11))
    predicted = truth.copy()
    predicted[2:10, 10] = 1
    assert overlaps(predicted, truth) == pytest.approx([64 / 136])


def test_an_object_of_another_class_is_no_match() -> None:
    assert overlaps(squares((2, 2)), squares((2, 2), class_=2)) == [0]


def test_what_nobody_judged_counts_neither_for_nor_against_an_object() -> None:
    predicted, truth = squares((2, 2), (20, 2)), squares((2, 2), (20, 2))
    truth[:, 8:] = IGNORE
    assert overlaps(predicted, truth) == pytest.approx([1, 1])
    truth[:, 5:] = IGNORE
    assert np.isnan(overlaps(predicted, truth)).all()


def objects(count: int, seed: int) -> tuple[ObjectTraits, np.ndarray]:
    """Objects whose true overlap is less than their soft one, most so where they are small."""
    rng = np.random.default_rng(seed)
    soft, areas = rng.uniform(0.2, 0.95, count), rng.uniform(20, 400, count)
    traits = ObjectTraits(np.ones(count, int), areas, soft, np.ones(count))
    return traits, soft * areas / (areas + 60)


def test_what_was_expected_comes_true_on_average_and_follows_what_differs() -> None:
    seen = [objects(60, seed) for seed in range(5)]
    quality = ObjectQuality.of([t for t, _ in seen], [o for _, o in seen], list("abcde"))
    assert quality is not None
    traits, true = objects(400, 9)
    expected = quality.expected(traits)
    assert abs(expected.mean() - true.mean()) < 0.02
    assert np.abs(expected - true).mean() < 0.04 < np.abs(traits.soft_iou - true).mean()


def test_beyond_what_was_seen_nothing_else_is_expected_than_at_its_border() -> None:
    seen = [objects(60, seed) for seed in range(5)]
    quality = ObjectQuality.of([t for t, _ in seen], [o for _, o in seen], list("abcde"))
    assert quality is not None
    one = np.ones(1)
    huge, largest = (
        quality.expected(ObjectTraits(one, one * area, one * 0.9, one))[0]
        for area in (1e6, np.exp(quality.high[1]))
    )
    assert huge == pytest.approx(largest)


@pytest.mark.parametrize(
    ("counts", "groups"), [([20, 20, 9], "abc"), ([60, 60, 60], "aab"), ([90, 90, 0], "abc")]
)
def test_too_few_objects_or_groups_teach_nothing(counts: list[int], groups: str) -> None:
    seen = [objects(count, seed) for seed, count in enumerate(counts)]
    assert ObjectQuality.of([t for t, _ in seen], [o for _, o in seen], list(groups)) is None


def test_objects_that_were_not_judged_do_not_count() -> None:
    seen = [objects(40, seed) for seed in range(3)]
    unknown = [np.where(np.arange(40) < 30, np.nan, true) for _, true in seen]
    assert ObjectQuality.of([t for t, _ in seen], unknown, list("abc")) is None


def test_objects_that_are_all_right_are_expected_to_be_so() -> None:
    seen = [objects(40, seed)[0] for seed in range(3)]
    quality = ObjectQuality.of(seen, [np.ones(40)] * 3, list("abc"))
    assert quality is not None
    assert quality.expected(seen[0]).min() > 0.9
