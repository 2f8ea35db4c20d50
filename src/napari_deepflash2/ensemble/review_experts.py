"""Experts' masks of images that an ensemble was trained on, joined to its review."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig
from ..data.expert_masks import ExpertMasks, read_expert_masks
from ..data.experts import find_expert_masks
from ..data.folders import image_id, same_name_key
from ..data.ignored import IGNORE
from ..data.resampling import resized_labels
from ..errors import InputError, Problem, raise_if_any
from .against_experts import compare_with_experts
from .expert_hesitation import write_hesitation
from .manifest import Manifest
from .out_of_fold_files import OutOfFoldFolder
from .review import Review, load_review

Masks = dict[str, NDArray[np.uint8]]

# How a plane of a stack is named: its image, then its place along T and Z.
_PLANE = re.compile(r"(.+?)((?:_[a-z]\d{3,})+)")


def add_experts(folder: Path | str, experts_dir: Path | str) -> Review:
    """Compare the models with the experts who annotated the training images, and keep that with the review.

    Both are told: where the models are among the experts, and whether they hesitate where these disagree.

    Parameters
    ----------
    folder : path
        An ensemble's folder.
    experts_dir : path
        Holds one sub-folder of masks for each expert, named as the images. Images with masks of fewer than
        two experts have no comparison.

    Raises
    ------
    InputError
        Where there is no review, or the masks cannot be used or do not fit the images; lists every one.
    """
    review, files = load_review(folder), OutOfFoldFolder(Path(folder))
    config = Manifest.load(Path(folder)).configuration
    masks = _masks(review, Path(experts_dir), config.data)
    shapes = {name: review.labels(name).shape for name in masks}
    if config.data.target_pixel_size is not None:
        masks = {name: _resized(own, shapes[name]) for name, own in masks.items()}
    raise_if_any(_shape_problems(masks, shapes))
    for name, own in masks.items():
        labels, uncertainty = review.labels(name), review.uncertainty(name)
        found = {
            "against_experts": compare_with_experts(labels, own, review.classes, config.consensus),
            "hesitation": write_hesitation(files, name, uncertainty, labels, own, len(review.classes)),
        }
        files.write_record(name, review.records[name].model_copy(update=found))
    return load_review(folder)


def _masks(review: Review, experts_dir: Path, config: DataConfig) -> dict[str, Masks]:
    """Read for each image of the review the classes, 0 to L - 1, that each expert gave its pixels."""
    found = find_expert_masks(experts_dir)
    places = _places(list(review.records), list(found.masks))
    if not places:
        raise InputError.one(
            experts_dir,
            f"holds masks of none of the images that were trained on, such as {next(iter(review.records))}",
            "Give the folder of those who annotated these images; masks are named as the images.",
            "other-images",
        )
    chosen = {file: found.masks[file] for file, _ in places.values()}
    read = read_expert_masks(replace(found, masks=chosen), config)
    table = _class_table(read, review.classes, experts_dir)
    return {
        name: {expert: table[mask[place]] for expert, mask in read.masks[file].items()}
        for name, (file, place) in places.items()
    }


def _places(names: Sequence[str], files: Sequence[str]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Find the file of the masks of each image, and where in it a plane of a stack lies."""
    stems = {same_name_key(image_id(file)): file for file in files}
    planes = {name: _as_plane(name) for name in names}
    wanted = {same_name_key(image) for name in names for image in (name, planes[name][0])}
    endings = Counter(stem[len(key) :] for key in wanted for stem in stems if stem.startswith(key))
    # Masks may all end in the same suffix; of those that fit as many images the shortest is meant.
    suffix = min(endings, key=lambda ending: (-endings[ending], len(ending)), default="")
    found = {}
    for name in names:
        for image, place in ((name, ()), planes[name]):
            if name not in found and same_name_key(image) + suffix in stems:
                found[name] = (stems[same_name_key(image) + suffix], place)
    return found


def _as_plane(name: str) -> tuple[str, tuple[int, ...]]:
    match = _PLANE.fullmatch(name)
    if match is None:
        return name, ()
    return match[1], tuple(int(number) for number in re.findall(r"\d+", match[2]))


def _class_table(read: ExpertMasks, classes: Sequence[int], experts_dir: Path) -> NDArray[np.uint8]:
    """Make the table from the values of the experts' masks to the classes of the ensemble."""
    ignored = [] if read.ignore_label is None else [read.ignore_label]
    table = np.full(max([*read.classes, *ignored]) + 1, IGNORE, np.uint8)
    # Of two classes there is one foreground, whatever number it has.
    known = read.classes if len(read.classes) == len(classes) == 2 else classes
    foreign = sorted({*read.classes} - {*known})
    if foreign:
        raise InputError.one(
            experts_dir,
            f"the masks hold the values {foreign}, which are no classes of this ensemble {[*classes]}",
            "Give the masks from which the ensemble's were made.",
            "other-classes",
        )
    for index, value in enumerate(known):
        if value < len(table):
            table[value] = index
    return table


def _resized(masks: Masks, shape: tuple[int, ...]) -> Masks:
    height, width = shape
    return {expert: resized_labels(mask, (height, width)) for expert, mask in masks.items()}


def _shape_problems(masks: Mapping[str, Masks], shapes: Mapping[str, tuple[int, ...]]) -> list[Problem]:
    return [
        Problem(
            f"{name} by {expert}",
            f"has shape {mask.shape}, the image has {shapes[name]}",
            "Give the mask that was drawn on this image.",
            "shape-mismatch",
        )
        for name, own in masks.items()
        for expert, mask in own.items()
        if mask.shape != shapes[name]
    ]
