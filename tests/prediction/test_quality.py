"""The Dice to be expected."""

import numpy as np
import pytest

from napari_deepflash2.prediction.quality import QualityModel, Traits


def _blob(certainty: float, radius: float = 8, size: int = 40) -> np.ndarray:
    """Probabilities of a disc, given with a certainty."""
    y, x = np.mgrid[:size, :size] - size / 2
    foreground = 1 / (1 + np.exp(np.minimum(certainty * (np.hypot(y, x) - radius), 80)))
    return np.stack([1 - foreground, foreground]).astype(np.float32)


def _simulated(n: int, seed: int, noise: float = 0.3) -> tuple[list[Traits], list[float]]:
    """Predictions whose Dice is worse, by a rule and by chance, than their probabilities say."""
    rng = np.random.default_rng(seed)
    traits = [Traits.of(_blob(rng.uniform(0.3, 3), rng.uniform(4, 12))) for _ in range(n)]
    dice = [1 / (1 + np.exp(-(0.8 * t.guess - 0.7 + rng.normal(0, noise)))) for t in traits]
    return traits, dice


def _model(n: int, seed: int = 0, groups: list[str] | None = None) -> QualityModel:
    traits, dice = _simulated(n, seed)
    model = QualityModel.of(traits, dice, groups or [str(i) for i in range(n)])
    assert model is not None
    return model


def test_the_first_guess_is_the_dice_with_the_own_probabilities() -> None:
    p = np.array([[0.1, 0.4, 0.8, 1.0]], np.float32)[np.newaxis]
    maps = np.concatenate([1 - p, p])
    assert Traits.of(maps).soft_dice == pytest.approx(2 * 1.8 / (2 + 2.3))
    assert Traits.of(maps).foreground == 0.5
    assert Traits.of(maps).uncertainty == pytest.approx(4 * 0.16 / 2)


def test_of_several_classes_those_count_that_are_predicted() -> None:
    maps = np.array([[0.8, 0.1, 0.7], [0.1, 0.8, 0.2], [0.1, 0.1, 0.1]], np.float32)[:, np.newaxis]
    assert Traits.of(maps).soft_dice == pytest.approx(2 * 0.8 / (1.1 + 1))


def test_what_is_expected_is_what_comes() -> None:
    model = _model(40)
    traits, dice = _simulated(200, 1)
    expected = np.array([model.expected(one).dice for one in traits])
    assert np.corrcoef(expected, dice)[0, 1] > 0.8
    assert abs(expected - dice).mean() < abs(np.array([one.soft_dice for one in traits]) - dice).mean() / 1.5


def test_intervals_hold_nine_in_ten() -> None:
    covered = []
    for seed in range(40):
        model = _model(12, seed)
        traits, dice = _simulated(5, 1000 + seed)
        for one, true in zip(traits, dice, strict=True):
            interval = model.expected(one).interval
            assert interval is not None
            covered.append(interval[0] <= true <= interval[1])
    assert 0.86 <= np.mean(covered) <= 0.99


def test_eight_images_have_no_interval_and_eight_groups_of_many_neither() -> None:
    traits, _ = _simulated(1, 3)
    assert _model(8).expected(traits[0]).interval is None
    assert _model(8).missing_groups == 1
    assert _model(9).expected(traits[0]).interval is not None
    slices = _model(24, groups=[str(i // 3) for i in range(24)])
    assert slices.expected(traits[0]).interval is None
    assert 0 < slices.expected(traits[0]).dice < 1


def test_two_groups_teach_nothing() -> None:
    traits, dice = _simulated(10, 0)
    assert QualityModel.of(traits, dice, ["a"] * 5 + ["b"] * 5) is None


def test_the_residual_of_an_image_is_that_of_a_model_without_its_group() -> None:
    traits, dice = _simulated(12, 4)
    groups = [str(i // 2) for i in range(12)]
    whole = QualityModel.of(traits, dice, groups)
    without = QualityModel.of(traits[2:], dice[2:], groups[2:])
    assert whole is not None
    assert without is not None
    np.testing.assert_allclose(whole.left_out[:2], [without.coefficients] * 2)
    np.testing.assert_allclose(whole.left_out[0], whole.left_out[1])


def test_one_wrong_mask_does_not_spoil_the_rule() -> None:
    traits, dice = _simulated(30, 5, noise=0.05)
    spoiled = [0.0, *dice[1:]]
    groups = [str(i) for i in range(30)]
    honest, robust = QualityModel.of(traits, dice, groups), QualityModel.of(traits, spoiled, groups)
    assert honest is not None
    assert robust is not None
    others = [abs(honest.expected(one).dice - robust.expected(one).dice) for one in traits[1:]]
    assert max(others) < 0.03


def _of_empty(outcomes: list[float], doubt: float) -> tuple[float, tuple[float, float] | None]:
    traits, dice = _simulated(12, 0)
    nothing = Traits.of(np.stack([np.full((4, 4), 1 - doubt), np.full((4, 4), doubt)]).astype(np.float32))
    n = len(outcomes)
    groups = [str(i) for i in range(12 + n)]
    model = QualityModel.of(traits + [nothing] * n, dice + outcomes, groups)
    assert model is not None
    found = model.expected(nothing)
    return found.dice, found.interval


def test_an_empty_prediction_is_right_or_wrong() -> None:
    assert _of_empty([], 0.25) == (pytest.approx(0.75), (0, 1))
    assert _of_empty([1.0, 1.0, 0.0], 0.4) == (pytest.approx((2 + 0.6) / 4), (0, 1))
    assert _of_empty([1.0] * 9, 0.4) == (pytest.approx(9.6 / 10), (1, 1))
    assert _of_empty([0.0] * 9, 0.4) == (pytest.approx(0.6 / 10), (0, 0))
    assert _of_empty([1.0] * 8, 0.4)[1] == (0, 1)


@pytest.mark.parametrize("certainty", [0.01, 60.0])
def test_expectation_and_interval_stay_between_0_and_1(certainty: float) -> None:
    found = _model(12).expected(Traits.of(_blob(certainty)))
    assert found.interval is not None
    assert 0 <= found.interval[0] <= found.dice <= found.interval[1] <= 1
