"""Small pictures of images with their masks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 160
DARKEST, BRIGHTEST = 1, 99.5
CYAN = (0, 255, 255)


@dataclass(frozen=True)
class Thumbnail:
    """A picture of a pair.

    Attributes
    ----------
    name : str
        ID of the image; of a stack with the plane that is shown.
    pixels : array of uint8, shape (Y, X, 3)
        At most `SIDE` on a side; the mask as outlines.
    """

    name: str
    pixels: NDArray[np.uint8]


def thumbnails_of(pairs: Iterable[tuple[Path, Path]]) -> list[Thumbnail]:
    """Make the pictures of image files and their masks; of a stack the plane with most in its mask."""
    from ..data import image_id, read_image, read_labels

    found = []
    for image_path, mask_path in pairs:
        image, mask = read_image(image_path), read_labels(mask_path).data
        place = _fullest(mask)
        name = image_id(image_path) + (f", plane {', '.join(map(str, place))}" if place else "")
        found.append(Thumbnail(name, picture(image.data[place], mask[place])))
    return found


def picture(image: NDArray[Any], mask: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Draw the outlines of a mask (Y, X) over an image (Y, X) or (Y, X, C), both made small."""
    step = max(1, -(-max(mask.shape) // SIDE))
    small, outline = _stretched(_colours(image[::step, ::step])), _edges(mask[::step, ::step])
    return np.where(outline[..., np.newaxis], np.array(CYAN, np.uint8), small)


def _fullest(mask: NDArray[np.integer]) -> tuple[int, ...]:
    if mask.ndim == 2:
        return ()
    painted = np.count_nonzero(mask, axis=(-2, -1))
    return tuple(int(place) for place in np.unravel_index(painted.argmax(), painted.shape))


def _colours(image: NDArray[Any]) -> NDArray[Any]:
    """Three channels: grey thrice, two channels as green and magenta, of more the first three."""
    if image.ndim == 2 or image.shape[-1] == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=-1)
    if image.shape[-1] == 2:
        return image[..., [1, 0, 1]]
    return image[..., :3]


def _stretched(colours: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = np.percentile(colours, (DARKEST, BRIGHTEST), axis=(0, 1))
    share = (colours - low) / np.where(high > low, high - low, 1)
    return np.asarray(np.clip(share, 0, 1) * 255, np.uint8)


def _edges(mask: NDArray[np.integer]) -> NDArray[np.bool_]:
    edges = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        differs = np.diff(mask, axis=axis) != 0
        edges |= np.pad(differs, [(0, int(axis == side)) for side in (0, 1)])
    return edges
