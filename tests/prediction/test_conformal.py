"""Limits that hold for any number of groups."""

import numpy as np
import pytest

from napari_deepflash2.prediction.conformal import group_weights, groups_needed, limit_at


@pytest.mark.parametrize("n_groups", [9, 10, 19, 40])
def test_a_new_group_stays_below_the_limit_as_often_as_was_said(n_groups: int) -> None:
    rng = np.random.default_rng(n_groups)
    covered = []
    for _ in range(2000):
        values = rng.standard_exponential(n_groups + 1)
        limit = limit_at(values[1:], np.arange(n_groups), 0.9)
        assert limit is not None
        covered.append(values[0] <= limit)
    exact = np.ceil(0.9 * (n_groups + 1)) / (n_groups + 1)
    assert np.mean(covered) == pytest.approx(exact, abs=0.025)


def test_images_of_one_stack_are_no_more_than_one_group() -> None:
    """Forty slices of four animals: counted as images they would promise what they cannot keep."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), [1, 29, *[1] * 10])
    covered = []
    for _ in range(2000):
        of_group = rng.normal(size=13)
        values = of_group[groups] + rng.normal(0, 0.1, len(groups))
        limit = limit_at(values, groups, 0.9)
        assert limit is not None
        covered.append(of_group[12] + rng.normal(0, 0.1) <= limit)
    assert np.mean(covered) >= 0.9 - 0.02


def test_eight_groups_cannot_promise_nine_in_ten() -> None:
    assert limit_at(np.arange(8.0), np.arange(8), 0.9) is None
    assert limit_at(np.arange(9.0), np.arange(9), 0.9) == 8
    assert limit_at(np.arange(90.0), np.repeat(np.arange(8), [10] * 7 + [20]), 0.9) is None
    assert groups_needed(0.9) == 9
    assert groups_needed(0.95) == 19


def test_groups_weigh_alike() -> None:
    weights = group_weights(np.array([5, 5, 5, 7]))
    np.testing.assert_allclose(weights, [1 / 9, 1 / 9, 1 / 9, 1 / 3])
