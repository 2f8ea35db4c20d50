"""The data check: every problem of a folder at once, a table of what is there, and the data to train on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig, TrainingConfig
from ..errors import InputError, Problem, raise_if_any
from ..progress import Progress, ProgressCallback, ignore_progress
from .check_tables import class_table, pair_table
from .contrast import contrast, notes_of_contrast
from .folders import image_id
from .groups import Groups
from .masks import MaskSet, interpret_masks
from .pair_resampling import resampled_pairs
from .pairing import find_pairs
from .pixel_size import notes_of_sizes
from .planes import Plane
from .preparing import prepared, split_table
from .reading import ImageFile
from .set_checks import ReadPair, channels_of_set, gathered, in_channels, notes_of_images, problems_of_set
from .set_reading import read_set_image, read_set_labels

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataCheck:
    """What is in the folders.

    Attributes
    ----------
    pairs : tuple of (Path, Path)
        Image and mask, sorted by ID.
    table : DataFrame
        One row for each pair: id, image, mask, slices, height, width, channels, pixel_size (as the file
        says it, with its unit; empty where it does not), dtype, min, max, classes (original values),
        foreground_share (of the pixels that were judged, 0 to 1), ignored_share, objects (instances, or
        connected regions of one class), n_findings, findings, what_to_do.
    classes : DataFrame
        One row for each class: class (original value), share (of the pixels that were judged), images
        (masks that hold it), objects (empty for the background).
    split : DataFrame
        One row for each image that is trained on (planes of stacks, blocks of a single image): image,
        group, fold (the one it is held out in, from 1; empty where it never is).
    notes : tuple of Problem
        What is worth a look; nothing of it stops training.
    images : tuple of ndarray, each (..., Y, X, C)
        Intensities of each pair as they are trained on.
    labels : tuple of ndarray of uint8, each (..., Y, X)
        Class labels of each pair, `IGNORE` where a pixel was not judged.
    """

    pairs: tuple[tuple[Path, Path], ...]
    table: pd.DataFrame
    classes: pd.DataFrame
    split: pd.DataFrame
    notes: tuple[Problem, ...]
    images: tuple[NDArray[Any], ...] = field(repr=False)
    labels: tuple[NDArray[np.uint8], ...] = field(repr=False)


@dataclass(frozen=True)
class TrainingData:
    """What is trained on.

    Attributes
    ----------
    planes : tuple of Plane
        Images with their masks: planes of stacks, or blocks where there is a single image.
    classes : tuple of int
        The original value of each class label.
    notes : tuple of Problem
        What is worth a look.
    """

    planes: tuple[Plane, ...]
    classes: tuple[int, ...]
    notes: tuple[Problem, ...]


@dataclass(frozen=True)
class Examined:
    """Pairs as read, and the same as they are trained on, whose masks were interpreted.

    Attributes
    ----------
    pairs, used : list of ReadPair
        As in the files; and resampled, if need be.
    masks : MaskSet
        Labels of `used`.
    notes : list of Problem
        What is worth a look.
    """

    pairs: list[ReadPair]
    used: list[ReadPair]
    masks: MaskSet
    notes: list[Problem]

    @property
    def images(self) -> list[NDArray[Any]]:
        """Of the pairs as they are trained on, (..., Y, X, C)."""
        channels = channels_of_set(self.pairs)
        return [in_channels(pair.image, channels) for pair in self.used]


def check_data(
    images_dir: Path | str,
    masks_dir: Path | str,
    config: DataConfig,
    training: TrainingConfig | None = None,
    groups: Groups | None = None,
) -> DataCheck:
    """Read and check a folder of images and a folder of masks without training on them.

    Parameters
    ----------
    images_dir, masks_dir : path
        See `pair_images_and_masks` for the names.
    config : DataConfig
        What the files do not say themselves.
    training : TrainingConfig, optional
        How images are split; the defaults when not given.
    groups : sequence, mapping or path, optional
        The group of each image; see `groups_of_images`.

    Raises
    ------
    InputError
        Where anything cannot be trained on; lists every problem of every file.
    """
    return check_of(_examine(images_dir, masks_dir, config), config, training, groups)


def check_of(
    examined: Examined,
    config: DataConfig,
    training: TrainingConfig | None = None,
    groups: Groups | None = None,
) -> DataCheck:
    """Tell what was found in pairs that are read already; see `check_data`."""
    found = planes_of(examined.used, examined.masks.labels)
    classes = examined.masks.classes
    planes, of_planes = prepared(found, classes, config, groups)
    split, of_split = split_table(planes, classes, training or TrainingConfig())
    notes = [*examined.notes, *of_planes, *of_split]
    return DataCheck(
        tuple((pair.image_path, pair.mask_path) for pair in examined.pairs),
        pair_table(examined.pairs, examined.used, examined.masks, notes),
        class_table(examined.used, examined.masks),
        split,
        gathered(notes),
        tuple(examined.images),
        tuple(examined.masks.labels),
    )


def load_training_data(
    images_dir: Path | str,
    masks_dir: Path | str,
    config: DataConfig,
    groups: Groups | None = None,
    progress: ProgressCallback = ignore_progress,
) -> TrainingData:
    """Read a folder of images and a folder of masks; parameters and errors are those of `check_data`.

    `progress` is called after each pair and may raise `Cancelled`.
    """
    examined = _examine(images_dir, masks_dir, config, progress)
    classes = examined.masks.classes
    planes, notes = prepared(planes_of(examined.used, examined.masks.labels), classes, config, groups)
    found = gathered([*examined.notes, *notes])
    for note in found:
        _log.info("%s", note)
    return TrainingData(tuple(planes), classes, found)


def planes_of(pairs: Sequence[ReadPair], labels: Sequence[NDArray[np.uint8]]) -> list[Plane]:
    """Take apart stacks, each plane with its own part of the labels (..., Y, X) of its pair."""
    channels = channels_of_set(pairs)
    planes = []
    for pair, of_pair in zip(pairs, labels, strict=True):
        pixels = in_channels(pair.image, channels)
        for place in np.ndindex(of_pair.shape[:-2]):
            name = plane_id(pair.id, pair.mask.axes, place)
            image = np.asarray(pixels[place], np.float32)
            planes.append(Plane(name, pair.id, image, of_pair[place], pair.id, pair.image.pixel_size))
    return planes


def plane_id(image: str, axes: str, place: Sequence[int]) -> str:
    """Name a plane of a stack by its image and its place along T and Z."""
    return "_".join([image, *(f"{axis.lower()}{index:03}" for axis, index in zip(axes, place, strict=False))])


def _examine(
    images_dir: Path | str,
    masks_dir: Path | str,
    config: DataConfig,
    progress: ProgressCallback = ignore_progress,
) -> Examined:
    pairing = find_pairs(images_dir, masks_dir)
    pairs, problems = read_pairs(pairing.pairs, config, progress)
    used, of_sizes = resampled_pairs(pairs, config)
    try:
        masks = _interpreted(used, config)
    except InputError as error:
        problems += error.problems
    raise_if_any([*problems, *of_sizes, *problems_of_set(pairs)])
    of_files = [note for pair in pairs for note in (*pair.image.notes, *pair.mask.notes)]
    of_set = [*notes_of_images(pairs), *size_notes(pairs, used, config)]
    examined = Examined(pairs, used, masks, [*pairing.notes, *of_files, *of_set, *masks.notes])
    return replace(examined, notes=[*examined.notes, *contrast_notes(examined)])


def contrast_notes(examined: Examined) -> list[Problem]:
    """Note masks whose foreground is not set off as in the other pairs, unless that was noted already."""
    inverted = {note.where for note in examined.notes if note.code == "inverted-mask"}
    found = [contrast(*one) for one in zip(examined.images, examined.masks.labels, strict=True)]
    notes = notes_of_contrast(found, [str(pair.mask_path) for pair in examined.pairs])
    return [note for note in notes if note.where not in inverted]


def read_pairs(
    paths: Sequence[tuple[Path, Path]], config: DataConfig, progress: ProgressCallback = ignore_progress
) -> tuple[list[ReadPair], list[Problem]]:
    """Read what can be read; a pair of which one file cannot is left out and its problems are kept.

    `progress` is called after each pair and may raise `Cancelled`.
    """
    pairs, problems = [], []
    for number, (image_path, mask_path) in enumerate(paths, start=1):
        image, image_problems = _tried(read_set_image, image_path, config)
        mask, mask_problems = _tried(read_set_labels, mask_path, config)
        problems += [*image_problems, *mask_problems]
        if image is not None and mask is not None:
            pairs.append(ReadPair(image_id(image_path), image_path, mask_path, image, mask))
        progress(Progress("read", number, len(paths)))
    return pairs, problems


def _tried(
    read: Callable[[Path, DataConfig], ImageFile], path: Path, config: DataConfig
) -> tuple[ImageFile | None, tuple[Problem, ...]]:
    try:
        return read(path, config), ()
    except InputError as error:
        return None, error.problems


def _interpreted(pairs: Sequence[ReadPair], config: DataConfig) -> MaskSet:
    masks = [pair.mask.data for pair in pairs]
    names = [str(pair.mask_path) for pair in pairs]
    return interpret_masks(masks, names, config.mask_kind, config.mask_classes, ignore=config.ignore_label)


def size_notes(pairs: Sequence[ReadPair], used: Sequence[ReadPair], config: DataConfig) -> list[Problem]:
    """Note pixels of several sizes, or which images were resampled to one."""
    if config.target_pixel_size is None:
        return notes_of_sizes([pair.image.pixel_size for pair in used], [pair.id for pair in pairs])
    return [
        Problem(
            str(pair.image_path),
            f"was resampled to {config.target_pixel_size:g} µm a pixel",
            "Nothing to do.",
            "resampled",
        )
        for pair, one in zip(pairs, used, strict=True)
        if one.image.data is not pair.image.data
    ]
