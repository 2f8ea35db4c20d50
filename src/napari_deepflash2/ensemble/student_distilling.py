"""Making a preview network: one student learns what the ensemble says, and how sure it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import Configuration, TrainingConfig
from ..data.normalisation import Normalisation
from ..errors import InputError
from ..prediction import Moments
from ..progress import Progress, ProgressCallback, ignore_progress
from .device import best_precision, choose_device
from .folder import check_free_space
from .loaded import Ensemble, load_ensemble
from .manifest import BFloat16Record
from .memory import kept_memory
from .optimisation import Optimisation
from .student import Student, build_student, ready
from .student_fidelity import agreement, compared
from .student_files import save_student
from .student_images import Images, Sample, gathered_samples, held_out
from .student_network import distillation_loss, student_moments
from .student_tiles import SoftTarget, SoftTiles
from .versions import versions

if TYPE_CHECKING:
    from torch import nn

TEACHING, LEARNING = "ensemble predicts", "preview network"

# Streams of random numbers, so that no two uses share one.
_CHOICE, _WEIGHTS, _TILES, _NETWORK = range(4)
# The network with the quickest passes that an ensemble may have too.
_ARCHITECTURE = "unet"
# Side of the tiles to learn from, at most.
_TILE = 256
_BYTES_OF_WEIGHTS = 2**24


def distil_student(
    ensemble_folder: Path | str,
    images: Images | None = None,
    config: Configuration | Mapping[str, Any] | Path | str | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Student:
    """Distil an ensemble into one small network for previews, and put it into the ensemble's folder.

    The ensemble predicts images once, with its test-time augmentation. A single network learns its calibrated
    probabilities and its epistemic uncertainty from varied tiles of four in five of them. On the others it is
    measured how near it comes.

    Parameters
    ----------
    ensemble_folder : path
        A trained ensemble.
    images : path or sequence of paths and array_like, optional
        A folder, a file, or files and arrays (Y, X) or (Y, X, C), best of those that will be looked at; no
        masks are needed. The training images, as far as the folder keeps them, when not given.
    config : Configuration, mapping or path, optional
        Its parts ``student``, ``prediction`` and ``data`` count; the ensemble's when not given.
    progress : callable
        May raise `Cancelled`; an earlier preview network then stays.

    Returns
    -------
    Student
        As `Ensemble.student` gives it.

    Raises
    ------
    InputError
        As `load_ensemble`; where there are no images or some cannot be used; where the folder cannot be
        written.
    """
    ensemble = load_ensemble(ensemble_folder)
    _check_room(ensemble.folder)
    settings = ensemble.config if config is None else Configuration.of(config)
    return _Distilling(ensemble, settings, progress).run(images)


class _Distilling:
    def __init__(self, ensemble: Ensemble, config: Configuration, progress: ProgressCallback) -> None:
        self._ensemble, self._config, self._progress = ensemble, config, progress
        self._device, self._seed = choose_device(), config.training.random_state
        self._normalisation = _common([member.normalisation for member in ensemble.members])
        self._classes = len(ensemble.classes)
        self._training = TrainingConfig(
            architecture=_ARCHITECTURE,
            iterations=config.student.iterations,
            tile_size=min(_TILE, ensemble.config.training.tile_size),
            precision=best_precision(self._device),
            augmentation=ensemble.config.training.augmentation,
        )

    def run(self, images: Images | None) -> Student:
        ensemble, rng = self._ensemble, np.random.default_rng((self._seed, _CHOICE))
        samples = gathered_samples(ensemble.folder, ensemble.manifest, images, self._config, rng)
        learned, rest = held_out(samples, rng)
        with kept_memory():
            targets = self._targets([*learned, *rest])
            network = self._trained(learned, targets[: len(learned)])
            measured = self._measured(network, rest, targets[len(learned) :])
        card = save_student(ensemble.folder, network.state_dict(), self._values(len(learned)) | measured)
        return Student.load(ensemble.folder, ensemble.manifest, card, self._device)

    def _values(self, images: int) -> dict[str, Any]:
        ensemble = self._ensemble
        return {
            "run": ensemble.manifest.run,
            "members": tuple(member.sha256 for member in ensemble.members),
            "temperature": ensemble.temperature,
            "architecture": _ARCHITECTURE,
            "classes": ensemble.classes,
            "channels": ensemble.channels,
            "normalisation": self._normalisation,
            "prediction": self._config.prediction,
            "images": images,
            "iterations": self._training.iterations,
            "versions": versions(),
        }

    def _targets(self, samples: Sequence[Sample]) -> list[SoftTarget]:
        targets: list[SoftTarget] = []

        def tell(_: Progress) -> None:
            self._progress(Progress(TEACHING, len(targets), len(samples)))

        for sample in samples:
            moments = self._ensemble.moments(sample.image, sample.look, self._config.prediction, tell)
            targets.append(SoftTarget.of(moments))
        self._progress(Progress(TEACHING, len(samples), len(samples)))
        return targets

    def _trained(self, samples: Sequence[Sample], targets: Sequence[SoftTarget]) -> nn.Module:
        """Give the network as it learned, on the processor and in evaluation mode."""
        seen = [sample.look(self._normalisation).apply(sample.image) for sample in samples]
        tiles = SoftTiles(seen, targets, self._training, self._device)
        network = build_student(_ARCHITECTURE, self._ensemble.channels, self._classes, self._seed, _WEIGHTS)
        network = network.to(self._device)
        optimisation = Optimisation(network, self._training, self._device)
        for iteration in range(self._training.iterations):
            pictures, maps = tiles.batch(self._seed, _TILES, iteration)
            loss = partial(distillation_loss, maps=maps)
            value = optimisation.step(pictures, loss, iteration, self._seed, _NETWORK, iteration)
            self._progress(Progress(LEARNING, iteration + 1, self._training.iterations, {"loss": value}))
        return network.cpu().eval()

    def _measured(
        self, network: nn.Module, samples: Sequence[Sample], targets: Sequence[SoftTarget]
    ) -> dict[str, Any]:
        """Compare with the ensemble, and where the device has bfloat16 also that with float32."""
        full = self._predicted(network, samples, reduced=False)
        fidelity = compared(full, targets)
        if best_precision(self._device) != "bfloat16":
            return {"fidelity": fidelity, "bfloat16": None}
        fewer = self._predicted(network, samples, reduced=True)
        of_fewer = compared(fewer, targets)
        record = BFloat16Record(
            agreement=agreement([one.mean for one in fewer], [one.mean for one in full]),
            dice_lost=fidelity.dice - of_fewer.dice,
        )
        return {"fidelity": of_fewer if record.is_safe else fidelity, "bfloat16": record}

    def _predicted(self, network: nn.Module, samples: Sequence[Sample], reduced: bool) -> list[Moments]:
        fast = ready(network, self._normalisation, self._device, reduced)
        total = self._training.iterations
        return [
            student_moments(
                fast,
                sample.image,
                sample.look(self._normalisation),
                self._classes,
                self._config.prediction,
                self._device,
                lambda _: self._progress(Progress(LEARNING, total, total)),
            )
            for sample in samples
        ]


def _common(normalisations: Sequence[Normalisation]) -> Normalisation:
    """Give the middle of the members' normalisations, which differ by what each fold has left out."""
    centre, spread = (
        np.mean([getattr(one, figure) for one in normalisations], axis=0) for figure in ("centre", "spread")
    )
    return Normalisation(normalisations[0].kind, tuple(centre.tolist()), tuple(spread.tolist()))


def _check_room(folder: Path) -> None:
    """Refuse a folder that cannot be written before minutes are spent."""
    if not os.access(folder, os.W_OK):
        raise InputError.one(
            folder,
            "cannot be written, and the preview network belongs into it",
            "Copy the ensemble to a folder that you may write to.",
            "folder-not-writable",
        )
    check_free_space(folder, _BYTES_OF_WEIGHTS)
