"""Learning from the images that a model left out how good predictions are, once all models are trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..data.ignored import judged
from ..errors import InputError
from ..hashing import hash_of
from ..objects import ObjectQuality, ObjectTraits, best_overlaps, separate_objects
from ..prediction import Reliability
from ..prediction.calibration import fit_temperature, tempered
from ..prediction.encoder import Encoder, statistics_of
from ..prediction.likeness import Familiar, Unseen, score_of_image
from ..prediction.quality import LEAST_GROUPS, QualityModel, Traits
from ..prediction.result import most_probable
from ..progress import Progress, ProgressCallback, ignore_progress
from .loaded import load_member
from .manifest import Manifest, MemberRecord
from .quality import Card, Likeness, Quality
from .review import Review, load_review

if TYPE_CHECKING:
    import torch

TASK = "quality"

# Of what is made; with a higher number it is made anew.
_VERSION = 2
# More from one image teach little: its pixels are alike.
_PIXELS_PER_IMAGE = 20_000


def with_quality(
    folder: Path, manifest: Manifest, device: torch.device, progress: ProgressCallback = ignore_progress
) -> Manifest:
    """Make ``quality.json`` and ``quality.npz``, unless they are there and made of the same.

    Parameters
    ----------
    folder : path
        Of an ensemble whose models are all trained and have predicted what they left out.
    manifest : Manifest
        Of it.
    device : torch.device
        Where to compute.
    progress : callable
        Called for every image; may raise `Cancelled`.

    Returns
    -------
    Manifest
        With the record of the files; not saved.
    """
    review = load_review(folder)
    key = _key(manifest, review)
    if _is_there(folder, manifest, key):
        return manifest
    record = _Making(folder, manifest, review, device, progress).quality(key).save(folder)
    return manifest.model_copy(update={"quality": record})


def _is_there(folder: Path, manifest: Manifest, key: str) -> bool:
    if manifest.quality is None:
        return False
    try:
        return Quality.load(folder, manifest.quality).card.key == key
    except InputError:
        return False


def _key(manifest: Manifest, review: Review) -> str:
    depends_on = {
        "version": _VERSION,
        "images": {name: record.key for name, record in review.records.items()},
        "groups": manifest.groups,
        "members": [member.sha256 for member in manifest.members],
    }
    return hash_of(depends_on)


@dataclass(frozen=True)
class _Item:
    """A training image, or a block of one, that some model did not learn from."""

    id: str
    name: str
    place: tuple[slice, slice]
    group: str
    fold: int
    dice: float | None


class _Making:
    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        review: Review,
        device: torch.device,
        progress: ProgressCallback,
    ) -> None:
        self._folder, self._manifest, self._review = folder, manifest, review
        self._device, self._progress = device, progress
        self._items = list(_items(manifest, review))

    def quality(self, key: str) -> Quality:
        probabilities, truth = self._pixels()
        temperature = fit_temperature(probabilities, truth) if truth.size else 1.0
        dice, likeness = self._dice(temperature), self._likeness()
        objects, n_objects = self._objects(temperature)
        groups = len({item.group for item in self._items})
        card = Card(
            key=key,
            images=len(self._items),
            groups=groups,
            temperature=temperature,
            error_before=_error(probabilities, truth),
            error_after=_error(tempered(probabilities, temperature), truth),
            tile_size=self._manifest.configuration.prediction.tile_size,
            unknown=tuple(_unknown(groups, n_objects, dice, likeness, objects)),
            objects=n_objects,
        )
        return Quality(card, dice, likeness, objects)

    def _pixels(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Draw judged pixels of all images: probabilities (L, N) and true classes (N,)."""
        rng = np.random.default_rng(self._manifest.configuration.training.random_state)
        probabilities = [np.empty((len(self._manifest.classes), 0), np.float32)]
        truth = [np.empty(0, np.uint8)]
        for item in self._items:
            mask = self._review.mask(item.name)[item.place]
            known = np.flatnonzero(judged(mask))
            chosen = rng.choice(known, min(_PIXELS_PER_IMAGE, known.size), replace=False)
            maps = self._probabilities(item)
            probabilities.append(maps.reshape(len(maps), -1)[:, chosen])
            truth.append(mask.reshape(-1)[chosen])
        return np.concatenate(probabilities, 1), np.concatenate(truth)

    def _probabilities(self, item: _Item) -> NDArray[np.float32]:
        return self._review.probabilities(item.name)[:, *item.place].astype(np.float32)

    def _dice(self, temperature: float) -> QualityModel | None:
        known = [item for item in self._items if item.dice is not None]
        return QualityModel.of(
            [Traits.of(tempered(self._probabilities(item), temperature)) for item in known],
            [item.dice for item in known if item.dice is not None],
            [item.group for item in known],
        )

    def _objects(self, temperature: float) -> tuple[ObjectQuality | None, int]:
        """Learn how good objects are, and count them."""
        traits, overlaps = [], []
        for done, item in enumerate(self._items):
            self._progress(Progress(f"{TASK} of objects", done, len(self._items)))
            probabilities = tempered(self._probabilities(item), temperature)
            winners = most_probable(probabilities)
            labels = separate_objects(winners)
            traits.append(ObjectTraits.of(labels, winners, probabilities))
            overlaps.append(best_overlaps(labels, winners, self._review.mask(item.name)[item.place]))
        found = ObjectQuality.of(traits, overlaps, [item.group for item in self._items])
        return found, sum(int(np.isfinite(one).sum()) for one in overlaps)

    def _likeness(self) -> Likeness | None:
        members = [member for member in self._manifest.members if self._groups_learned(member) > 1]
        if len({item.group for item in self._items}) < LEAST_GROUPS:
            return None
        familiar: dict[int, Familiar] = {}
        scores: dict[str, NDArray[np.float32]] = {}
        for number, member in enumerate(members):
            familiar[member.fold], own = self._familiar(member, number, len(members))
            scores |= own
        items = [item for item in self._items if item.id in scores]
        return Likeness(familiar, *_unseen(items, [scores[item.id] for item in items])) if items else None

    def _groups_learned(self, member: MemberRecord) -> int:
        return len({item.group for item in self._items if item.id in member.training_images})

    def _familiar(
        self, member: MemberRecord, number: int, total: int
    ) -> tuple[Familiar, dict[str, NDArray[np.float32]]]:
        """Describe all images by one model; score the cells of those that it did not learn from."""
        predictor = load_member(self._folder, self._manifest, member, self._device)
        channels = self._manifest.channels
        tile_size = self._manifest.configuration.prediction.tile_size
        encoder = Encoder(predictor, channels, tile_size, self._device)
        cells = {}
        for done, item in enumerate(self._items):
            step = Progress(TASK, number * len(self._items) + done, total * len(self._items))
            self._progress(step)
            if item.id in member.training_images or item.id in member.validation_images:
                image = self._review.image(item.name)
                image = image[..., np.newaxis] if image.ndim == 2 else image
                cells[item.id] = encoder.describe(image[item.place].astype(np.float32))
        learned = [item for item in self._items if item.id in member.training_images]
        familiar = Familiar.of(
            [cells[item.id] for item in learned], [item.group for item in learned], statistics_of(channels)
        )
        return familiar, {
            id_: familiar.unlikeness(cells[id_]) for id_ in member.validation_images if id_ in cells
        }


def _items(manifest: Manifest, review: Review) -> Iterator[_Item]:
    for name, record in review.records.items():
        for row in record.rows:
            fold = manifest.folds[row.image]
            # What the weights it started from had learned is not unseen.
            if row.image in manifest.initial_weights.seen.get(fold, ()):
                continue
            place = (slice(None), slice(None))
            if row.image in manifest.blocks:
                y, x, height, width = manifest.blocks[row.image]
                place = (slice(y, y + height), slice(x, x + width))
            yield _Item(
                row.image,
                name,
                place,
                manifest.groups[row.image],
                fold,
                row.scores.get("dice"),
            )


def _unseen(items: Sequence[_Item], scores: Sequence[NDArray[np.float32]]) -> tuple[Unseen, Unseen]:
    numbers = np.unique([item.group for item in items], return_inverse=True)[1]
    images = np.array([score_of_image(own) for own in scores], np.float32)
    of_cells = np.repeat(numbers, [len(own) for own in scores])
    return Unseen(images, numbers), Unseen(np.concatenate(scores), of_cells)


def _error(probabilities: NDArray[np.float32], truth: NDArray[np.uint8]) -> float:
    found = Reliability.of_prediction(probabilities[..., np.newaxis], truth[:, np.newaxis])
    return found.expected_calibration_error or 0.0


def _unknown(
    groups: int,
    n_objects: int,
    dice: QualityModel | None,
    likeness: Likeness | None,
    objects: ObjectQuality | None,
) -> Iterator[str]:
    few = f"the {groups} group{'s' * (groups != 1)} of images that a model left out are too few"
    if dice is None:
        yield f"expected Dice: {few}, or nothing was predicted on them"
    elif dice.missing_groups:
        yield f"interval of the expected Dice: {few}, {dice.missing_groups} more are needed"
    if likeness is None:
        yield f"likeness to the training images: {few}"
    if objects is None:
        yield f"expected overlap of objects: {few}, or the {n_objects} objects on them are"
