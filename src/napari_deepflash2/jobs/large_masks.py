"""True masks of images larger than memory, read part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig
from ..data import list_images
from ..data.folders import TIFF_EXTENSIONS
from ..data.lazy_image import LazyImage, LazyPlane
from ..data.lazy_tiff import open_tiff
from ..data.masks import touching_pixels
from ..data.pairing import pair_names
from ..data.zarr_files import is_zarr, open_zarr
from ..errors import InputError, Problem, raise_if_any
from ..prediction.canvas import Region
from ..progress import Progress, ProgressCallback

# How far the ridge between touching objects depends on what is around.
_REACH = 8


@dataclass(frozen=True)
class LargeMask:
    """The true mask of an image, on the grid of the prediction.

    Attributes
    ----------
    image : LazyImage
        The mask as it is stored.
    classes : tuple of int
        Class values that an ensemble predicts, the background first.
    config : DataConfig
        What the values mean, where the file does not say it.
    """

    image: LazyImage
    classes: tuple[int, ...]
    config: DataConfig

    def values(self, progress: ProgressCallback) -> frozenset[int]:
        """Read it once for the values that it holds.

        Raises
        ------
        InputError
            Where a part cannot be read, or a value is no class of the ensemble.
        """
        found: set[int] = set()
        for plane in self.image.planes():
            pieces = list(plane.chunks())
            for done, (rows, columns) in enumerate(pieces):
                progress(Progress(f"{Path(self.image.name).name}: reading", done, len(pieces)))
                found.update(np.unique(self._stored(plane, rows, columns)).tolist())
        given = frozenset(found) - (
            {self.config.ignore_label} if self.config.ignore_label is not None else set()
        )
        self._refuse(given)
        return given

    def part(
        self, index: tuple[int, ...], shape: tuple[int, int], instances: bool, region: Region
    ) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
        """Read a part.

        Parameters
        ----------
        index : tuple of int
            Of the plane.
        shape : (int, int)
            Height and width of the whole prediction; where the mask has others, the nearest pixel counts.
        instances : bool
            Whether values number single objects, between which a ridge is background where they touch.
        region : Region
            Of the prediction.

        Returns
        -------
        values : ndarray of int, shape (height, width)
            Classes, as the ensemble predicts them.
        judged : ndarray of bool, shape (height, width)
            What counts.
        """
        rows = _nearest(region.top, region.bottom, self.image.shape[0], shape[0])
        columns = _nearest(region.left, region.right, self.image.shape[1], shape[1])
        top, left = max(0, rows[0] - _REACH), max(0, columns[0] - _REACH)
        stored = self._stored(
            LazyPlane(self.image, index),
            slice(top, min(rows[-1] + _REACH + 1, self.image.shape[0])),
            slice(left, min(columns[-1] + _REACH + 1, self.image.shape[1])),
        )
        judged = stored != self.config.ignore_label
        values = self._as_classes(np.where(judged, stored, self._background), instances)
        there = np.ix_(rows - top, columns - left)
        return values[there], judged[there]

    @property
    def _background(self) -> int:
        return self.classes[0] if self.config.ignore_label == 0 else 0

    def is_instances(self, values: frozenset[int]) -> bool:
        """Whether these values number single objects."""
        several = len(values - {self._background}) > 1
        return len(self.classes) == 2 and several and self.config.mask_kind != "classes"

    def _as_classes(self, stored: NDArray[np.integer], instances: bool) -> NDArray[np.integer]:
        if len(self.classes) > 2:
            return stored
        foreground = stored != self._background
        if instances:
            foreground &= ~touching_pixels(np.where(foreground, stored, 0))
        return np.asarray(self.classes)[foreground.astype(np.intp)]

    def _stored(self, plane: LazyPlane, rows: slice, columns: slice) -> NDArray[np.integer]:
        values = self.config.thresholded(plane.read_values(rows, columns)[..., 0])
        whole = values.astype(np.int64)
        if values.dtype.kind == "f" and (whole != values).any():
            raise InputError.one(
                self.image.name,
                "holds fractions",
                "Set 'mask_threshold', for instance to half its maximum.",
                "mask-fractions",
            )
        return whole

    def _refuse(self, values: frozenset[int]) -> None:
        unknown = sorted(values - {self._background, *self.classes})
        if unknown and (len(self.classes) > 2 or (len(unknown) > 1 and self.config.mask_kind == "classes")):
            raise InputError.one(
                self.image.name,
                f"holds values {unknown[:8]} that the ensemble was not trained on ({list(self.classes)})",
                "Choose the mask that belongs to this image.",
                "unknown-classes",
            )


def find_large_masks(
    images: Mapping[str, LazyImage], masks: Path | str, classes: Sequence[int], config: DataConfig
) -> dict[str, LargeMask]:
    """Find and open the masks of images that are read part by part.

    Parameters
    ----------
    images : mapping of str to LazyImage
        By ID.
    masks : path or str
        A folder of TIFF files and OME-Zarr folders that are named after the images, as for training; or the
        mask of a single image.
    classes : sequence of int
        Class values of the ensemble, the background first.
    config : DataConfig
        What the files do not say themselves.

    Raises
    ------
    InputError
        Where a mask is missing, cannot be opened, or has other lengths than its image; lists all.
    """
    found: dict[str, LargeMask] = {}
    problems: list[Problem] = []
    for name, path in _paired(list(images), masks):
        try:
            mask = _opened(path, config)
            problems += _misfits(mask, images[name])
            found[name] = LargeMask(mask, tuple(classes), config)
        except InputError as error:
            problems += error.problems
    raise_if_any(problems)
    return found


def _paired(names: Sequence[str], masks: Path | str) -> list[tuple[str, Path | str]]:
    if len(names) == 1 and (is_zarr(masks) or Path(masks).is_file()):
        return [(names[0], masks)]
    folder = Path(masks)
    zarrs = [path for path in folder.iterdir() if is_zarr(path)] if folder.is_dir() else []
    try:
        files = list(list_images(folder))
    except InputError as error:
        if not zarrs or error.problems[0].code != "no-images":
            raise
        files = []
    # As names alone, without the second extension of OME-Zarr.
    stems = {path.with_name(path.name.replace(".ome.zarr", ".zarr")): path for path in [*files, *zarrs]}
    pairs = pair_names([Path(f"{name}.zarr") for name in names], list(stems)).pairs
    return [(image.name.removesuffix(".zarr"), stems[mask]) for image, mask in pairs]


def _opened(path: Path | str, config: DataConfig) -> LazyImage:
    if is_zarr(path):
        return open_zarr(path, config.pages)
    if Path(path).suffix.lower() in TIFF_EXTENSIONS:
        return open_tiff(Path(path), config.pages)
    raise InputError.one(
        path,
        "is the mask of an image that is read part by part, which its format does not allow",
        "Save it as TIFF or OME-Zarr.",
        "mask-format",
    )


def _misfits(mask: LazyImage, image: LazyImage) -> Iterator[Problem]:
    lengths = [(axis, image.length(axis), mask.length(axis)) for axis in "TZYX"]
    other = [f"{axis} {own} ({wanted} in the image)" for axis, wanted, own in lengths if own != wanted]
    if mask.channels != 1:
        other.append(f"{mask.channels} channels (1 wanted)")
    if other or mask.leading != image.leading:
        yield Problem(
            mask.name,
            f"does not lie over {image.name}: {', '.join(other) or f'axes {mask.axes}'}",
            "Choose the mask of this image, in its size.",
            "mask-size",
        )


def _nearest(start: int, stop: int, old: int, new: int) -> NDArray[np.intp]:
    """Find the stored pixel for each of the prediction along an axis, as `resized_labels` does."""
    return ((np.arange(start, stop) + 0.5) * old / new).astype(np.intp)
