"""A small picture of an image that is too large to be read at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .lazy_image import LazyImage, LazyPlane


def overview(image: LazyImage, place: Mapping[str, int], longest: int) -> NDArray[Any]:
    """Read every n-th pixel of a plane, part by part.

    Parameters
    ----------
    image : LazyImage
        The image.
    place : mapping of str to int
        Of the plane along each axis of the image beside Y, X and C.
    longest : int
        Most pixels on a side.

    Returns
    -------
    ndarray of the image's dtype, shape (Y, X, C)
        0 where the image has no finite number.

    Raises
    ------
    InputError
        Where a part cannot be read.
    """
    plane = LazyPlane(image, tuple(place[axis] for axis in image.leading), (0.0,) * image.channels)
    step = -(-max(plane.shape) // longest)
    height, width = (-(-length // step) for length in plane.shape)
    found = np.zeros((height, width, image.channels), image.dtype)
    for rows, columns in plane.chunks():
        top, left = -(-rows.start // step), -(-columns.start // step)
        part = plane.read(rows, columns)[top * step - rows.start :: step, left * step - columns.start :: step]
        found[top : top + part.shape[0], left : left + part.shape[1]] = part
    return found
