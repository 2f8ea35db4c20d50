import numpy as np
import pytest
from pydantic import ValidationError

from napari_deepflash2.sample_data import ExpertProfile, make_cells, simulate_experts

TRUTH = make_cells((512, 512), n_cells=100, random_state=3).truth


def one(**traits: float) -> object:
    return simulate_experts(TRUTH, [ExpertProfile(name="one", **traits)])[0]


def test_a_faultless_expert_draws_the_truth() -> None:
    expert = one()
    np.testing.assert_array_equal(expert.instances, TRUTH)
    assert (expert.sensitivity, expert.specificity, expert.missed_objects) == (1.0, 1.0, ())


def test_default_experts_differ_and_repeat_with_the_seed() -> None:
    experts, again = simulate_experts(TRUTH, random_state=5), simulate_experts(TRUTH, random_state=5)
    for expert, same in zip(experts, again, strict=True):
        np.testing.assert_array_equal(expert.instances, same.instances)
    masks = {expert.mask.tobytes() for expert in experts}
    assert len(masks) == len(experts) == 5


@pytest.mark.parametrize("bias", [-2.0, 2.0])
def test_boundary_bias_moves_outlines_by_that_many_pixels(bias: float) -> None:
    truth = np.zeros((101, 101), np.uint16)
    truth[30:71, 30:71] = 7
    drawn = simulate_experts(truth, [ExpertProfile(name="one", boundary_bias=bias)])[0].instances
    rows = np.flatnonzero(drawn[:, 50])
    assert rows[0] == 30 - bias
    assert rows[-1] == 70 + bias
    assert set(np.unique(drawn)) == {0, 7}


def test_missed_objects_are_named_and_absent() -> None:
    expert = one(missed=0.3)
    assert 15 <= len(expert.missed_objects) <= 45
    assert not np.isin(expert.instances, expert.missed_objects).any()
    rest = np.setdiff1d(np.unique(TRUTH), expert.missed_objects)
    np.testing.assert_array_equal(np.unique(expert.instances), rest)


def test_invented_objects_lie_in_the_background() -> None:
    expert = one(invented=0.2)
    invented = expert.instances > TRUTH.max()
    assert 10 <= np.unique(expert.instances[invented]).size <= 20
    assert not TRUTH[invented].any()
    assert expert.sensitivity == 1.0
    assert expert.specificity < 1.0


def test_pixel_errors_have_the_rates_they_were_given() -> None:
    expert = one(pixel_sensitivity=0.8, pixel_specificity=0.95)
    assert expert.sensitivity == pytest.approx(0.8, abs=0.01)
    assert expert.specificity == pytest.approx(0.95, abs=0.01)


def test_measured_skill_is_the_share_of_pixels_right() -> None:
    expert = one(boundary_bias=1.0, missed=0.1)
    drawn, true = expert.mask.astype(bool), TRUTH > 0
    assert expert.sensitivity == pytest.approx((drawn & true).sum() / true.sum())
    assert expert.specificity == pytest.approx((~drawn & ~true).sum() / (~true).sum())


@pytest.mark.parametrize("fill", [0, 1])
def test_skill_that_cannot_be_measured_is_none(fill: int) -> None:
    expert = simulate_experts(np.full((16, 16), fill, np.uint16))[0]
    assert (expert.sensitivity is None) == (fill == 0)
    assert (expert.specificity is None) == (fill == 1)


def test_an_impossible_profile_is_refused() -> None:
    with pytest.raises(ValidationError, match="missed"):
        ExpertProfile(name="one", missed=1.5)
