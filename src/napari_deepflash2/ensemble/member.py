"""One member of an ensemble on its way from random weights to trained ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration
from ..data.folds import Fold
from ..data.ignored import judged
from ..data.normalisation import Normalisation
from ..errors import InputError
from ..prediction import Predictor
from ..progress import ProgressCallback
from .batchnorm import has_batch_norm, re_estimate_batch_norm
from .initial_weights import RANDOM, InitialWeights
from .losses import build_loss
from .networks import build_network
from .optimisation import Optimisation
from .pace import PaceOfStep, scheduled
from .preview import Preview
from .tiles import TileSource
from .training_set import TrainingSet
from .validation import Validation, validate

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

# Streams of random numbers, so that no two uses share one.
_WEIGHTS, _TILES, _NETWORK, _STATISTICS = range(4)
_BATCHES_FOR_STATISTICS = 16
# Of `Member.state`; to be raised whenever its entries change.
_LAYOUT = 1


@dataclass
class Best:
    """The best weights so far.

    Attributes
    ----------
    iteration : int
        How many steps they have behind them.
    validation : Validation
        Their figures.
    weights : dict of str to Tensor
        The network's state.
    """

    iteration: int
    validation: Validation
    weights: dict[str, Tensor]

    def is_reached_by(self, other: Validation) -> bool:
        """Whether `other` is at least as good by Dice, then by loss; of equals the later has learned more."""
        return (other.mean_dice, -other.loss) >= (self.validation.mean_dice, -self.validation.loss)


class Member:
    """Network, optimiser and schedule of one fold, with all that has to survive an interruption.

    Everything random follows from the seed, the fold and the number of the iteration. The position is thus
    all the random state there is, and a resumed training goes on exactly as an uninterrupted one.

    Parameters
    ----------
    data : TrainingSet
        All images.
    fold : int
        Number of the fold, from 1.
    split : (ndarray, ndarray)
        Indices of the training and of the held-out images.
    config : Configuration
        All settings.
    device : torch.device
        Where to compute.
    pace : callable
        Learning rate and momentum of each step; those of the schedule when not given.
    initial : InitialWeights
        What the network starts from.
    """

    def __init__(
        self,
        data: TrainingSet,
        fold: int,
        split: Fold,
        config: Configuration,
        device: torch.device,
        pace: PaceOfStep = scheduled,
        initial: InitialWeights = RANDOM,
    ) -> None:
        self.fold, self.split, self.data = fold, split, data
        self._config, self._settings, self.device = config, config.training, device
        n_classes = len(data.classes)
        training = [data.images[i] for i in split[0]]
        self.normalisation = Normalisation.learn(training, self._settings.normalisation)
        self._tiles = TileSource(
            [self.normalisation.apply(image) for image in training],
            [data.labels[i] for i in split[0]],
            [data.target(i, self._settings) for i in split[0]],
            self._settings,
            device,
        )
        network = build_network(
            self._settings.architecture, data.channels, n_classes, self._settings.random_state, fold, _WEIGHTS
        )
        initial.fill(network, fold)
        self.network = network.to(device)
        self._loss = build_loss(self._settings)
        self._optimisation = Optimisation(self.network, self._settings, device, pace)
        self.iteration = 0
        self.best: Best | None = None
        self.preview: Preview | None = None
        self._previewed = next((i for i in split[1] if judged(data.labels[i]).any()), None)
        self.tiles_at_once = config.prediction.batch_size
        self.notes: list[str] = []
        self.losses: list[float] = []
        self.history: list[dict[str, float | None]] = []

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return self._optimisation.learning_rate(self.iteration)

    @property
    def halvings(self) -> int:
        """How often the learning rate was halved because the loss was no number."""
        return self._optimisation.halvings

    @property
    def parts(self) -> int:
        """Parts in which a batch is computed, one after the other."""
        return self._optimisation.parts

    @parts.setter
    def parts(self, value: int) -> None:
        self._optimisation.parts = value

    @property
    def batch_size(self) -> int:
        """Tiles in one step."""
        return self._settings.batch_size

    @property
    def validated_network(self) -> nn.Module:
        """The network whose weights are measured and kept: the averaged one, where there is one."""
        average = self._optimisation.average
        return self.network if average is None else average.network

    def step(self) -> float:
        """Learn from one batch; return the loss.

        Raises
        ------
        NotFinite
            Where loss or gradient is no finite number. The weights stay as they were.
        """
        batch = self._tiles.batch(*self._seed(_TILES))
        value = self._optimisation.step(
            batch.images,
            lambda logits: self._loss(logits, batch.targets, batch.weights),
            self.iteration,
            *self._seed(_NETWORK),
        )
        self.iteration += 1
        self.losses.append(value)
        return value

    def batch_images(self) -> list[str]:
        """IDs of the images that the next batch is cut from."""
        numbers = self._tiles.image_numbers(*self._seed(_TILES))
        return [self.data.ids[self.split[0][i]] for i in numbers]

    def validate(self, progress: ProgressCallback) -> Validation:
        """Measure the present weights on the held-out images; keep them where they are the best."""
        network = self.validated_network
        if has_batch_norm(network):
            seed, fold = self._settings.random_state, self.fold
            batches = range(_BATCHES_FOR_STATISTICS)
            re_estimate_batch_norm(
                network, (self._tiles.batch(seed, fold, _STATISTICS, i).images for i in batches)
            )
        held_out = self.split[1]
        found = validate(
            self.predictor(f"fold {self.fold}"),
            [self.data.images[i] for i in held_out],
            [self.data.labels[i] for i in held_out],
            len(self.data.classes),
            self._config.prediction.model_copy(update={"batch_size": self.tiles_at_once}),
            self._loss,
            self.device,
            progress,
            self._show,
        )
        if self.best is None or self.best.is_reached_by(found):
            self.best = Best(self.iteration, found, _copied(network.state_dict()))
        return found

    def predictor(self, name: str) -> Predictor:
        """Make the present weights ready to predict."""
        return Predictor(name, self.validated_network.eval(), self.normalisation)

    def state(self) -> dict[str, Any]:
        """Everything that has to be kept, as tensors and plain values."""
        return {
            "layout": _LAYOUT,
            "iteration": self.iteration,
            "network": self.network.state_dict(),
            "optimisation": self._optimisation.state(),
            "losses": self.losses,
            "history": self.history,
            "notes": self.notes,
            "tiles_at_once": self.tiles_at_once,
            "best": None if self.best is None else _best_state(self.best),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken.

        Raises
        ------
        InputError
            Where another version of this program took it.
        """
        if state.get("layout") != _LAYOUT:
            raise InputError.one(
                f"fold {self.fold}",
                "its checkpoint is of another version of napari-deepflash2",
                "Resume with the version that began this run, or train into another folder.",
                "other-checkpoint",
            )
        self.iteration = state["iteration"]
        self.network.load_state_dict(state["network"])
        self._optimisation.restore(state["optimisation"])
        self.losses, self.history, self.notes = state["losses"], state["history"], state["notes"]
        self.tiles_at_once = state["tiles_at_once"]
        best = state["best"]
        self.best = None
        if best is not None:
            validation = Validation(best["loss"], tuple(best["dice"]))
            self.best = Best(best["iteration"], validation, best["weights"])

    def go_back(self, state: dict[str, Any]) -> None:
        """Return to an earlier state, to go on at half the present learning rate."""
        halvings, parts = self.halvings + 1, self.parts
        notes, tiles_at_once = self.notes, self.tiles_at_once
        self.restore(state)
        self._optimisation.halvings, self.parts = halvings, parts
        self.notes, self.tiles_at_once = notes, tiles_at_once

    def _seed(self, stream: int) -> tuple[int, ...]:
        return (self._settings.random_state, self.fold, stream, self.iteration)

    def _show(self, number: int, mean: NDArray[np.float32]) -> None:
        index = self.split[1][number]
        if index == self._previewed:
            image, truth = self.data.images[index], self.data.labels[index]
            region = self.data.regions[index] if self.data.regions else None
            self.preview = Preview.of(self.data.ids[index], image, truth, mean, region)


def _copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().cpu().clone() for key, value in weights.items()}


def _best_state(best: Best) -> dict[str, Any]:
    return {"iteration": best.iteration, "weights": best.weights, **asdict(best.validation)}
