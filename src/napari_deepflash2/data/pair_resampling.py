"""Pairs brought to one pixel size, before anything is read out of their masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import DataConfig
from ..errors import InputError, Problem
from .reading import ImageFile
from .resampling import resized, resized_labels, target_shape
from .set_checks import ReadPair


def resampled_pairs(pairs: Sequence[ReadPair], config: DataConfig) -> tuple[list[ReadPair], list[Problem]]:
    """Bring images and masks to the target pixel size, if there is one.

    Masks are resampled as they are in the file, so that numbers of objects are still there when touching
    ones are kept apart.

    Returns
    -------
    list of ReadPair, list of Problem
        Those that can be resampled, and what is wrong with the others.
    """
    found: list[ReadPair] = []
    problems: list[Problem] = []
    for pair in pairs:
        try:
            found.append(_resampled(pair, config))
        except InputError as error:
            problems += error.problems
    return found, problems


def resampled_image(pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Interpolate (..., Y, X, C); float32 unless the image has this height and width already."""
    if pixels.shape[-3:-1] == shape:
        return pixels
    return np.moveaxis(resized(np.moveaxis(pixels, -1, -3), shape), -3, -1)


def _resampled(pair: ReadPair, config: DataConfig) -> ReadPair:
    image, target = pair.image, config.target_pixel_size
    y = image.axes.index("Y")
    own = (image.data.shape[y], image.data.shape[y + 1])
    size = config.size_of_pixels(image.pixel_size)
    shape = target_shape(str(pair.image_path), own, size, target)
    known = size if target is None else (target, target)
    if shape == own:
        return replace(pair, image=replace(image, pixel_size=known))
    return replace(
        pair,
        image=replace(image, data=_of_file(image, shape), pixel_size=known),
        mask=replace(pair.mask, data=resized_labels(pair.mask.data, shape)),
    )


def _of_file(image: ImageFile, shape: tuple[int, int]) -> NDArray[Any]:
    if image.axes.endswith("C"):
        return resampled_image(image.data, shape)
    return resized(image.data, shape)
