"""Images with the masks of several experts: read, joined by name, and fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..config import Configuration, DataConfig
from ..data.check import Examined, contrast_notes, planes_of, read_pairs, size_notes
from ..data.expert_masks import read_expert_objects
from ..data.experts import find_expert_masks
from ..data.folders import scan_folder
from ..data.masks import MaskSet
from ..data.pair_resampling import resampled_pairs
from ..data.pairing import pair_names
from ..data.planes import Plane
from ..data.resampling import resized_labels
from ..data.set_checks import notes_of_images, problems_of_set
from ..errors import InputError, Problem, raise_if_any
from ..progress import ProgressCallback, ignore_progress
from .arrays import check_shapes, numbered_images, on_target_grid
from .expert_labels import ExpertLabels, fuse_experts

MasksOfImage = Mapping[str, ArrayLike | None] | Sequence[ArrayLike | None]
Masks = Mapping[str, Mapping[str, NDArray[Any]]]
ExpertSource = Path | str | Sequence[MasksOfImage]


@dataclass(frozen=True)
class ExpertPlanes:
    """Images whose labels are a consensus.

    Attributes
    ----------
    planes : tuple of Plane
        As read, with votes.
    classes : tuple of int
        The L values that the masks had, the background first.
    consensus : str
        How the masks were fused.
    notes : tuple of Problem
        What the user should know about images and masks.
    """

    planes: tuple[Plane, ...]
    classes: tuple[int, ...]
    consensus: str
    notes: tuple[Problem, ...]


def planes_of_experts(
    images: Path | str | Sequence[ArrayLike],
    experts: ExpertSource,
    config: Configuration,
    progress: ProgressCallback,
) -> ExpertPlanes:
    """Join images with the consensus of their experts; see `TrainingSet.of_experts`."""
    if isinstance(images, str | Path) and isinstance(experts, str | Path):
        return _from_folders(Path(images), Path(experts), config, progress)
    if isinstance(images, str | Path) or isinstance(experts, str | Path):
        raise InputError.one(
            "images and experts",
            "one is a folder, the other a list",
            "Give two folders or two lists.",
            "bad-source",
        )
    return _from_arrays(images, experts, config, progress)


def examine_experts(
    images_dir: Path | str,
    experts_dir: Path | str,
    config: Configuration,
    progress: ProgressCallback = ignore_progress,
) -> tuple[Examined, ExpertLabels]:
    """Read a folder of images and one of experts, and fuse their masks.

    Parameters
    ----------
    images_dir, experts_dir : path
        Images, and one sub-folder of masks for each expert; paired by `pair_names`.
    config : Configuration
        Its parts ``data`` and ``consensus`` are used.
    progress : callable
        Called after the consensus of each image.

    Returns
    -------
    examined : Examined
        Each image with its first expert's file; the labels are the consensus.
    fused : ExpertLabels
        By ID of the image.

    Raises
    ------
    InputError
        Lists everything that is wrong with images, masks and pairs.
    """
    listing, found = scan_folder(images_dir), find_expert_masks(experts_dir)
    names = {next(iter(paths.values())): name for name, paths in found.masks.items()}
    pairing = pair_names(listing.files, list(names))
    # Of each image the first mask stands for all, which have to be of one shape.
    pairs, problems = read_pairs(pairing.pairs, config.data, progress)
    used, not_resampled = resampled_pairs(pairs, config.data)
    raise_if_any([*problems, *problems_of_set(pairs), *not_resampled])
    paths = {pair.id: found.masks[names[pair.mask_path]] for pair in pairs}
    read = read_expert_objects(replace(found, masks=paths), config.data)
    masks = _resized(read.masks, {pair.id: pair.mask.data.shape[-2:] for pair in used})
    fused = fuse_experts(masks, config, lambda image, expert: str(paths[image][expert]), progress)
    of_images = [*notes_of_images(pairs), *size_notes(pairs, used, config.data)]
    notes = [*listing.notes, *pairing.notes, *read.notes, *of_images, *fused.notes]
    consensus = MaskSet([fused.labels[pair.id] for pair in pairs], fused.classes, "classes", ())
    examined = Examined(pairs, used, consensus, notes)
    return replace(examined, notes=[*notes, *contrast_notes(examined)]), fused


def _from_folders(
    images_dir: Path, experts_dir: Path, config: Configuration, progress: ProgressCallback
) -> ExpertPlanes:
    examined, fused = examine_experts(images_dir, experts_dir, config, progress)
    planes = planes_of(examined.used, examined.masks.labels)
    places = [place for pair in examined.used for place in np.ndindex(pair.mask.data.shape[:-2])]
    with_votes = [
        replace(plane, votes=fused.votes[plane.source].at(place))
        for plane, place in zip(planes, places, strict=True)
    ]
    return ExpertPlanes(tuple(with_votes), fused.classes, fused.method, tuple(examined.notes))


def _from_arrays(
    images: Sequence[ArrayLike],
    experts: Sequence[MasksOfImage],
    config: Configuration,
    progress: ProgressCallback,
) -> ExpertPlanes:
    ids, checked = numbered_images(images, len(experts), "sets of experts' masks")
    masks = {id_: _named(of_image, config.data) for id_, of_image in zip(ids, experts, strict=True)}
    _refuse_without_masks(masks)
    of_expert = [
        (image, mask, _name(id_, expert))
        for id_, image in zip(ids, checked, strict=True)
        for expert, mask in masks[id_].items()
    ]
    check_shapes(of_expert)
    pixels, size = on_target_grid(checked, config.data)
    resized = _resized(masks, {id_: image.shape[:2] for id_, image in zip(ids, pixels, strict=True)})
    fused = fuse_experts(resized, config, _name, progress)
    planes = [
        Plane(id_, id_, image, fused.labels[id_], id_, size, votes=fused.votes[id_])
        for id_, image in zip(ids, pixels, strict=True)
    ]
    return ExpertPlanes(tuple(planes), fused.classes, fused.method, fused.notes)


def _resized(masks: Masks, shapes: Mapping[str, tuple[int, ...]]) -> Masks:
    return {
        image: {expert: resized_labels(mask, (height, width)) for expert, mask in masks[image].items()}
        for image, (height, width) in shapes.items()
    }


def _named(masks: MasksOfImage, config: DataConfig) -> dict[str, NDArray[Any]]:
    numbered = {f"expert {number}": mask for number, mask in enumerate(masks, start=1)}
    of_expert = masks if isinstance(masks, Mapping) else numbered
    arrays = {str(name): np.asarray(mask) for name, mask in of_expert.items() if mask is not None}
    return {name: config.thresholded(mask) for name, mask in arrays.items()}


def _name(image: str, expert: str) -> str:
    return f"mask {image} by {expert}"


def _refuse_without_masks(masks: Masks) -> None:
    raise_if_any(
        Problem(f"image {id_}", "no expert has a mask of it", "Add one, or leave it out.", "no-masks")
        for id_, of_image in masks.items()
        if not of_image
    )
