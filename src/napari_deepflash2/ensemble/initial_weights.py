"""What the members of an ensemble start from: random weights, ImageNet's, a file, or another ensemble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import TrainingConfig
from ..data.folds import Fold
from ..errors import InputError, Problem, raise_if_any
from ..files import sha256_of
from .manifest import MANIFEST, InitialRecord, Manifest, MemberRecord
from .networks import find_pretrained, how_to_get, network_entry
from .networks.encoder_weights import fill_encoder
from .training_set import TrainingSet, array_hash
from .weights import fill_whole, load_weights, read_weights_file

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class InitialWeights:
    """What every member starts from.

    Attributes
    ----------
    record : InitialRecord
        For the manifest.
    """

    record: InitialRecord = field(default_factory=InitialRecord)
    _files: Mapping[int, _File] = field(default_factory=dict)

    @classmethod
    def of(cls, training: TrainingConfig, data: TrainingSet, splits: Sequence[Fold]) -> InitialWeights:
        """Find the weights that the settings name, and check that they are for these data.

        Parameters
        ----------
        training : TrainingConfig
            With the network and the initial weights resolved.
        data : TrainingSet
            What is learned.
        splits : sequence of (ndarray, ndarray)
            Indices of the training and of the held-out images, by member.

        Raises
        ------
        InputError
            Where they are missing, or an ensemble has another network, other channels or classes, or
            too few members; lists all of it.
        """
        source = training.initial_weights
        if source == "random":
            return RANDOM
        if is_ensemble(source):
            return _from_ensemble(Path(source), training.architecture, data, splits)
        path = _imagenet(training.architecture) if source == "imagenet" else _weights_file(source)
        file = _File(path, sha256_of(path))
        record = InitialRecord(source=source, files={path.name: file.sha256})
        return cls(record, dict.fromkeys(range(1, len(splits) + 1), file))

    @property
    def notes(self) -> tuple[Problem, ...]:
        """What the user should know about this start."""
        return tuple(leaks(self.record))

    def fill(self, network: nn.Module, fold: int) -> None:
        """Give a network the weights that the member of this fold starts from.

        Raises
        ------
        InputError
            Where the file has changed, is damaged or unsafe, or belongs to another network.
        """
        if fold in self._files:
            self._files[fold].fill(network)


@dataclass(frozen=True)
class _File:
    path: Path
    sha256: str
    is_member: bool = False

    def fill(self, network: nn.Module) -> None:
        if self.is_member:
            load_weights(self.path, self.sha256, network)
            return
        weights, sha256 = read_weights_file(self.path)
        if sha256 != self.sha256:
            raise InputError.one(
                self.path,
                "has changed since the run began",
                "Put the file back that the run began with.",
                "weights-changed",
            )
        fill = fill_whole if weights.keys() == network.state_dict().keys() else fill_encoder
        fill(network, weights, self.path)


RANDOM = InitialWeights()


def is_ensemble(source: str) -> bool:
    """Whether initial weights are those of an ensemble."""
    return (Path(source) / MANIFEST).is_file()


def leaks(record: InitialRecord) -> Iterator[Problem]:
    """Name the members that start from one which has learned from images they hold out."""
    for fold, ids in sorted(record.seen.items()):
        shown = ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")
        yield Problem(
            f"fold {fold}",
            f"starts from a model that was trained on {len(ids)} of the images it holds out ({shown}), so "
            "its held-out Dice is too kind",
            "Judge it on images that took no part in either training.",
            "held-out-images-seen",
        )


def advice(asked: str, training: TrainingConfig) -> Iterator[Problem]:
    """Say where "auto" came to random weights although there are better ones to be had."""
    has_better = network_entry(training.architecture).imagenet is not None
    if asked == "auto" and training.initial_weights == "random" and has_better:
        yield Problem(
            "initial_weights",
            f"ImageNet's weights for {training.architecture} are not on this computer, so it starts from "
            "random ones",
            f"They are worth most where images are few. To have them, {how_to_get(training.architecture)}.",
            "no-pretrained-weights",
        )


def _imagenet(architecture: str) -> Path:
    path = find_pretrained(architecture)
    if path is None:
        raise InputError.one(
            "initial_weights",
            f"ImageNet's weights for {architecture} are not on this computer",
            f"To have them, {how_to_get(architecture)}.",
            "no-pretrained-weights",
        )
    return path


def _weights_file(source: str) -> Path:
    path = Path(source)
    if not path.is_file():
        raise InputError.one(
            path,
            "is neither a file of weights nor the folder of an ensemble",
            'Give one of them, or "random", "imagenet" or "auto".',
            "weights-missing",
        )
    return path


def _from_ensemble(
    folder: Path, architecture: str, data: TrainingSet, splits: Sequence[Fold]
) -> InitialWeights:
    manifest = Manifest.load(folder)
    raise_if_any(_misfits(folder, manifest, architecture, data, len(splits)))
    members = {member.fold: member for member in manifest.members if member.fold <= len(splits)}
    files = {fold: _File(folder / m.file, m.sha256, is_member=True) for fold, m in members.items()}
    hashes = [array_hash(image) for image in data.images]
    seen = {
        fold: tuple(data.ids[i] for i in splits[fold - 1][1] if hashes[i] in _learned(manifest, member))
        for fold, member in members.items()
    }
    record = InitialRecord(
        source=str(folder),
        files={member.file: member.sha256 for member in members.values()},
        seen={fold: ids for fold, ids in seen.items() if ids},
    )
    return InitialWeights(record, files)


def _learned(manifest: Manifest, member: MemberRecord) -> set[str]:
    return {manifest.image_hashes[id_] for id_ in member.training_images}


def _misfits(
    folder: Path, manifest: Manifest, architecture: str, data: TrainingSet, n_folds: int
) -> Iterator[Problem]:
    """Say everything that keeps an ensemble from being gone on with, before any weight is read."""
    other = manifest.configuration.training.architecture
    pairs = (
        ("network", network_entry(other).name, network_entry(architecture).name),
        ("channels", manifest.channels, data.channels),
        ("classes", len(manifest.classes), len(data.classes)),
    )
    for what, theirs, ours in pairs:
        if theirs != ours:
            yield Problem(
                str(folder),
                f"cannot be gone on with: its {what}: {theirs}, here: {ours}",
                "Choose an ensemble of the same network, channels and classes, or other initial weights.",
                "wrong-network",
            )
    there = {member.fold for member in manifest.members}
    missing = [fold for fold in range(1, n_folds + 1) if fold not in there]
    if missing:
        yield Problem(
            str(folder),
            f"has no model for fold {', '.join(map(str, missing))}",
            f"Train at most {min(missing) - 1} models from it, or finish its training first.",
            "member-missing",
        )
