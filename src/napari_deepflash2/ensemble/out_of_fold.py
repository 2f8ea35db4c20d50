"""Each training image predicted by the model that never saw it, at the end of that model's training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..hashing import hash_of
from ..prediction import Predictor, predict_moments
from ..progress import Progress, ProgressCallback
from .loaded import load_member
from .manifest import Manifest, MemberRecord
from .out_of_fold_files import OutOfFoldFolder
from .predicted_image import PredictedPart, write_predicted
from .training_set import TrainingSet

if TYPE_CHECKING:
    import torch

TASK = "out of fold"

# Of what is made of an image; with a higher number all are made anew.
_VERSION = 2


@dataclass(frozen=True)
class _HeldOut:
    """One item of the training set, by its number, and the model that never saw it."""

    index: int
    id: str
    member: MemberRecord


def predict_out_of_fold(
    folder: Path, manifest: Manifest, data: TrainingSet, device: torch.device, progress: ProgressCallback
) -> None:
    """Predict every image by the finished model that never saw it, with the settings of later use.

    What was already made of the same models, images, masks and settings is kept.

    Parameters
    ----------
    folder : path
        The ensemble's. Maps and records go to its folder ``out_of_fold``.
    manifest : Manifest
        Of the ensemble, which need not be complete: images that no finished model left out are passed over.
    data : TrainingSet
        What it was trained on.
    device : torch.device
        Where to compute.
    progress : callable
        Called after each batch of tiles; may raise `Cancelled`.
    """
    files, images = OutOfFoldFolder(folder), _held_out_images(manifest, data)
    keys = {name: _key(manifest, parts) for name, parts in images.items()}
    missing = [name for name, key in keys.items() if not files.holds(name, key)]
    models = _Models(folder, manifest, device)
    for done, name in enumerate(missing):
        within = _repeated(Progress(TASK, done, len(missing)), progress)
        parts = [models.predict(part, data, within) for part in images[name]]
        write_predicted(files, name, parts, manifest, keys[name])
        progress(Progress(TASK, done + 1, len(missing)))


class _Models:
    """The members of an ensemble, each loaded when it is first needed."""

    def __init__(self, folder: Path, manifest: Manifest, device: torch.device) -> None:
        self._folder, self._manifest, self._device = folder, manifest, device
        self._loaded: dict[int, Predictor] = {}

    def predict(self, part: _HeldOut, data: TrainingSet, progress: ProgressCallback) -> PredictedPart:
        """Predict an image by the model that never saw it."""
        image = data.images[part.index]
        moments = predict_moments(
            [self._predictor(part.member)],
            image,
            len(data.classes),
            self._manifest.configuration.prediction,
            self._device,
            progress,
        )
        votes = None if data.experts is None else data.experts[part.index]
        return PredictedPart(
            id=part.id,
            image=image,
            mask=data.labels[part.index],
            probabilities=moments.mean,
            experts={} if votes is None else dict(zip(votes.names, votes.masks, strict=True)),
            region=data.regions[part.index],
        )

    def _predictor(self, member: MemberRecord) -> Predictor:
        if member.fold not in self._loaded:
            self._loaded[member.fold] = load_member(self._folder, self._manifest, member, self._device)
        return self._loaded[member.fold]


def _repeated(step: Progress, progress: ProgressCallback) -> ProgressCallback:
    """Report the same step again and again, so that what goes on within it can be cancelled."""

    def repeat(_: Progress) -> None:
        progress(step)

    return repeat


def _held_out_images(manifest: Manifest, data: TrainingSet) -> Mapping[str, Sequence[_HeldOut]]:
    """Find what a finished model left out: for each image itself, or its blocks."""
    members = {id_: one for one in manifest.members if one.finished for id_ in one.validation_images}
    images: dict[str, list[_HeldOut]] = {}
    for index, (id_, region) in enumerate(zip(data.ids, data.regions, strict=True)):
        if id_ in members:
            name = id_ if region is None else region.image
            images.setdefault(name, []).append(_HeldOut(index, id_, members[id_]))
    return images


def _key(manifest: Manifest, parts: Sequence[_HeldOut]) -> str:
    """Hash all that the prediction of an image depends on."""
    depends_on = {
        "version": _VERSION,
        "classes": manifest.classes,
        "consensus": manifest.configuration.consensus.model_dump(mode="json"),
        "prediction": manifest.configuration.prediction.model_dump(mode="json"),
        "parts": [
            [part.member.sha256, manifest.image_hashes[part.id], manifest.mask_hashes[part.id]]
            for part in parts
        ],
    }
    return hash_of(depends_on)
