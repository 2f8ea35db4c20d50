"""What can be wrong or odd with a set of pairs that are each readable."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .folders import shown_names
from .reading import ImageFile


@dataclass(frozen=True)
class ReadPair:
    """An image and its mask as they were read."""

    id: str
    image_path: Path
    mask_path: Path
    image: ImageFile
    mask: ImageFile

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return int(self.image.data.shape[-1]) if self.image.axes.endswith("C") else 1


def problems_of_set(pairs: Sequence[ReadPair]) -> list[Problem]:
    """List masks that do not fit their images, masks that are images, and images of other channels."""
    fit = [problem for pair in pairs for problem in _problems_of_pair(pair)]
    return [*fit, *_channel_problems(pairs)]


def notes_of_images(pairs: Sequence[ReadPair]) -> list[Problem]:
    """Note images that are identical, of mixed data types, or whose grey was spread to three channels."""
    return [*_identical_images(pairs), *_mixed_types(pairs), *_spread_grey(pairs)]


def channels_of_set(pairs: Sequence[ReadPair]) -> int:
    """Channels that most images have; the larger number in doubt."""
    counts = Counter(pair.channels for pair in pairs if not _is_grey_in_rgb(pair.image))
    counts = counts or Counter(pair.channels for pair in pairs)
    return max(counts, key=lambda channels: (counts[channels], channels))


def in_channels(image: ImageFile, channels: int) -> NDArray[Any]:
    """Give an image with a channel axis at its end, grey in RGB spread over three channels again.

    Parameters
    ----------
    image : ImageFile
    channels : int
        How many are wanted; other numbers than the image's own only for grey that was read from RGB.

    Returns
    -------
    ndarray
        (..., Y, X, C).
    """
    data = image.data if image.axes.endswith("C") else image.data[..., np.newaxis]
    return np.repeat(data, 3, axis=-1) if channels == 3 and _is_grey_in_rgb(image) else data


def gathered(notes: Sequence[Problem]) -> tuple[Problem, ...]:
    """Join notes that say the same of more than three files into one."""
    same: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for note in notes:
        same[note.code, note.found].append(note)
    return tuple(note for equal in same.values() for note in _joined(equal))


def _joined(equal: list[Problem]) -> list[Problem]:
    if len(equal) <= 3:
        return equal
    paths = [Path(note.where) for note in equal]
    where = f"{len(equal)} files ({shown_names(paths, most=5)})"
    return [replace(equal[0], where=where, names=tuple(note.where for note in equal))]


def _is_grey_in_rgb(image: ImageFile) -> bool:
    return any(note.code == "grey-in-rgb" for note in image.notes)


def _problems_of_pair(pair: ReadPair) -> Iterator[Problem]:
    image, mask = _plane_shape(pair.image), _plane_shape(pair.mask)
    if image != mask:
        yield _shape_problem(pair, image, mask)
    elif _orientation(pair.image) != _orientation(pair.mask):
        yield Problem(
            str(pair.mask_path),
            f"image and mask have different orientation tags ({pair.image_path.name}: "
            f"{_orientation(pair.image) or 'none'}; mask: {_orientation(pair.mask) or 'none'})",
            "Save both without the tag, so that they lie on each other.",
            "orientation-mismatch",
        )
    elif _is_the_image(pair):
        yield Problem(
            str(pair.mask_path),
            "the mask is the image itself",
            "Give the folder in which the masks lie.",
            "mask-is-image",
        )


def _shape_problem(pair: ReadPair, image: tuple[int, ...], mask: tuple[int, ...]) -> Problem:
    transposed = mask == (*image[:-2], image[-1], image[-2])
    return Problem(
        str(pair.mask_path),
        f"the mask is {_times(mask)} ({pair.mask.axes}) and its image {pair.image_path.name} {_times(image)} "
        f"({pair.image.axes.replace('C', '')}){'; the mask looks transposed' if transposed else ''}",
        "Save the mask in the size of its image." + (" Turn or transpose it first." if transposed else ""),
        "shape-mismatch",
    )


def _plane_shape(file: ImageFile) -> tuple[int, ...]:
    return file.data.shape[: file.axes.index("X") + 1]


def _orientation(file: ImageFile) -> str:
    return next((note.found for note in file.notes if note.code == "orientation"), "")


def _is_the_image(pair: ReadPair) -> bool:
    image, mask = pair.image.data, pair.mask.data
    # A black image with an empty mask is no sign of a wrong folder, nor is an image of two values.
    return image.shape == mask.shape and np.array_equal(image, mask) and len(np.unique(mask)) > 2


def _channel_problems(pairs: Sequence[ReadPair]) -> Iterator[Problem]:
    if not pairs:
        return
    usual = channels_of_set(pairs)
    for pair in pairs:
        if pair.channels != usual and in_channels(pair.image, usual).shape[-1] != usual:
            yield Problem(
                str(pair.image_path),
                f"has {pair.channels} channels, other images have {usual}",
                "All images of a set need the same channels in the same order.",
                "channel-mismatch",
            )


def _identical_images(pairs: Sequence[ReadPair]) -> Iterator[Problem]:
    same = defaultdict(list)
    for pair in pairs:
        data = pair.image.data
        digest = hashlib.sha256(data.tobytes()).digest()
        same[data.shape, data.dtype.str, digest].append(pair.image_path)
    for paths in same.values():
        if len(paths) > 1:
            found = f"{len(paths)} images are identical: {shown_names(paths)}"
            remedy = "Keep one of them, or training sees what it is tested on."
            yield Problem("images", found, remedy, "same-image", tuple(map(str, paths)))


def _mixed_types(pairs: Sequence[ReadPair]) -> Iterator[Problem]:
    types = Counter(str(pair.image.data.dtype) for pair in pairs)
    if len(types) > 1:
        found = "images of mixed types: " + ", ".join(f"{n} {name}" for name, n in types.most_common())
        remedy = "Export all images alike if their brightness is to be compared."
        yield Problem("images", found, remedy, "mixed-types")


def _spread_grey(pairs: Sequence[ReadPair]) -> Iterator[Problem]:
    if not pairs or channels_of_set(pairs) != 3:
        return
    for pair in pairs:
        if pair.channels == 1:
            found = "its one grey value is used for all three channels, as in the file"
            yield Problem(str(pair.image_path), found, "Nothing to do.", "grey-spread")


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
