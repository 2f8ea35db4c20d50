from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.ensemble.device import best_precision
from napari_deepflash2.ensemble.optimisation import NotFinite, Optimisation
from napari_deepflash2.ensemble.weights import from_bytes, to_bytes

CPU = torch.device("cpu")
OPTIMISERS = get_args(TrainingConfig.model_fields["optimiser"].annotation)
TRUTH = torch.linspace(-1, 1, 2 * 2 * 8 * 8).view(2, 2, 8, 8)


def _network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(4, 2, 1))


def _images() -> Tensor:
    return torch.linspace(0, 1, 2 * 8 * 8).view(2, 1, 8, 8)


def _loss(logits: Tensor) -> Tensor:
    return (logits - TRUTH).pow(2).mean()


def _optimisation(**settings: Any) -> tuple[nn.Module, Optimisation]:
    defaults = {"iterations": 60, "learning_rate": 0.02, "precision": "float32"}
    network = _network()
    return network, Optimisation(network, TrainingConfig.model_validate({**defaults, **settings}), CPU)


def _weights(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_every_optimiser_and_schedule_learns(optimiser: str, schedule: str) -> None:
    _, optimisation = _optimisation(optimiser=optimiser, schedule=schedule)
    losses = [optimisation.step(_images(), _loss, i, 1, i) for i in range(60)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_with_fewer_bits_it_learns_nearly_the_same_and_the_weights_keep_all_bits(precision: str) -> None:
    full, reduced = (_optimisation(precision=p) for p in ("float32", precision))
    for i in range(20):
        losses = [optimisation.step(_images(), _loss, i, 1, i) for _, optimisation in (full, reduced)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[0] != losses[1]
    assert {p.dtype for p in reduced[0].parameters()} == {torch.float32}


def test_automatic_precision_is_one_that_can_be_set() -> None:
    assert best_precision(CPU) in ("float32", "bfloat16")
    assert best_precision(torch.device("mps")) == "float32"


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_restored_state_goes_on_to_the_bit(optimiser: str, precision: str) -> None:
    settings = {"optimiser": optimiser, "precision": precision, "ema": 0.9}
    (network, one), (other_network, other) = (_optimisation(**settings) for _ in range(2))
    for i in range(5):
        one.step(_images(), _loss, i, 1, i)
    state = from_bytes(to_bytes({"network": network.state_dict(), "more": one.state()}), Path("state"))
    other_network.load_state_dict(state["network"])
    other.restore(state["more"])
    for i in range(5, 10):
        assert one.step(_images(), _loss, i, 1, i) == other.step(_images(), _loss, i, 1, i)
    assert torch.equal(_weights(network), _weights(other_network))
    assert one.average is not None
    assert other.average is not None
    assert torch.equal(_weights(one.average.network), _weights(other.average.network))


def test_the_average_is_the_running_mean_of_the_weights() -> None:
    network, optimisation = _optimisation(ema=0.5)
    assert optimisation.average is not None
    expected = _weights(network)
    for i in range(12):
        optimisation.step(_images(), _loss, i, 1, i)
        decay = min(0.5, (1 + i) / (10 + i))
        expected = decay * expected + (1 - decay) * _weights(network)
    assert torch.allclose(_weights(optimisation.average.network), expected, atol=1e-6)
    assert not torch.allclose(_weights(network), expected, atol=1e-4)


@pytest.mark.parametrize(("most", "moved"), [(1e-3, 1e-3), (0.0, None)])
def test_gradients_are_clipped_to_their_largest_norm_and_only_where_asked(
    most: float, moved: float | None
) -> None:
    network, optimisation = _optimisation(
        optimiser="sgd", gradient_clipping=most, weight_decay=0, schedule="cosine", learning_rate=1.0
    )
    before = _weights(network)
    optimisation.step(_images(), lambda logits: 100 * _loss(logits), 0, 1)
    length = float((_weights(network) - before).norm())
    # Nesterov's first step is 1.9 times the gradient.
    assert length == pytest.approx(1.9 * moved, rel=1e-3) if moved else length > 1


@pytest.mark.parametrize("spoil", [lambda x: x * float("nan"), lambda x: x + float("inf")])
def test_a_loss_that_is_no_number_moves_nothing(spoil: Any) -> None:
    network, optimisation = _optimisation(ema=0.9)
    optimisation.step(_images(), _loss, 0, 1)
    before = _weights(network)
    with pytest.raises(NotFinite):
        optimisation.step(_images(), lambda logits: spoil(_loss(logits)), 1, 1)
    assert torch.equal(_weights(network), before)


def test_a_gradient_that_is_no_number_moves_nothing() -> None:
    network, optimisation = _optimisation()
    before = _weights(network)
    with pytest.raises(NotFinite):
        # The root of 0 is 0, its slope infinite.
        optimisation.step(_images(), lambda logits: (logits - logits.detach()).pow(2).sum().sqrt(), 0, 1)
    assert torch.equal(_weights(network), before)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, nn.InstanceNorm2d])
def test_channels_are_last_in_memory_only_where_that_is_faster(norm: type[nn.Module]) -> None:
    network = nn.Sequential(nn.Conv2d(2, 4, 3), norm(4))
    Optimisation(network, TrainingConfig(precision="float32"), CPU)
    is_last = network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert is_last == (norm is nn.BatchNorm2d)
