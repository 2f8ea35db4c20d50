"""Votes on hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepflash2.consensus import agreement_map, disagreement_map, estimate_consensus
from napari_deepflash2.errors import InputError

# One pixel a column: what experts A, B, C and D say.
VOTES = {
    "A": np.array([0, 1, 1, 1, 2, 0, 1]),
    "B": np.array([0, 1, 1, 1, 2, 0, 2]),
    "C": np.array([0, 1, 1, 2, 1, 0, 0]),
    "D": np.array([0, 1, 0, 2, 1, 1, 0]),
}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"method": "majority", "undecided_label": 9}, [0, 1, 1, 9, 9, 0, 0]),
        ({"method": "union", "undecided_label": 9}, [0, 1, 1, 9, 9, 1, 9]),
        ({"method": "intersection"}, [0, 1, 0, 0, 0, 0, 0]),
        ({"method": "at_least", "min_votes": 3}, [0, 1, 1, 0, 0, 0, 0]),
        ({"method": "at_least", "min_votes": 2, "undecided_label": 9}, [0, 1, 1, 9, 9, 0, 0]),
        ({"method": "weighted", "weights": {"A": 3, "B": 1, "C": 1, "D": 1}}, [0, 1, 1, 1, 2, 0, 1]),
        ({"method": "weighted", "weights": {"A": 0, "B": 0, "C": 0, "D": 1}}, [0, 1, 0, 2, 1, 1, 0]),
    ],
)
def test_labels_by_hand(settings, expected):
    np.testing.assert_array_equal(estimate_consensus(VOTES, **settings).labels, expected)


def test_vote_shares_are_the_soft_consensus():
    consensus = estimate_consensus(VOTES, "majority")
    np.testing.assert_allclose(consensus.probabilities[:, 6], [0.5, 0.25, 0.25])
    np.testing.assert_allclose(consensus.soft(), [0, 1, 0.75, 1, 1, 0.25, 0.5])
    np.testing.assert_allclose(consensus.soft(2), [0, 0, 0, 0.5, 0.5, 0, 0.25])
    with pytest.raises(InputError, match="none of"):
        consensus.soft(7)


def test_ignored_pixels_are_no_votes():
    masks = {"A": np.array([0, 1, 9, 9]), "B": np.array([0, 9, 1, 9]), "C": np.array([0, 0, 1, 9])}
    consensus = estimate_consensus(masks, "majority", ignore_label=9, undecided_label=7)
    np.testing.assert_array_equal(consensus.labels, [0, 7, 1, 9])
    assert consensus.classes == (0, 1)
    assert consensus.undecided_share == 0.25
    np.testing.assert_array_equal(agreement_map(masks, ignore_label=9), [3, 1, 2, 0])
    np.testing.assert_allclose(disagreement_map(masks, ignore_label=9), [0, 1, 0, 0])


def test_ignored_pixels_are_no_votes_in_staple():
    rng = np.random.default_rng(0)
    truth = rng.random(5000) < 0.3
    masks = [np.where(rng.random(5000) < 0.1, ~truth, truth).astype(int) for _ in range(4)]
    expected = estimate_consensus(masks)
    padded = [np.r_[mask, np.full(3000, 9)] for mask in masks]
    consensus = estimate_consensus(padded, ignore_label=9)
    np.testing.assert_array_equal(consensus.labels, np.r_[expected.labels, np.full(3000, 9)])
    np.testing.assert_allclose(consensus.experts.to_numpy(float), expected.experts.to_numpy(float))


def test_only_ignored_pixels_are_refused():
    with pytest.raises(InputError, match="nothing but the ignore label"):
        estimate_consensus([np.full(5, 9)] * 2, ignore_label=9)


def test_maps_by_hand():
    np.testing.assert_array_equal(agreement_map(VOTES), [4, 4, 3, 2, 2, 3, 2])
    entropy = disagreement_map(VOTES)
    assert entropy.dtype == np.float32
    np.testing.assert_allclose(entropy[[0, 1, 3]], [0, 0, np.log(2) / np.log(3)], rtol=1e-6)
    np.testing.assert_allclose(disagreement_map([np.array([0, 1]), np.array([0, 0])]), [0, 1])


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "weighted"},
        {"method": "majority", "weights": {"A": 1}},
        {"method": "weighted", "weights": {"A": 1}},
        {"method": "weighted", "weights": dict.fromkeys("ABCD", 0)},
        {"method": "weighted", "weights": {**dict.fromkeys("ABC", 1), "D": -1}},
        {"method": "staple", "initial_performance": {"A": 0.9}},
        {"method": "staple", "prior": {0: 0.5, 1: 0.2}},
        {"method": "staple", "classes": (0, 1)},
        {"method": "nonsense"},
        {"method": "staple", "tolerence": 1e-3},
        {"method": "staple", "max_iterations": 0},
    ],
)
def test_settings_that_do_not_fit_are_refused(settings):
    with pytest.raises(InputError):
        estimate_consensus(VOTES, **settings)


def test_expected_classes_fix_the_channels():
    assert estimate_consensus(VOTES, classes=(0, 1, 2, 5)).probabilities.shape == (4, 7)
