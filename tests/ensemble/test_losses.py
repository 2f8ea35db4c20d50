from math import log
from typing import get_args

import pytest
import torch
from monai.losses import DiceCELoss, FocalLoss, TverskyLoss
from pydantic import ValidationError

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble.losses import Loss, build_loss
from napari_deepflash2.ensemble.targets import targets_of_labels

NAMES = get_args(TrainingConfig.model_fields["loss"].annotation)


def _loss(name: str, **settings: object) -> Loss:
    return build_loss(TrainingConfig(loss=name, **settings))


def _labels() -> torch.Tensor:
    labels = torch.zeros(2, 16, 16, dtype=torch.uint8)
    labels[0, 4:9, 4:9] = 1
    labels[1, 2:5, 3:9] = 2
    return labels


def _logits(seed: int = 0) -> torch.Tensor:
    return 2 * torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("foreground", [True, False])
def test_the_right_answer_costs_less_than_a_guess_and_that_less_than_the_wrong_one(
    name: str, foreground: bool
) -> None:
    targets, weights = targets_of_labels(_labels() * foreground, 3)
    loss = _loss(name)
    costs = [
        float(loss(logits, targets, weights))
        for logits in (12 * targets, torch.zeros_like(targets), -12 * targets)
    ]
    assert costs == sorted(costs)
    assert costs[0] < 0.7 * costs[2]
    assert all(cost >= 0 for cost in costs)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_has_gradients_without_any_foreground(name: str) -> None:
    logits = torch.zeros(1, 2, 8, 8, requires_grad=True)
    _loss(name)(logits, *targets_of_labels(torch.zeros(1, 8, 8, dtype=torch.uint8), 2)).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_what_is_predicted_on_ignored_pixels_changes_nothing(name: str) -> None:
    labels = _labels()
    labels[:, :8] = IGNORE
    logits, other = _logits(), _logits()
    other[:, :, :8] = _logits(1)[:, :, :8]
    cost = _loss(name)(logits.requires_grad_(), *targets_of_labels(labels, 3))
    assert torch.allclose(cost, _loss(name)(other, *targets_of_labels(labels, 3)), rtol=1e-6)
    cost.backward()
    assert logits.grad is not None
    assert (logits.grad[:, :, :8] == 0).all()
    assert (logits.grad[:, :, 8:] != 0).any()


@pytest.mark.parametrize("name", NAMES)
def test_ignoring_rows_costs_what_the_other_rows_alone_cost(name: str) -> None:
    labels = _labels()
    labels[:, 8:] = IGNORE
    whole = _loss(name)(_logits(), *targets_of_labels(labels, 3))
    part = _loss(name)(_logits()[:, :, :8], *targets_of_labels(labels[:, :8], 3))
    assert torch.allclose(whole, part, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_a_judged_pixel_costs_something_finite_and_teaches_nothing(name: str) -> None:
    logits = _logits().requires_grad_()
    cost = _loss(name)(logits, *targets_of_labels(torch.full_like(_labels(), IGNORE), 3))
    cost.backward()
    assert cost.isfinite()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loses_no_more_than_the_digits_of_the_logits(name: str, dtype: torch.dtype) -> None:
    labels = torch.zeros(4, 256, 256, dtype=torch.uint8)
    labels[:, 100:150, 100:150] = 1
    logits = torch.randn(4, 2, 256, 256, generator=torch.Generator().manual_seed(0)).to(dtype)
    cost = _loss(name)(logits, *targets_of_labels(labels, 2))
    assert cost.dtype == torch.float32
    assert torch.allclose(cost, _loss(name)(logits.float(), *targets_of_labels(labels, 2)))


def _two_pixels() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A pixel of class 1 that gets probability 0.8, one of class 0 that gets 0.6; the first counts twice."""
    probabilities = torch.tensor([[[[0.2, 0.6]], [[0.8, 0.4]]]])
    return probabilities.log(), torch.tensor([[[[0.0, 1.0]], [[1.0, 0.0]]]]), torch.tensor([[[2.0, 1.0]]])


CROSS_ENTROPY = -(2 * log(0.8) + log(0.6)) / 3
# Foreground: overlap 2 x 0.8, sizes 2 x 0.8 + 0.4 and 2; background: overlap 0.6, sizes 2 x 0.2 + 0.6 and 1.
DICE = 1 - (2 * 1.6 / (2.0 + 2.0) + 2 * 0.6 / (1.0 + 1.0)) / 2


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("cross_entropy", {}, CROSS_ENTROPY),
        ("soft_cross_entropy", {"label_smoothing": 0}, CROSS_ENTROPY),
        (
            "soft_cross_entropy",
            {"label_smoothing": 0.2},
            -(2 * (0.9 * log(0.8) + 0.1 * log(0.2)) + 0.9 * log(0.6) + 0.1 * log(0.4)) / 3,
        ),
        ("poly1_cross_entropy", {"poly1_epsilon": 1.5}, CROSS_ENTROPY + 1.5 * (2 * 0.2 + 0.4) / 3),
        ("focal", {"focal_gamma": 2}, -(2 * 0.2**2 * log(0.8) + 0.4**2 * log(0.6)) / 3),
        ("dice", {}, DICE),
        ("cross_entropy_dice", {}, CROSS_ENTROPY + DICE),
        ("jaccard", {}, 1 - (1.6 / 2.4 + 0.6 / 1.4) / 2),
        # Foreground: overlap 1.6, invented 0.4, missed 0.4; background: 0.6, 0.4 and 0.4.
        ("tversky", {"tversky_alpha": 0.25, "tversky_beta": 0.5}, 1 - (1.6 / 1.9 + 0.6 / 0.9) / 2),
        # Foreground, worst pixel first: error 0.4 raises the loss from 0 to 1 - 2 / 3, then 0.2 to 1.
        # Background: 0.4 from 0 to 1, after which nothing is left to lose.
        ("lovasz", {}, (0.4 / 3 + 0.2 * 2 / 3 + 0.4) / 2),
    ],
)
def test_worked_by_hand(name: str, settings: dict[str, float], expected: float) -> None:
    assert float(_loss(name, **settings)(*_two_pixels())) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("cross_entropy_dice", DiceCELoss(to_onehot_y=True, softmax=True, batch=True)),
        ("tversky", TverskyLoss(to_onehot_y=True, softmax=True, batch=True, alpha=0.3, beta=0.7)),
        # MONAI also takes the mean over the three classes, of which all but one cost nothing.
        ("focal", lambda logits, labels: 3 * FocalLoss(to_onehot_y=True, use_softmax=True)(logits, labels)),
    ],
)
def test_hard_labels_cost_what_they_cost_in_monai(name: str, oracle: Loss) -> None:
    cost = _loss(name)(_logits(), *targets_of_labels(_labels(), 3))
    assert torch.allclose(cost, oracle(_logits(), _labels()[:, None].long()), atol=1e-5)


def test_lovasz_of_a_hard_prediction_is_the_jaccard_loss() -> None:
    predicted = _labels().roll(2, dims=1)
    logits = 100 * targets_of_labels(predicted, 3)[0]
    overlaps = []
    for class_ in range(3):
        a, b = predicted == class_, _labels() == class_
        overlaps.append(float((a & b).sum() / (a | b).sum()))
    cost = _loss("lovasz")(logits, *targets_of_labels(_labels(), 3))
    assert float(cost) == pytest.approx(1 - sum(overlaps) / 3, abs=1e-5)


def test_lovasz_leaves_out_classes_that_the_batch_does_not_show() -> None:
    logits = torch.tensor([0.9, 0.1]).log().reshape(1, 2, 1, 1).expand(1, 2, 4, 4)
    cost = _loss("lovasz")(logits, *targets_of_labels(torch.zeros(1, 4, 4, dtype=torch.uint8), 2))
    assert float(cost) == pytest.approx(0.1, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_agree_with_differences(name: str) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 2, 3, generator=generator).requires_grad_()
    targets = torch.rand(2, 3, 2, 3, generator=generator).softmax(1)
    weights = torch.rand(2, 2, 3, generator=generator)
    loss = _loss(name)
    loss(logits, targets, weights).backward()
    assert logits.grad is not None
    step = 1e-2
    for place in [(0, 0, 0, 0), (0, 2, 1, 1), (1, 1, 0, 2)]:
        moved = torch.zeros_like(logits)
        moved[place] = step
        with torch.no_grad():
            difference = loss(logits + moved, targets, weights) - loss(logits - moved, targets, weights)
        assert float(logits.grad[place]) == pytest.approx(float(difference) / (2 * step), abs=2e-3)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"soft_cross_entropy", "focal", "poly1_cross_entropy"}))
def test_no_prediction_is_better_than_the_soft_target_itself(name: str) -> None:
    share = torch.full((1, 1, 8, 8), 0.3)
    share[..., 4:] = 0.9
    targets = torch.cat([1 - share, share], 1)
    weights = torch.ones(1, 8, 8)
    right = float(_loss(name)(targets.log(), targets, weights))
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert float(_loss(name)(factor * targets.log(), targets, weights)) > right


@pytest.mark.parametrize("name", NAMES)
def test_a_pixel_of_weight_two_counts_like_two_pixels(name: str) -> None:
    targets, _ = targets_of_labels(_labels()[:, :8], 3)
    logits = _logits()[:, :, :8]
    twice = _loss(name)(logits, targets, 2 * torch.ones(2, 8, 16))
    both = _loss(name)(
        torch.cat([logits, logits], 2), torch.cat([targets, targets], 2), torch.ones(2, 16, 16)
    )
    assert torch.allclose(twice, both, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_certainty_that_leaves_no_digits_still_has_finite_gradients(name: str) -> None:
    targets, weights = targets_of_labels(_labels(), 3)
    for logits in (1e4 * targets, -1e4 * targets):
        logits.requires_grad_()
        _loss(name, focal_gamma=1)(logits, targets, weights).backward()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    "wrong", [{"focal_gamma": 0.5}, {"label_smoothing": 1}, {"tversky_alpha": 0}, {"poly1_epsilon": -1}]
)
def test_settings_without_a_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TrainingConfig(**wrong)
