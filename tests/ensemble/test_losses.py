from typing import get_args

import pytest
import torch

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.ensemble.losses import build_loss

NAMES = get_args(TrainingConfig.model_fields["loss"].annotation)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("foreground", [True, False])
def test_the_right_answer_costs_less_than_a_guess_and_that_less_than_the_wrong_one(
    name: str, foreground: bool
) -> None:
    classes = torch.zeros(2, 16, 16, dtype=torch.long)
    classes[0, 4:9, 4:9] = 2 * foreground
    right = 12.0 * torch.nn.functional.one_hot(classes, 3).permute(0, 3, 1, 2)
    loss = build_loss(name)
    costs = [float(loss(logits, classes)) for logits in (right, torch.zeros_like(right), -right)]
    assert costs == sorted(costs)
    assert costs[0] < 0.7 * costs[2]
    assert all(cost >= 0 for cost in costs)


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_has_gradients_without_any_foreground(name: str) -> None:
    logits = torch.zeros(1, 2, 8, 8, requires_grad=True)
    build_loss(name)(logits, torch.zeros(1, 8, 8, dtype=torch.long)).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
