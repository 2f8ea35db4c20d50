import numpy as np
import pytest

from napari_deepflash2.config import ConsensusConfig
from napari_deepflash2.consensus import dice, estimate_consensus
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble.against_experts import compare_with_experts

MAJORITY = ConsensusConfig(method="majority")


def bar(start: int, stop: int) -> np.ndarray:
    mask = np.zeros((4, 20), np.uint8)
    mask[:, start:stop] = 1
    return mask


def test_each_expert_is_measured_on_the_others_and_the_model_on_the_same() -> None:
    experts = {"a": bar(2, 10), "b": bar(2, 10), "c": bar(2, 14)}
    found = compare_with_experts(bar(2, 10), experts, (0, 1), MAJORITY)
    assert found is not None
    # Two others disagree on columns 10 to 13: undecided is background, so every consensus is columns 2 to 9.
    assert found.experts == {"a": 1, "b": 1, "c": pytest.approx(2 * 8 / 20)}
    assert found.model == found.consensus == 1
    assert (found.lowest, found.highest) == (0.8, 1)
    assert found.ceiling == pytest.approx(2.8 / 3)
    assert found.place == "within"


@pytest.mark.parametrize(
    ("model", "place"), [(bar(2, 10), "above"), (bar(2, 8), "within"), (bar(12, 20), "below")]
)
def test_the_model_is_below_within_or_above_the_range(model: np.ndarray, place: str) -> None:
    experts = {"a": bar(2, 12), "b": bar(2, 9), "c": bar(2, 10), "d": bar(1, 10), "e": bar(2, 7)}
    found = compare_with_experts(model, experts, (0, 1), MAJORITY)
    assert found is not None
    assert found.place == place
    assert found.highest < 1


def test_it_is_the_leave_one_out_dice_of_the_consensus() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((30, 30)) > 0.6
    flipped = [np.where(rng.random(truth.shape) < 0.1 * (i + 1), ~truth, truth) for i in range(5)]
    *drawn, model = [mask.astype(np.uint8) for mask in flipped]
    experts = dict(zip("abcd", drawn, strict=True))
    found = compare_with_experts(model, experts, (0, 1), ConsensusConfig())
    assert found is not None
    others = {
        name: estimate_consensus({other: mask for other, mask in experts.items() if other != name}).labels
        for name in experts
    }
    assert found.experts == {name: pytest.approx(dice(experts[name], others[name])) for name in experts}
    assert found.model == pytest.approx(np.mean([dice(model, one) for one in others.values()]))
    assert found.consensus == pytest.approx(dice(model, estimate_consensus(experts).labels))


def test_settings_that_name_classes_and_experts_are_followed() -> None:
    config = ConsensusConfig(
        method="staple", prior={0: 0.6, 255: 0.4}, initial_performance={"a": 0.9, "b": 0.9, "c": 0.9}
    )
    experts = {"a": bar(2, 10), "b": bar(2, 10), "c": bar(2, 11)}
    found = compare_with_experts(bar(2, 10), experts, (0, 255), config)
    assert found is not None
    assert found.consensus == 1


def test_what_the_model_did_not_predict_or_experts_did_not_judge_counts_for_nobody() -> None:
    model, experts = bar(2, 10), {"a": bar(2, 10), "b": bar(2, 10), "c": bar(2, 14)}
    model[:, 10:] = IGNORE
    experts["b"][:, :4] = IGNORE
    found = compare_with_experts(model, experts, (0, 1), MAJORITY)
    assert found is not None
    assert found.experts == {"a": 1, "b": 1, "c": 1}


def test_fewer_than_two_experts_have_nobody_to_be_compared_with() -> None:
    model, nothing = bar(2, 10), np.full((4, 20), IGNORE, np.uint8)
    assert compare_with_experts(model, {"a": model}, (0, 1), MAJORITY) is None
    assert compare_with_experts(model, {"a": model, "b": nothing}, (0, 1), MAJORITY) is None
    assert compare_with_experts(nothing, {"a": model, "b": model}, (0, 1), MAJORITY) is None
