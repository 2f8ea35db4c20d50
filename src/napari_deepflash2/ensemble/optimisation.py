"""One step of learning: precision, gradients, optimiser, schedule and the running mean of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..config import TrainingConfig
from .averaging import AveragedWeights
from .batchnorm import has_batch_norm
from .device import seeded
from .networks.encoder_weights import has_trained_encoder
from .pace import PaceOfStep, scheduled

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

LossOfLogits = Callable[["Tensor"], "Tensor"]
Seed = tuple[int, ...]

# Where torch brings one kernel for the whole update.
_FUSED = {"adamw", "adam", "sgd"}
_MOMENTUM_OF_SGD = 0.9
_FACTOR_OF_HEAD = 3.0
_FACTOR_OF_TRAINED = 0.2


class NotFinite(ArithmeticError):
    """A loss or gradient that is no finite number; the weights stay as they were.

    Parameters
    ----------
    value : float
        The loss, or the size of the gradient.
    """

    def __init__(self, value: float) -> None:
        super().__init__(f"the loss became {value}")
        self.value = value


class Optimisation:
    """What moves the weights of one network.

    Parameters
    ----------
    network : torch.nn.Module
        On its device; changed in place.
    config : TrainingConfig
        With the precision resolved.
    device : torch.device
        Of the network.
    pace : callable
        Learning rate and momentum of each step; those of the schedule when not given.

    Attributes
    ----------
    average : AveragedWeights or None
        The running mean of the weights, where it is on.
    parts : int
        Parts in which a batch is computed, one after the other; more than one where memory is short. The
        step is that of the whole batch, whatever the loss.
    halvings : int
        How often the learning rate was halved. Once it was, float16 gives way to float32.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainingConfig,
        device: torch.device,
        pace: PaceOfStep = scheduled,
    ) -> None:
        import torch

        self._network, self._config, self._device = network, config, device
        self._pace = pace
        self._layout = fast_layout(network, config.precision, device)
        network.to(memory_format=self._layout)
        self._optimiser = build_optimiser(network, config)
        self._scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "float16")
        self.average = AveragedWeights(network, config.ema) if config.ema else None
        self.parts = 1
        self.halvings = 0

    def learning_rate(self, iteration: int) -> float:
        """Of the step with that number, from 0."""
        return self._config.learning_rate * self._pace(self._config, iteration).rate / 2**self.halvings

    def step(self, images: Tensor, loss: LossOfLogits, iteration: int, *seed: int) -> float:
        """Learn from one batch; return the loss.

        Parameters
        ----------
        images : Tensor of float32, shape (N, C, Y, X)
            The batch.
        loss : callable
            Of its logits, float32, shape (N, L, Y, X).
        iteration : int
            Steps done before.
        *seed : int
            Of the network's own random numbers, such as dropout.

        Raises
        ------
        NotFinite
            Where the loss or its gradient is no finite number.
        """
        self._set_pace(iteration)
        self._network.train()
        self._optimiser.zero_grad(set_to_none=True)
        value = (
            self._slope(images, loss, seed) if self.parts == 1 else self._slope_in_parts(images, loss, seed)
        )
        self._update()
        if self.average is not None:
            self.average.update(self._network, iteration)
        return value

    def state(self) -> dict[str, Any]:
        """All that has to be kept beside the network's weights."""
        return {
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "parts": self.parts,
            "halvings": self.halvings,
            "average": None if self.average is None else self.average.network.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken."""
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self.parts, self.halvings = state["parts"], state["halvings"]
        if self.average is not None:
            self.average.network.load_state_dict(state["average"])

    def _slope(self, images: Tensor, loss: LossOfLogits, seed: Seed) -> float:
        return self._backwards(loss(self._logits(images, seed)))

    def _slope_in_parts(self, images: Tensor, loss: LossOfLogits, seed: Seed) -> float:
        """First the logits of all parts, and the slope of their common loss; then each part's share of it."""
        import torch

        parts = images.tensor_split(self.parts)
        seeds = [(*seed, number) for number in range(self.parts)]
        with torch.no_grad():
            logits = torch.cat([self._logits(*part) for part in zip(parts, seeds, strict=True)])
        value = self._backwards(loss(logits.requires_grad_()))
        slopes = logits.grad.tensor_split(self.parts)
        for part, own_seed, slope in zip(parts, seeds, slopes, strict=True):
            self._logits(part, own_seed).backward(slope)
        return value

    def _logits(self, images: Tensor, seed: Seed) -> Tensor:
        precision = "float32" if self.halvings else self._config.precision
        images = images.contiguous(memory_format=self._layout)
        with seeded(*seed), autocast(self._device, precision):
            return self._network(images).float()

    def _backwards(self, loss: Tensor) -> float:
        value = float(loss.detach())
        if not math.isfinite(value):
            raise NotFinite(value)
        self._scaler.scale(loss).backward()
        return value

    def _update(self) -> None:
        import torch

        self._scaler.unscale_(self._optimiser)
        most = self._config.gradient_clipping or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self._network.parameters(), most))
        # With a scaler it is expected now and then: the step is left out and the scale halved.
        if not math.isfinite(norm) and not self._scaler.is_enabled():
            raise NotFinite(norm)
        self._scaler.step(self._optimiser)
        self._scaler.update()

    def _set_pace(self, iteration: int) -> None:
        now, rate = self._pace(self._config, iteration), self.learning_rate(iteration)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * group["rate_factor"]
            if now.momentum is not None and "betas" in group:
                group["betas"] = (now.momentum, group["betas"][1])
            elif now.momentum is not None and self._config.optimiser == "sgd":
                group["momentum"] = now.momentum


def fast_layout(network: nn.Module, precision: str, device: torch.device) -> torch.memory_format:
    """Order of the axes in memory that makes a network's convolutions fastest on a device.

    Channels last on NVIDIA cards with fewer bits, and on processors with batch normalisation (a tenth of the
    step saved); those that normalise single images or groups of channels become slower by as much.
    """
    import torch

    if device.type == "cuda":
        last = precision != "float32"
    else:
        last = device.type == "cpu" and has_batch_norm(network)
    return torch.channels_last if last else torch.contiguous_format


def build_optimiser(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Make the optimiser that the settings name, for all weights of a network."""
    from torch import optim

    kinds: dict[str, type[optim.Optimizer]] = {
        "adamw": optim.AdamW,
        "adam": optim.Adam,
        "radam": optim.RAdam,
        "nadam": optim.NAdam,
        "sgd": optim.SGD,
        "rmsprop": optim.RMSprop,
    }
    options: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimiser in _FUSED:
        options["fused"] = True
    if config.optimiser == "sgd":
        options |= {"momentum": _MOMENTUM_OF_SGD, "nesterov": True}
    return kinds[config.optimiser](parameter_groups(network), **options)


def parameter_groups(network: nn.Module) -> list[dict[str, Any]]:
    """Sort the weights by how fast they learn: ``rate_factor`` times the learning rate.

    An encoder that was trained before learns slower, so as not to forget. A `head` on a large encoder learns
    faster; at the same rate it holds all of them up.
    """
    factors = {
        "encoder": _FACTOR_OF_TRAINED if has_trained_encoder(network) else 1.0,
        "head": _FACTOR_OF_HEAD,
    }
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        groups.setdefault(factors.get(name.split(".")[0], 1.0), []).append(parameter)
    return [{"params": params, "rate_factor": factor} for factor, params in groups.items()]


@contextmanager
def autocast(device: torch.device, precision: str) -> Iterator[None]:
    """Compute in the block with fewer bits where that is safe, as torch decides by operation."""
    import torch

    kinds = {"bfloat16": torch.bfloat16, "float16": torch.float16}
    with torch.autocast(device.type, kinds.get(precision), enabled=precision in kinds):
        yield
