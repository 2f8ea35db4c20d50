"""What a network shall learn at each pixel: a probability for each class, and how much the pixel counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import TrainingConfig
from ..data.ignored import IGNORE
from ..data.votes import ExpertVotes
from ..errors import Problem, raise_if_any

if TYPE_CHECKING:
    from torch import Tensor

Table = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TargetMap:
    """What the pixels of one image teach.

    Few different things are taught: a number tells them apart, which is moved and turned with the image and
    looked up only then.

    Attributes
    ----------
    codes : ndarray of unsigned integer, shape (Y, X)
        Column of a table, for each pixel.
    tables : ndarray of float32, shape (A, L + 1, U)
        A alternatives, of which each tile shows one: the probability of each class, then the weight.
    """

    codes: NDArray[np.unsignedinteger[Any]]
    tables: NDArray[np.float32]

    @classmethod
    def of(
        cls, labels: NDArray[np.uint8], experts: ExpertVotes | None, n_classes: int, config: TrainingConfig
    ) -> TargetMap:
        """Make what the settings ask for.

        Parameters
        ----------
        labels : ndarray of uint8, shape (Y, X)
            Classes, or `IGNORE`.
        experts : ExpertVotes, optional
            Needed for other targets than the labels, and for a weight by disagreement.
        n_classes : int
            L, with the background.
        config : TrainingConfig
            ``target`` and ``disagreement_weight``.
        """
        if experts is None or (config.target == "consensus" and not config.disagreement_weight):
            return cls(np.minimum(labels, n_classes), _one_hot(n_classes)[None])
        weights = 1 - config.disagreement_weight * experts.disagreement
        if config.target == "consensus":
            return cls._of_weighted_labels(labels, experts, weights, n_classes)
        tables = _soft(experts)[None] if config.target == "soft" else _each_expert(experts, n_classes)
        tables[:, -1] *= weights
        return cls(experts.codes, tables)

    @classmethod
    def _of_weighted_labels(
        cls, labels: NDArray[np.uint8], experts: ExpertVotes, weights: NDArray[np.float32], n_classes: int
    ) -> TargetMap:
        # Labels are no function of the votes where objects were fused one by one: each label with each vote.
        table = np.tile(_one_hot(n_classes), len(weights))
        table[-1] *= np.repeat(weights, n_classes + 1)
        codes = experts.codes.astype(np.uint32) * np.uint32(n_classes + 1) + np.minimum(labels, n_classes)
        return cls(codes.astype(np.min_scalar_type(table.shape[1])), table[None])

    @property
    def n_classes(self) -> int:
        """Classes, with the background."""
        return self.tables.shape[1] - 1

    def draw(self, rng: np.random.Generator) -> Table:
        """Draw one of the alternatives, shape (L + 1, U)."""
        return self.tables[int(rng.integers(len(self.tables))) if len(self.tables) > 1 else 0]


def check_target(config: TrainingConfig, has_experts: bool) -> None:
    """Refuse settings that need experts where there are none.

    Raises
    ------
    InputError
        Names each setting.
    """
    if has_experts:
        return
    needed = {"target": config.target != "consensus", "disagreement_weight": config.disagreement_weight > 0}
    raise_if_any(
        Problem(
            f"training.{name}",
            f"is {getattr(config, name)}, which needs the masks of several experts",
            "Train from a folder of experts, or leave this setting out.",
            "needs-experts",
        )
        for name, is_needed in needed.items()
        if is_needed
    )


def _one_hot(n_classes: int) -> Table:
    """Columns for the L classes and for what is ignored, shape (L + 1, L + 1)."""
    table = np.eye(n_classes + 1, dtype=np.float32)
    table[-1] = np.arange(n_classes + 1) < n_classes
    return table


def _soft(experts: ExpertVotes) -> Table:
    judged = (experts.votes != IGNORE).any(axis=1)
    return np.vstack([experts.probabilities.T, judged]).astype(np.float32)


def _each_expert(experts: ExpertVotes, n_classes: int) -> Table:
    """Stack the tables of those who judged anything of the image."""
    known = _one_hot(n_classes)
    judges = [votes for votes in experts.votes.T if (votes != IGNORE).any()]
    return np.stack([known[:, np.minimum(votes, n_classes)] for votes in judges])


def look_up(codes: Tensor, tables: Sequence[Table]) -> tuple[Tensor, Tensor]:
    """Turn the codes of a batch into what a loss takes.

    Parameters
    ----------
    codes : Tensor of float32, shape (N, Y, X)
        Columns.
    tables : sequence of N ndarray of float32, shape (L + 1, U)
        The table of each image.

    Returns
    -------
    targets : Tensor of float32, shape (N, L, Y, X)
    weights : Tensor of float32, shape (N, Y, X)
    """
    import torch

    starts = np.cumsum([0, *(table.shape[1] for table in tables[:-1])])
    columns = codes.long() + torch.from_numpy(starts).to(codes.device)[:, None, None]
    table = torch.from_numpy(np.concatenate(tables, axis=1)).to(codes.device)
    found = table.index_select(1, columns.flatten()).unflatten(1, codes.shape)
    return found[:-1].transpose(0, 1), found[-1]


def targets_of_labels(labels: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Turn class labels into what a loss takes.

    Parameters
    ----------
    labels : Tensor of uint8, shape (N, Y, X)
        Classes 0 to `n_classes` - 1, or `IGNORE`.
    n_classes : int
        Classes, with the background.

    Returns
    -------
    targets : Tensor of float32, shape (N, L, Y, X)
        1 for the class of a pixel, else 0; of an ignored pixel 0 for all.
    weights : Tensor of float32, shape (N, Y, X)
        0 for ignored pixels, else 1.
    """
    import torch

    classes = torch.arange(n_classes, dtype=torch.uint8, device=labels.device)
    return (labels[:, None] == classes[:, None, None]).float(), (labels != IGNORE).float()
