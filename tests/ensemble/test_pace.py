import pytest
import torch

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.ensemble.pace import scheduled


def _optimiser() -> torch.optim.Optimizer:
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


@pytest.mark.parametrize("iterations", [1, 2, 4, 37, 100])
def test_one_cycle_is_the_one_of_torch(iterations: int) -> None:
    optimiser = _optimiser()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.0, total_steps=iterations + 1)
    config = TrainingConfig(iterations=iterations, schedule="one_cycle")
    for iteration in range(iterations + 1):
        own = scheduled(config, iteration)
        assert own.rate == pytest.approx(optimiser.param_groups[0]["lr"])
        assert own.momentum == pytest.approx(optimiser.param_groups[0]["betas"][0])
        optimiser.step()
        if iteration < iterations:
            schedule.step()


def test_cosine_is_the_one_of_torch() -> None:
    optimiser = _optimiser()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=30)
    config = TrainingConfig(iterations=30, schedule="cosine")
    for iteration in range(31):
        assert scheduled(config, iteration).rate == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-12)
        assert scheduled(config, iteration).momentum is None
        optimiser.step()
        schedule.step()
