"""Images and masks on another grid of pixels."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .pixel_size import PixelSize, in_words

Value = TypeVar("Value", bound=np.generic)

# Pixels whose size differs by less are left as they are: interpolation would cost more than it gives.
_SAME = 0.02
# Beyond this a unit was confused, not a magnification.
_LARGEST_FACTOR = 20


def target_shape(
    where: str, shape: tuple[int, int], pixel_size: PixelSize | None, target: float | None
) -> tuple[int, int]:
    """Height and width that an image has once its pixels have the target size.

    Parameters
    ----------
    where : str
        What the user calls the image.
    shape : (int, int)
        Height and width, in pixels.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    target : float or None
        Side of the pixels wanted, in micrometres; None leaves the image as it is.

    Returns
    -------
    (int, int)
        `shape` itself where the sizes differ by less than 2 %.

    Raises
    ------
    InputError
        Where the pixel size is not known, or differs from the target more than 20 times.
    """
    if target is None:
        return shape
    if pixel_size is None:
        raise InputError.one(
            where,
            f"does not say its pixel size, but images are to be brought to {target:g} µm a pixel",
            "Save it with its pixel size (in Fiji: Image > Properties), or set 'pixel_size' for images that "
            "do not say it, or leave 'target_pixel_size' out.",
            "unknown-pixel-size",
        )
    factors = [size / target for size in pixel_size]
    if any(not 1 / _LARGEST_FACTOR <= factor <= _LARGEST_FACTOR for factor in factors):
        raise InputError.one(
            where,
            f"has pixels of {in_words(pixel_size)}, but is to be brought to {target:g} µm a pixel",
            "Check the unit of both: sizes are in micrometres.",
            "bad-pixel-size",
        )
    if all(abs(factor - 1) < _SAME for factor in factors):
        return shape
    height, width = (max(1, round(length * factor)) for length, factor in zip(shape, factors, strict=True))
    return height, width


def resized(maps: NDArray[np.number], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Interpolate linearly, averaging where pixels become larger.

    Parameters
    ----------
    maps : ndarray, shape (..., Y, X)
        Intensities or probabilities.
    shape : (int, int)
        Height and width wanted.

    Returns
    -------
    ndarray of float32, shape (..., *shape)
        Of the same extent. What sums to 1 over an axis still does.
    """
    import torch
    from torch.nn.functional import interpolate

    values = np.asarray(maps, np.float32)
    if shape[1] == 1 and shape[0] != values.shape[-2]:
        # torch (2.13) repeats the first row of what is to become one pixel wide, so it is made of two.
        narrow = resized(values, (values.shape[-2], 1))
        return resized(np.repeat(narrow, 2, axis=-1), (shape[0], 2))[..., :1]
    planes = torch.from_numpy(np.ascontiguousarray(values.reshape(-1, 1, *values.shape[-2:])))
    found = interpolate(planes, shape, mode="bilinear", align_corners=False, antialias=True)
    return np.asarray(found.numpy().reshape(*values.shape[:-2], *shape))


def resized_labels(labels: NDArray[Value], shape: tuple[int, int]) -> NDArray[Value]:
    """Take the nearest pixel of each, so that no value appears that was not there.

    Parameters
    ----------
    labels : ndarray, shape (..., Y, X)
        Labels of any kind.
    shape : (int, int)
        Height and width wanted.

    Returns
    -------
    ndarray, shape (..., *shape)
        Of the same extent and dtype.
    """
    if labels.shape[-2:] == shape:
        return labels
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(shape, labels.shape[-2:], strict=True)
    )
    return labels[..., rows[:, None], columns]
