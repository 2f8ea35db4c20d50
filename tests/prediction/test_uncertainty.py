import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_deepflash2.prediction import Moments, Prediction
from napari_deepflash2.prediction.uncertainty import (
    epistemic_uncertainty,
    mutual_information,
    predictive_entropy,
    total_uncertainty,
    uncertainty_score,
)

_STACKS = st.tuples(st.integers(1, 6), st.integers(2, 4)).flatmap(
    lambda shape: arrays(np.float64, (*shape, 3, 5), elements=st.floats(0.001, 1))
)


def _of(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of members (M, L, Y, X), their mean and the mean of their squares in float32."""
    p = stack / stack.sum(1, keepdims=True)
    return p, p.mean(0).astype(np.float32), (p**2).mean(0).astype(np.float32)


def _aleatoric(mean: np.ndarray, squares: np.ndarray) -> np.ndarray:
    return Prediction.from_moments(Moments(mean, squares), range(len(mean)), "image").aleatoric


@settings(deadline=None)
@given(_STACKS)
def test_the_parts_are_variance_and_mean_variance_and_sum_to_the_total(stack: np.ndarray) -> None:
    p, mean, squares = _of(stack)
    total, epistemic = total_uncertainty(mean), epistemic_uncertainty(mean, squares)
    aleatoric = _aleatoric(mean, squares)
    assert np.allclose(epistemic, p.var(0).mean(0) / 0.25, atol=2e-6)
    assert np.allclose(aleatoric, (p * (1 - p)).mean((0, 1)) / 0.25, atol=2e-6)
    assert np.allclose(epistemic + aleatoric, total, rtol=0, atol=1.2e-7)


@settings(deadline=None)
@given(_STACKS)
def test_mutual_information_is_the_entropy_that_members_do_not_share(stack: np.ndarray) -> None:
    p, mean, _ = _of(stack)
    of_members = -(p * np.log(p)).sum(1).mean(0).astype(np.float32)
    entropy = predictive_entropy(mean)
    information = mutual_information(mean, of_members)
    assert np.allclose(entropy, -(mean * np.log(mean)).sum(0) / np.log(len(mean)), atol=2e-6)
    assert np.allclose(information, entropy - of_members / np.log(len(mean)), atol=2e-6)
    for values in (entropy, information, entropy - information):
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1


def test_entropy_is_0_where_members_are_sure_and_1_where_all_classes_are_alike() -> None:
    sure = np.array([1, 0, 0], np.float32)[:, None, None]
    alike = np.full((3, 1, 1), 1 / 3, np.float32)
    assert predictive_entropy(sure) == 0
    assert np.isclose(predictive_entropy(alike), 1)
    assert np.isclose(mutual_information(alike, np.zeros((1, 1), np.float32)), 1)
    assert np.isclose(mutual_information(alike, np.full((1, 1), np.log(3), np.float32)), 0, atol=1e-6)


@settings(deadline=None)
@given(_STACKS)
def test_all_maps_are_float32_within_zero_and_one(stack: np.ndarray) -> None:
    _, mean, squares = _of(stack)
    for values in (
        total_uncertainty(mean),
        epistemic_uncertainty(mean, squares),
        _aleatoric(mean, squares),
    ):
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1


def test_members_that_are_sure_and_agree_leave_no_uncertainty() -> None:
    _, mean, squares = _of(np.array([[0.0, 1.0]] * 4)[:, :, None, None])
    assert total_uncertainty(mean) == epistemic_uncertainty(mean, squares) == 0


def test_a_coin_toss_has_the_uncertainty_one_and_whose_it_is_is_told_apart() -> None:
    sure_and_split = np.array([[0.0, 1.0], [1.0, 0.0]])[:, :, None, None]
    unsure_alike = np.array([[0.5, 0.5]] * 2)[:, :, None, None]
    for stack, epistemic in ((sure_and_split, 1), (unsure_alike, 0)):
        _, mean, squares = _of(stack)
        assert total_uncertainty(mean) == 1
        assert epistemic_uncertainty(mean, squares) == epistemic
        assert _aleatoric(mean, squares) == 1 - epistemic


def test_more_disagreement_is_more_uncertainty() -> None:
    found = []
    for distance in (0, 0.1, 0.2, 0.3, 0.4):
        p = np.array([[0.5 - distance, 0.5 + distance], [0.5 + distance, 0.5 - distance]])[:, :, None, None]
        found.append(float(epistemic_uncertainty(*_of(p)[1:])[0, 0]))
    assert found == sorted(found)
    assert len(set(found)) == 5


def test_the_score_is_the_mean_over_the_foreground() -> None:
    uncertainty = np.array([[0.2, 0.4], [0.9, 0.9]], np.float32)
    assert np.isclose(uncertainty_score(uncertainty, np.array([[1, 1], [0, 0]], bool)), 0.3)


def test_the_score_of_an_empty_prediction_is_the_mean_over_the_image() -> None:
    uncertainty = np.array([[0.2, 0.4]], np.float32)
    assert np.isclose(uncertainty_score(uncertainty, np.zeros((1, 2), bool)), 0.3)
