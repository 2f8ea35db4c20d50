"""Likeness to what was seen in training."""

import numpy as np
import pytest

from napari_deepflash2.prediction.likeness import Familiar, Surroundings, Unseen, score_of_image


def _cells(seed: int, n: int = 16, shift: float = 0.0) -> np.ndarray:
    """Cells of an image: thirty features that follow five, and six statistics."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(5, 30))
    deep = rng.normal(size=(n, 5)) @ mixing + rng.normal(0, 0.05, (n, 30))
    return np.concatenate([deep, rng.normal(shift, 1, (n, 6))], 1).astype(np.float32)


@pytest.fixture(scope="module")
def familiar() -> Familiar:
    """Twenty images of ten groups."""
    return Familiar.of([_cells(i) for i in range(20)], [str(i // 2) for i in range(20)], 6)


def test_unseen_images_of_the_kind_are_as_far_as_training_images_are(familiar: Familiar) -> None:
    scores = np.concatenate([familiar.unlikeness(_cells(100 + i)) for i in range(10)])
    assert abs(scores.mean()) < 0.4


def test_a_shift_of_statistics_and_a_new_direction_of_features_are_seen(familiar: Familiar) -> None:
    home = score_of_image(familiar.unlikeness(_cells(100)))
    assert score_of_image(familiar.unlikeness(_cells(100, shift=3))) > home + 1
    other = _cells(100)
    other[:, 7] += 3
    assert score_of_image(familiar.unlikeness(other)) > home + 1


def test_one_spoiled_cell_in_a_corner_raises_the_score(familiar: Familiar) -> None:
    cells = _cells(100)
    spoiled = cells.copy()
    spoiled[0] += 8
    before, after = familiar.unlikeness(cells), familiar.unlikeness(spoiled)
    assert after.argmax() == 0
    np.testing.assert_array_equal(before[1:], after[1:])
    assert score_of_image(after) > score_of_image(before) + 0.5


def test_slices_of_one_stack_do_not_make_each_other_usual() -> None:
    stack = [_cells(1) + np.float32(0.01 * i) for i in range(5)]
    others = [_cells(i) for i in range(2, 8)]
    names = [str(i) for i in range(11)]
    alone = Familiar.of(stack + others, names, 6)
    grouped = Familiar.of(stack + others, ["stack"] * 5 + names[5:], 6)
    new = _cells(50)
    assert grouped.unlikeness(new).mean() < alone.unlikeness(new).mean()


def test_equal_cells_and_more_features_than_cells_are_no_trouble() -> None:
    flat = [np.ones((3, 36), np.float32) for _ in range(3)]
    assert np.isfinite(Familiar.of(flat, ["a", "b", "c"], 6).unlikeness(_cells(0))).all()


def test_cells_beyond_four_thousand_are_thinned() -> None:
    many = Familiar.of([_cells(i, 1500) for i in range(4)], list("abcd"), 6)
    assert len(many.deep.cells) == 3000


def test_what_is_stored_scores_alike(familiar: Familiar) -> None:
    again = Familiar.from_arrays(familiar.arrays)
    np.testing.assert_array_equal(again.unlikeness(_cells(5)), familiar.unlikeness(_cells(5)))
    assert isinstance(again.deep, Surroundings)


def test_of_new_images_no_more_than_said_are_above_the_limit() -> None:
    rng = np.random.default_rng(0)
    above = []
    for _ in range(1500):
        scores = rng.normal(size=41).astype(np.float32)
        above.append(scores[0] > Unseen(scores[1:], np.arange(40)).limit(0.05))
    assert np.mean(above) == pytest.approx(0.05, abs=0.02)


def test_with_few_images_the_most_unlike_of_them_is_the_limit() -> None:
    assert Unseen(np.array([1, 3, 2], np.float32), np.arange(3)).limit(0.05) == 3
