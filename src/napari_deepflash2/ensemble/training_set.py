"""What an ensemble learns from, brought to one form and checked."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..config import DataConfig
from ..data.groups import Groups
from ..data.normalisation import FloatImage, as_images
from ..data.pair_resampling import resampled_image
from ..data.pixel_size import PixelSize
from ..data.planes import Plane, Region
from ..data.preparing import prepared
from ..data.resampling import resized_labels, target_shape
from ..errors import InputError, Problem

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
    """

    ids: tuple[str, ...]
    images: tuple[FloatImage, ...]
    labels: tuple[NDArray[np.uint8], ...]
    classes: tuple[int, ...]
    groups: tuple[str, ...]
    notes: tuple[Problem, ...] = ()
    regions: tuple[Region | None, ...] = ()
    pixel_sizes: tuple[PixelSize | None, ...] = ()

    @classmethod
    def of(
        cls, images: Source, masks: Source, config: DataConfig, groups: Groups | None = None
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

        Raises
        ------
        InputError
            Lists everything that is wrong with images, masks and pairs.
        """
        if isinstance(images, str | Path) and isinstance(masks, str | Path):
            return cls._from_folders(Path(images), Path(masks), config, groups)
        if isinstance(images, str | Path) or isinstance(masks, str | Path):
            raise InputError.one(
                "images and masks",
                "one is a folder, the other a list of arrays",
                "Give two folders or two lists.",
                "bad-source",
            )
        return cls._from_arrays(images, masks, config, groups)

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
        )

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

    @classmethod
    def _from_folders(
        cls, images: Path, masks: Path, config: DataConfig, groups: Groups | None
    ) -> TrainingSet:
        from ..data.check import load_training_data

        data = load_training_data(images, masks, config, groups)
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

        ids = tuple(f"{number:04}" for number in range(1, len(images) + 1))
        if len(images) != len(masks):
            raise InputError.one(
                "images and masks",
                f"{len(images)} images and {len(masks)} masks",
                "Give one mask for each image.",
                "unpaired-image",
            )
        if not ids:
            raise InputError.one("images", "there are none", "Give at least two images.", "too-few-images")
        checked = as_images(images, [f"image {id_}" for id_ in ids])
        mask_names = [f"mask {id_}" for id_ in ids]
        arrays = [np.asarray(mask) for mask in masks]
        _check_shapes(checked, arrays, mask_names)
        size, target = config.size_of_pixels(None), config.target_pixel_size
        shapes = [target_shape("images", (len(one), one.shape[1]), size, target) for one in checked]
        found = interpret_masks(
            [resized_labels(mask, shape) for mask, shape in zip(arrays, shapes, strict=True)],
            mask_names,
            config.mask_kind,
            config.mask_classes,
            ignore=config.ignore_label,
        )
        known = size if target is None else (target, target)
        planes = [
            Plane(id_, id_, resampled_image(image, shape), mask, id_, known)
            for id_, image, mask, shape in zip(ids, checked, found.labels, shapes, strict=True)
        ]
        ready, notes = prepared(planes, len(found.classes), config, groups)
        for note in (*found.notes, *notes):
            _log.info("%s", note)
        return cls.from_planes(ready, found.classes, (*found.notes, *notes))


def array_hash(array: NDArray[np.generic]) -> str:
    """SHA-256 of an array's type, shape and values."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _check_shapes(
    images: Sequence[FloatImage], labels: Sequence[NDArray[np.generic]], names: Sequence[str]
) -> None:
    problems = [
        Problem(
            name,
            f"has shape {mask.shape}, its image {image.shape[:2]}",
            "Give the mask that was drawn on this image, without cropping or resizing.",
            "shape-mismatch",
        )
        for image, mask, name in zip(images, labels, names, strict=True)
        if image.shape[:2] != mask.shape
    ]
    if problems:
        raise InputError(problems)
