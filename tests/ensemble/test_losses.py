from typing import get_args

import pytest
import torch

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
    assert torch.equal(cost, _loss(name)(other, *targets_of_labels(labels, 3)))
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
