"""What an ensemble learns from, brought to one form and checked."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..config import Configuration, DataConfig, TrainingConfig
from ..data.groups import Groups
from ..data.normalisation import FloatImage
from ..data.pixel_size import PixelSize
from ..data.planes import Plane, Region
from ..data.preparing import prepared
from ..data.resampling import resized_labels
from ..data.votes import ExpertVotes
from ..errors import InputError, Problem
from ..progress import ProgressCallback, ignore_progress
from .arrays import check_shapes, numbered_images, on_target_grid
from .targets import TargetMap

if TYPE_CHECKING:
    from .expert_planes import ExpertSource

_log = logging.getLogger(__name__)

Source = Path | str | Sequence[ArrayLike]


@dataclass(frozen=True)
class TrainingSet:
    """Images with their masks.

    Attributes
    ----------
    ids : tuple of str
        Unique names of the images.
    images : tuple of ndarray of float32, shape (Y, X, C)
        Intensities as stored.
    labels : tuple of ndarray of uint8, shape (Y, X)
        Classes, 0 to L - 1; `IGNORE` where a pixel was not judged.
    classes : tuple of int
        The L values that the masks had, the background first.
    groups : tuple
        The group of each image; images of one group are never on both sides of a split.
    notes : tuple of Problem
        What the user should know about the data.
    regions : tuple of Region or None
        Where an image lies that is a block of a larger one.
    pixel_sizes : tuple of (float, float) or None
        Height and width of a pixel in micrometres, where it is known.
    experts : tuple of ExpertVotes, optional
        What the experts said of each image, where the labels are their consensus.
    consensus : str, optional
        How they were fused, such as "staple", or "staple of objects" where objects were, one by one.
    """

    ids: tuple[str, ...]
    images: tuple[FloatImage, ...]
    labels: tuple[NDArray[np.uint8], ...]
    classes: tuple[int, ...]
    groups: tuple[str, ...]
    notes: tuple[Problem, ...] = ()
    regions: tuple[Region | None, ...] = ()
    pixel_sizes: tuple[PixelSize | None, ...] = ()
    experts: tuple[ExpertVotes, ...] | None = None
    consensus: str | None = None

    @classmethod
    def of(
        cls,
        images: Source,
        masks: Source,
        config: DataConfig,
        groups: Groups | None = None,
        progress: ProgressCallback = ignore_progress,
    ) -> TrainingSet:
        """Take two folders, or as many arrays as masks.

        Parameters
        ----------
        images, masks : path or sequence of array_like
            Folders, or arrays (Y, X) or (Y, X, C) and masks (Y, X).
        config : DataConfig
            What they do not say themselves.
        groups : sequence, mapping or path, optional
            The group of each image; see `napari_deepflash2.data.groups.groups_of_images`.
        progress : callable
            Called after each pair of files; may raise `Cancelled`.

        Raises
        ------
        InputError
            Lists everything that is wrong with images, masks and pairs.
        """
        if isinstance(images, str | Path) and isinstance(masks, str | Path):
            return cls._from_folders(Path(images), Path(masks), config, groups, progress)
        if isinstance(images, str | Path) or isinstance(masks, str | Path):
            raise InputError.one(
                "images and masks",
                "one is a folder, the other a list of arrays",
                "Give two folders or two lists.",
                "bad-source",
            )
        return cls._from_arrays(images, masks, config, groups)

    @classmethod
    def of_experts(
        cls,
        images: Source,
        experts: ExpertSource,
        config: Configuration,
        groups: Groups | None = None,
        progress: ProgressCallback = ignore_progress,
    ) -> TrainingSet:
        """Take images with the masks of several experts, whose consensus is learned.

        Parameters
        ----------
        images : path or sequence of array_like
            A folder, or arrays (Y, X) or (Y, X, C).
        experts : path or sequence of mappings or sequences of array_like
            A folder with one sub-folder of masks for each expert; or for each image the mask (Y, X) of each
            expert, by name or in the same order, None where an expert has none.
        config : Configuration
            Its parts ``data`` and ``consensus`` are used.
        groups : sequence, mapping or path, optional
            As for `of`.
        progress : callable
            Called after the consensus of each image.

        Raises
        ------
        InputError
            Lists everything that is wrong with images, masks and pairs.
        """
        from ..data.set_checks import gathered
        from .expert_planes import planes_of_experts

        found = planes_of_experts(images, experts, config, progress)
        ready, notes = prepared(found.planes, found.classes, config.data, groups)
        told = gathered((*found.notes, *notes))
        for note in told:
            _log.info("%s", note)
        return replace(cls.from_planes(ready, found.classes, told), consensus=found.consensus)

    @classmethod
    def from_planes(
        cls, planes: Sequence[Plane], classes: Sequence[int], notes: Sequence[Problem]
    ) -> TrainingSet:
        """Take planes that are ready to be trained on."""
        return cls(
            ids=tuple(plane.id for plane in planes),
            images=tuple(plane.image for plane in planes),
            labels=tuple(plane.labels for plane in planes),
            classes=tuple(classes),
            groups=tuple(plane.group for plane in planes),
            notes=tuple(notes),
            regions=tuple(plane.region for plane in planes),
            pixel_sizes=tuple(plane.pixel_size for plane in planes),
            experts=tuple(plane.votes for plane in planes if plane.votes is not None) or None,
        )

    def target(self, image: int, config: TrainingConfig) -> TargetMap:
        """Make what image number `image`, from 0, teaches."""
        experts = None if self.experts is None else self.experts[image]
        return TargetMap.of(self.labels[image], experts, len(self.classes), config)

    @property
    def channels(self) -> int:
        """Channels of every image."""
        return int(self.images[0].shape[-1])

    @property
    def value_ranges(self) -> tuple[tuple[float, float], ...]:
        """Least and greatest intensity, by channel."""
        low = np.min([image.min((0, 1)) for image in self.images], axis=0)
        high = np.max([image.max((0, 1)) for image in self.images], axis=0)
        return tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))

    @property
    def image_hashes(self) -> dict[str, str]:
        """SHA-256 of each image, by ID."""
        return {id_: array_hash(image) for id_, image in zip(self.ids, self.images, strict=True)}

    @property
    def mask_hashes(self) -> dict[str, str]:
        """SHA-256 of the labels of each image, together with its experts' masks, by ID."""
        votes = [[] for _ in self.ids] if self.experts is None else [[one.masks] for one in self.experts]
        return {
            id_: array_hash(labels, *of_experts)
            for id_, labels, of_experts in zip(self.ids, self.labels, votes, strict=True)
        }

    @property
    def expert_names(self) -> dict[str, tuple[str, ...]]:
        """Who has a mask of each image, by ID; empty where there are no experts."""
        if self.experts is None:
            return {}
        return {id_: votes.names for id_, votes in zip(self.ids, self.experts, strict=True)}

    @classmethod
    def _from_folders(
        cls,
        images: Path,
        masks: Path,
        config: DataConfig,
        groups: Groups | None,
        progress: ProgressCallback,
    ) -> TrainingSet:
        from ..data.check import load_training_data

        data = load_training_data(images, masks, config, groups, progress)
        return cls.from_planes(data.planes, data.classes, data.notes)

    @classmethod
    def _from_arrays(
        cls,
        images: Sequence[ArrayLike],
        masks: Sequence[ArrayLike],
        config: DataConfig,
        groups: Groups | None,
    ) -> TrainingSet:
        from ..data.masks import interpret_masks

        ids, checked = numbered_images(images, len(masks), "masks")
        mask_names = [f"mask {id_}" for id_ in ids]
        arrays = [config.thresholded(np.asarray(mask)) for mask in masks]
        check_shapes(zip(checked, arrays, mask_names, strict=True))
        pixels, size = on_target_grid(checked, config)
        found = interpret_masks(
            [resized_labels(mask, image.shape[:2]) for mask, image in zip(arrays, pixels, strict=True)],
            mask_names,
            config.mask_kind,
            config.mask_classes,
            ignore=config.ignore_label,
        )
        planes = [
            Plane(id_, id_, image, mask, id_, size)
            for id_, image, mask in zip(ids, pixels, found.labels, strict=True)
        ]
        ready, notes = prepared(planes, found.classes, config, groups)
        for note in (*found.notes, *notes):
            _log.info("%s", note)
        return cls.from_planes(ready, found.classes, (*found.notes, *notes))


def read_training_set(
    images: Source,
    masks: Source | None,
    experts: ExpertSource | None,
    config: Configuration,
    groups: Groups | None = None,
    progress: ProgressCallback = ignore_progress,
) -> TrainingSet:
    """Take images with either their masks or the masks of several experts; see `TrainingSet`.

    Raises
    ------
    InputError
        Also where both or neither are given.
    """
    if masks is not None and experts is None:
        return TrainingSet.of(images, masks, config.data, groups, progress)
    if experts is not None and masks is None:
        return TrainingSet.of_experts(images, experts, config, groups, progress)
    raise not_one_source(masks)


def not_one_source(masks: object | None) -> InputError:
    """Make the error for masks and experts of which both or neither were given."""
    return InputError.one(
        "masks and experts",
        "neither is given" if masks is None else "both are given",
        "Give the masks to learn from, or the masks of several experts.",
        "bad-source",
    )


def array_hash(*arrays: NDArray[np.generic]) -> str:
    """SHA-256 of the type, shape and values of one or more arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
