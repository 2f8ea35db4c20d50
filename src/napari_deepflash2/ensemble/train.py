"""Training an ensemble: one member for each fold, in a folder that can be watched, stopped and resumed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Configuration
from ..data.folds import Fold, held_out_folds
from ..data.groups import Groups
from ..data.stratified import notes_of_folds, stratified_folds
from ..errors import InputError, Problem
from ..progress import Cancelled, ProgressCallback, ignore_progress
from .automatic import resolved
from .checkpoint import Checkpoints
from .device import choose_device
from .estimate import RunEstimate, disk_need, estimate_run
from .folder import check_free_space, claimed_folder
from .initial_weights import InitialWeights, advice
from .loaded import Ensemble, load_ensemble
from .loop import Surroundings, train_member
from .manifest import Manifest, MemberRecord
from .member import Member
from .memory import kept_memory
from .networks import build_network
from .out_of_fold import predict_out_of_fold
from .precision import with_precision
from .quality_making import with_quality
from .reporting import Reporter
from .resume import interrupted_run, resumed_manifest, same_threads
from .review import load_review
from .run import EventLog
from .tables import update_history
from .targets import check_target
from .training_set import Source, TrainingSet, read_training_set
from .versions import environment, versions
from .weights import save_weights

if TYPE_CHECKING:
    import torch

    from .expert_planes import ExpertSource


def train_ensemble(
    images: Source,
    masks: Source | None = None,
    out: Path | str = "ensemble",
    config: Configuration | Mapping[str, Any] | Path | str | None = None,
    progress: ProgressCallback = ignore_progress,
    resume: bool = False,
    *,
    experts: ExpertSource | None = None,
    groups: Groups | None = None,
    tell: Callable[[RunEstimate], None] | None = None,
) -> Ensemble:
    """Train one model for each fold of a cross-validation.

    Parameters
    ----------
    images : path or sequence of array_like
        A folder of images, or arrays (Y, X) or (Y, X, C), integer or float.
    masks : path or sequence of array_like
        A folder of masks, or arrays (Y, X) of 0/1, 0/255, class labels or instance labels; or leave them out
        and give `experts`.
    out : path
        The ensemble's folder: new or empty, or with `resume` that of an interrupted run.
    config : Configuration, mapping, path of a TOML file, optional
        Settings; the defaults where not given.
    progress : callable
        Called after each image that is read and each step; may raise `Cancelled`.
    resume : bool
        Go on with the run in `out`: finished members are kept, the others continue from their last
        checkpoint. On a processor the result is the one an uninterrupted run would have had, to the bit.
    experts : path or sequence of mappings or sequences of array_like, optional
        A folder with one sub-folder of masks for each expert, or for each image the mask of each expert (by
        name, or in the same order), None where there is none. Held-out images are measured against their
        consensus by the settings ``consensus``; ``training.target`` says what is learned.
    groups : sequence, mapping or path, optional
        The group (animal, slide) of each image, in their order or by ID (arrays are ``0001``, ``0002``, ...),
        or a CSV file with the columns ``image`` and ``group``. No model is tested on a group it has seen.
    tell : callable, optional
        Given, before the training begins, what it will take here; to measure that takes some seconds.

    Returns
    -------
    Ensemble
        Ready to predict.

    Raises
    ------
    InputError
        Where data, settings or folder are of no use, or, with `resume`, differ from those of the run.
    Cancelled
        When `progress` raised it or a file ``stop`` appeared in `out`. What was learned is saved.
    """
    settings = Configuration.of(config)
    folder = Path(out)
    with claimed_folder(folder, resume) as log, same_threads(before := interrupted_run(folder, resume)):
        report = Reporter(folder, log, progress)
        data = read_training_set(images, masks, experts, settings, groups, report)
        run = _Run.prepare(folder, data, settings, log, report, before)
        if tell is not None:
            tell(run.estimate())
        with kept_memory():
            run.train()
        ensemble = load_ensemble(folder)
        log.write("finished", held_out_dice=ensemble.held_out_dice)
    return ensemble


@dataclass
class _Run:
    """All that the members of one run share."""

    folder: Path
    data: TrainingSet
    config: Configuration
    log: EventLog
    progress: ProgressCallback
    manifest: Manifest
    splits: Sequence[Fold]
    device: torch.device
    initial: InitialWeights
    notes: Sequence[Problem]

    @classmethod
    def prepare(
        cls,
        folder: Path,
        data: TrainingSet,
        config: Configuration,
        log: EventLog,
        progress: ProgressCallback,
        before: Manifest | None,
    ) -> _Run:
        device = choose_device()
        asked = config.training.initial_weights
        config = resolved(config, device, before.configuration if before else None)
        training = config.training
        check_target(training, data.experts is not None)
        network = build_network(training.architecture, data.channels, len(data.classes))
        splits = stratified_folds(data.labels, data.groups, len(data.classes), training)
        of_splits = notes_of_folds(data.labels, data.groups, data.classes, splits)
        shapes = [(labels.shape[0], labels.shape[1]) for labels in data.labels]
        check_free_space(
            folder, disk_need(network, shapes, len(data.classes), len(splits), training.iterations)
        )
        initial = InitialWeights.of(training, data, splits)
        for fold in range(1, len(splits) + 1):
            initial.fill(network, fold)
        manifest = _new_manifest(data, config, splits, device, initial)
        if before is not None:
            manifest = resumed_manifest(folder, before, manifest)
        manifest.save(folder)
        notes = (*data.notes, *of_splits, *initial.notes, *advice(asked, training))
        return cls(folder, data, config, log, progress, manifest, splits, device, initial, notes)

    @property
    def finished(self) -> set[int]:
        return {member.fold for member in self.manifest.members if member.finished}

    def estimate(self) -> RunEstimate:
        shapes = [(labels.shape[0], labels.shape[1]) for labels in self.data.labels]
        left = len(self.splits) - len(self.finished)
        return estimate_run(
            shapes, self.config, self.data.channels, len(self.data.classes), left, self.progress
        )

    def train(self) -> None:
        finished = self.finished
        self.log.write(
            "start",
            models=len(self.splits),
            iterations=self.config.training.iterations,
            images=len(self.data.ids),
            device=str(self.device),
            finished=sorted(finished),
            notes=[str(note) for note in self.notes],
        )
        for fold, split in enumerate(self.splits, start=1):
            if fold not in finished:
                self._train_fold(fold, split)
            Checkpoints(self.folder, fold).remove()
            self._look_back()

    def _train_fold(self, fold: int, split: Fold) -> None:
        member = Member(self.data, fold, split, self.config, self.device, initial=self.initial)
        checkpoints = Checkpoints(self.folder, fold)
        state = checkpoints.load()
        if state is not None:
            member.restore(state)
        around = Surroundings(self.folder, checkpoints, self.log, self.progress)
        try:
            train_member(member, self.config.training, around)
        except (Cancelled, InputError):
            self._keep(member, finished=False)
            raise
        self._keep(member, finished=True)

    def _look_back(self) -> None:
        """Predict the images that the models so far never saw, and write what can be said of all of them."""
        self.manifest = with_precision(self.folder, self.manifest, self.data, self.device)
        self.manifest.save(self.folder)
        predict_out_of_fold(self.folder, self.manifest, self.data, self.device, self.progress)
        load_review(self.folder).save_tables()
        if self.manifest.is_complete:
            self.manifest = with_quality(self.folder, self.manifest, self.device, self.progress)
            self.manifest.save(self.folder)

    def _keep(self, member: Member, finished: bool) -> None:
        """Write history, then the best weights, and only then the manifest that vouches for them."""
        update_history(self.folder, member)
        if member.best is None:
            return
        file = f"{self.config.training.architecture}_deepflash2_model-{member.fold}.pth"
        record = MemberRecord(
            file=file,
            sha256=save_weights(self.folder / file, member.best.weights),
            fold=member.fold,
            finished=finished,
            training_images=tuple(self.data.ids[i] for i in member.split[0]),
            validation_images=tuple(self.data.ids[i] for i in member.split[1]),
            best_dice=member.best.validation.mean_dice,
            normalisation=member.normalisation,
            notes=tuple(member.notes),
        )
        others = [other for other in self.manifest.members if other.fold != member.fold]
        members = tuple(sorted([*others, record], key=lambda one: one.fold))
        self.manifest = self.manifest.model_copy(update={"members": members})
        self.manifest.save(self.folder)


def _new_manifest(
    data: TrainingSet,
    config: Configuration,
    splits: Sequence[Fold],
    device: torch.device,
    initial: InitialWeights,
) -> Manifest:
    folds = held_out_folds(splits, len(data.ids))
    return Manifest(
        run=uuid.uuid4().hex,
        members=(),
        planned=len(splits),
        classes=data.classes,
        channels=data.channels,
        configuration=config,
        image_hashes=data.image_hashes,
        mask_hashes=data.mask_hashes,
        experts=data.expert_names,
        consensus=data.consensus,
        value_ranges=data.value_ranges,
        groups=dict(zip(data.ids, data.groups, strict=True)),
        folds={id_: fold for id_, fold in zip(data.ids, folds, strict=True) if fold is not None},
        blocks={
            id_: (region.y, region.x, *image.shape[:2])
            for id_, region, image in zip(data.ids, data.regions, data.images, strict=True)
            if region is not None
        },
        pixel_sizes={
            id_: size for id_, size in zip(data.ids, data.pixel_sizes, strict=True) if size is not None
        },
        initial_weights=initial.record,
        versions=versions(),
        environment=environment(device),
    )
