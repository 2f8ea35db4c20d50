"""Temperature of an ensemble."""

import numpy as np
import pytest

from napari_deepflash2.prediction import Moments, Reliability
from napari_deepflash2.prediction.calibration import COLDEST, calibrated, fit_temperature, tempered
from napari_deepflash2.prediction.result import Prediction, most_probable
from napari_deepflash2.prediction.uncertainty import predictive_entropy


def _drawn(n_classes: int, n: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that mean what they say, and classes drawn with them."""
    rng = np.random.default_rng(n_classes)
    honest = rng.dirichlet(np.ones(n_classes), n).T.astype(np.float32)
    truth = (honest.cumsum(0) < rng.random(n)).sum(0).clip(max=n_classes - 1)
    return honest, truth


def _of_members(n_classes: int, shape: tuple[int, int] = (20, 30)) -> Moments:
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.full(n_classes, 0.4), (4, *shape)).transpose(3, 0, 1, 2).astype(np.float32)
    entropy = -(p * np.log(np.maximum(p, 1e-30))).sum(0).mean(0)
    return Moments(p.mean(1), (p**2).mean(1), entropy)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("factor", [0.7, 1.0, 2.5])
def test_the_temperature_that_spoiled_probabilities_is_found_and_mends_them(
    n_classes: int, factor: float
) -> None:
    honest, truth = _drawn(n_classes)
    spoiled = tempered(honest, 1 / factor)
    found = fit_temperature(spoiled, truth)
    assert found == pytest.approx(factor, rel=0.05)
    mended = Reliability.of_prediction(tempered(spoiled, found)[..., None], truth[:, None])
    error = mended.expected_calibration_error
    assert error is not None
    assert error < 0.012


def test_probabilities_of_half_precision_that_are_0_and_1_have_a_temperature() -> None:
    sure = np.array([[1, 0, 1, 0, 1], [0, 1, 0, 1, 0]], np.float16)
    assert fit_temperature(sure, np.array([0, 1, 0, 1, 0])) == pytest.approx(COLDEST, rel=0.01)
    assert fit_temperature(sure, np.array([1, 1, 0, 1, 0])) > 5


def test_the_most_probable_class_stays() -> None:
    moments = _of_members(3)
    for temperature in (0.5, 1.7, 10.0):
        changed = calibrated(moments, temperature)
        np.testing.assert_array_equal(most_probable(changed.mean), most_probable(moments.mean))
        np.testing.assert_allclose(changed.mean.sum(0), 1, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.6, 3.0])
def test_total_is_still_epistemic_and_aleatoric_with_the_share_they_had(temperature: float) -> None:
    moments = _of_members(2)
    before = Prediction.from_moments(moments, (0, 1), "image")
    after = Prediction.from_moments(calibrated(moments, temperature), (0, 1), "image")
    assert after.epistemic.min() >= 0
    assert after.aleatoric.min() >= 0
    assert abs(after.uncertainty - before.uncertainty).max() > 0.05
    np.testing.assert_allclose(
        after.epistemic / after.uncertainty, before.epistemic / before.uncertainty, atol=1e-4
    )
    assert after.mutual_information is not None
    assert before.mutual_information is not None
    share = before.mutual_information / predictive_entropy(moments.mean)
    np.testing.assert_allclose(
        after.mutual_information / predictive_entropy(after.probabilities), share, atol=1e-4
    )


def test_certain_pixels_stay_certain_and_unknown_ones_unknown() -> None:
    p = np.array([[1.0, 0.0, np.nan], [0.0, 1.0, np.nan]], np.float32)
    np.testing.assert_array_equal(tempered(p, 3.0), p)
    certain = Moments(p[:, None, :2], p[:, None, :2].copy(), np.zeros((1, 2), np.float32))
    changed = calibrated(certain, 3.0)
    np.testing.assert_array_equal(changed.mean_of_squares, p[:, None, :2])
    assert changed.mean_entropy is not None
    assert not changed.mean_entropy.any()


def test_a_temperature_of_1_costs_nothing() -> None:
    moments = _of_members(2)
    assert calibrated(moments, 1.0) is moments
