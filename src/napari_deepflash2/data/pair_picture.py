"""A picture of an image with the outlines of its mask."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ignored import IGNORE

CLASS_COLOURS = ("#00B4D8", "#FF6F91", "#F9C80E", "#8AC926", "#9B5DE5", "#F3722C", "#4D908E", "#F15BB5")

# The few brightest and darkest pixels shall not decide on what the others look like.
_DARKEST, _BRIGHTEST = 1, 99.5
_LESS = 0.35


def pair_picture(
    image: NDArray[Any], labels: NDArray[np.integer], longest: int | None = None
) -> NDArray[np.uint8]:
    """Draw the outlines of a mask over its image, one colour a class; what is ignored is dark.

    Parameters
    ----------
    image : ndarray, shape (Y, X) or (Y, X, C)
        Intensities; one channel is grey, two are green and magenta, of more the first three are shown.
    labels : ndarray of int, shape (Y, X)
        Class labels, 0 is background and `IGNORE` not judged.
    longest : int, optional
        Most pixels on a side; every n-th pixel is taken of what is larger.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
    """
    step = -(-max(labels.shape) // longest) if longest else 1
    image, labels = image[::step, ::step], labels[::step, ::step]
    picture = _stretched(_three_channels(image))
    picture[labels == IGNORE] *= _LESS
    lines = outlines(labels)
    picture[lines > 0] = _colours()[(lines[lines > 0] - 1) % len(CLASS_COLOURS)]
    return np.asarray(picture * 255 + 0.5, np.uint8)


def fullest_plane(labels: NDArray[np.uint8]) -> tuple[int, ...]:
    """Place of the plane with most foreground in labels (..., Y, X); empty for a single plane."""
    leading = labels.shape[:-2]
    painted = np.count_nonzero((labels != 0) & (labels != IGNORE), axis=(-2, -1))
    return tuple(int(i) for i in np.unravel_index(np.argmax(painted), leading)) if leading else ()


def outlines(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """Keep of each class the pixels beside another class, or beside what is ignored; all else is 0."""
    edges = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        differs = np.diff(labels, axis=axis) != 0
        for side in (0, 1):
            edges |= np.pad(differs, [(side, 1 - side) if axis == i else (0, 0) for i in (0, 1)])
    return np.where(edges & (labels != IGNORE), labels, 0)


def _three_channels(image: NDArray[Any]) -> NDArray[Any]:
    if image.ndim == 2 or image.shape[-1] == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=-1)
    return image[..., [1, 0, 1]] if image.shape[-1] == 2 else image[..., :3]


def _stretched(image: NDArray[Any]) -> NDArray[np.float32]:
    # The channels of a colour picture belong together, those of a microscope do not.
    together = image.dtype == np.uint8 and not np.array_equal(image[..., 0], image[..., 2])
    axes = None if together else (0, 1)
    low, high = np.percentile(image, (_DARKEST, _BRIGHTEST), axis=axes)
    share = (image - low) / np.where(high > low, high - low, 1)
    return np.clip(share, 0, 1).astype(np.float32)


def _colours() -> NDArray[np.float32]:
    values = np.array([tuple(bytes.fromhex(colour[1:])) for colour in CLASS_COLOURS], np.float32)
    return values / np.float32(255)
