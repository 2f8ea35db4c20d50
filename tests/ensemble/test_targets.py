import numpy as np
import pytest
import torch

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.data.votes import ExpertVotes
from napari_deepflash2.ensemble.targets import TargetMap, check_target, look_up, targets_of_labels
from napari_deepflash2.errors import InputError

# Four pixels: all say 0; two of three say 1; one judges and says 2; nobody judges.
VOTES = np.array([[0, 0, 0], [1, 1, 0], [IGNORE, 2, IGNORE], [IGNORE] * 3], np.uint8)
SHARES = np.array([[1, 0, 0], [1 / 3, 2 / 3, 0], [0, 0, 1], [1 / 3] * 3], np.float32)
EXPERTS = ExpertVotes(
    ("a", "b", "c"),
    np.array([[0, 1, 2, 3]], np.uint8),
    VOTES,
    SHARES,
    np.array([0, 0.6, 0, 0], np.float32),
)
LABELS = np.array([[0, 1, 2, IGNORE]], np.uint8)


def _taught(
    target: TargetMap, rng: np.random.Generator | None = None
) -> tuple[list[list[float]], list[float]]:
    """Probabilities of each pixel, and weights."""
    codes = torch.from_numpy(target.codes.astype(np.float32))[None]
    targets, weights = look_up(codes, [target.draw(rng or np.random.default_rng(0))])
    return targets[0, :, 0].T.tolist(), weights[0, 0].tolist()


def _of(target: str, experts: ExpertVotes | None = EXPERTS, **settings: float) -> TargetMap:
    return TargetMap.of(LABELS, experts, 3, TrainingConfig(target=target, **settings))


@pytest.mark.parametrize("experts", [None, EXPERTS])
def test_the_consensus_is_taught_as_it_is(experts: ExpertVotes | None) -> None:
    targets, weights = _taught(_of("consensus", experts))
    assert targets == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert weights == [1, 1, 1, 0]


def test_soft_targets_are_the_probabilities_of_the_consensus() -> None:
    targets, weights = _taught(_of("soft"))
    assert np.allclose(targets, SHARES)
    assert weights == [1, 1, 1, 0]


def test_a_pixel_that_the_consensus_leaves_undecided_still_has_its_probabilities() -> None:
    labels = LABELS.copy()
    labels[0, 1] = IGNORE
    target = TargetMap.of(labels, EXPERTS, 3, TrainingConfig(target="soft"))
    assert _taught(target)[1][1] == 1


def test_each_expert_teaches_what_that_expert_judged() -> None:
    target, rng = _of("experts"), np.random.default_rng(0)
    none = [0.0, 0.0, 0.0]
    expected = [
        ([[1, 0, 0], [0, 1, 0], none, none], [1, 1, 0, 0]),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1], none], [1, 1, 1, 0]),
        ([[1, 0, 0], [1, 0, 0], none, none], [1, 1, 0, 0]),
    ]
    drawn = [expected.index(_taught(target, rng)) for _ in range(300)]
    assert min(drawn.count(expert) for expert in range(3)) > 70


def test_an_expert_who_judged_nothing_of_an_image_is_not_drawn_there() -> None:
    votes = VOTES.copy()
    votes[:, 2] = IGNORE
    experts = ExpertVotes(EXPERTS.names, EXPERTS.codes, votes, SHARES, EXPERTS.disagreement)
    assert len(_of("experts", experts).tables) == 2


@pytest.mark.parametrize("target", ["consensus", "soft", "experts"])
def test_pixels_on_which_experts_disagree_count_less(target: str) -> None:
    plain, weighted = _of(target), _of(target, disagreement_weight=0.5)
    for seed in range(5):
        targets, weights = _taught(plain, np.random.default_rng(seed))
        again, lower = _taught(weighted, np.random.default_rng(seed))
        assert again == targets
        assert np.allclose(lower, np.multiply(weights, [1, 0.7, 1, 1]))


def test_labels_need_not_follow_from_the_votes() -> None:
    """Where objects are fused one by one, pixels with the same votes may have different labels."""
    experts = EXPERTS.at(np.s_[:, [1, 1, 0]])
    labels = np.array([[1, 0, 0]], np.uint8)
    config = TrainingConfig(target="consensus", disagreement_weight=1)
    targets, weights = _taught(TargetMap.of(labels, experts, 3, config))
    assert targets == [[0, 1, 0], [1, 0, 0], [1, 0, 0]]
    assert np.allclose(weights, [0.4, 0.4, 1])


def test_images_of_a_batch_keep_their_own_tables() -> None:
    hard, soft = _of("consensus"), _of("soft")
    codes = torch.from_numpy(np.stack([hard.codes, soft.codes, hard.codes]).astype(np.float32))
    rng = np.random.default_rng(0)
    targets, weights = look_up(codes, [target.draw(rng) for target in (hard, soft, hard)])
    assert targets[0, :, 0].T.tolist() == targets[2, :, 0].T.tolist() == _taught(hard)[0]
    assert targets[1, :, 0].T.tolist() == _taught(soft)[0]
    assert weights[:, 0].tolist() == [[1, 1, 1, 0]] * 3


def test_labels_of_validation_and_of_training_become_the_same_targets() -> None:
    labels = torch.from_numpy(LABELS)[None]
    targets, weights = targets_of_labels(labels, 3)
    assert targets[0, :, 0].T.tolist() == _taught(_of("consensus"))[0]
    assert weights[0, 0].tolist() == [1, 1, 1, 0]


def test_masks_of_experts_come_back_from_their_votes() -> None:
    assert EXPERTS.masks.shape == (3, 1, 4)
    assert EXPERTS.masks[1, 0].tolist() == [0, 1, 2, IGNORE]
    assert EXPERTS.at(np.s_[:, 1:3]).masks[0, 0].tolist() == [1, IGNORE]


def test_targets_that_need_experts_are_refused_without_them() -> None:
    config = TrainingConfig(target="soft", disagreement_weight=0.5)
    check_target(config, has_experts=True)
    check_target(TrainingConfig(), has_experts=False)
    with pytest.raises(InputError) as caught:
        check_target(config, has_experts=False)
    where = [problem.where for problem in caught.value.problems]
    assert where == ["training.target", "training.disagreement_weight"]
