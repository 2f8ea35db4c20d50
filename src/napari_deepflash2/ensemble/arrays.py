"""Images and masks that come as arrays, without names of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from numpy.typing import ArrayLike, NDArray

from ..config import DataConfig
from ..data.normalisation import FloatImage, as_images
from ..data.pair_resampling import resampled_image
from ..data.pixel_size import PixelSize
from ..data.resampling import target_shape
from ..errors import InputError, Problem, raise_if_any


def numbered_images(
    images: Sequence[ArrayLike], n_others: int, others: str
) -> tuple[tuple[str, ...], list[FloatImage]]:
    """Check images and call them ``0001``, ``0002``, ...

    Parameters
    ----------
    images : sequence of array_like
        Each (Y, X) or (Y, X, C).
    n_others : int
        How many masks there are for them.
    others : str
        What these are called.

    Returns
    -------
    ids : tuple of str
    images : list of ndarray of float32, shape (Y, X, C)

    Raises
    ------
    InputError
        Where there are none, or not as many as masks, or any is no image.
    """
    ids = tuple(f"{number:04}" for number in range(1, len(images) + 1))
    if len(images) != n_others:
        raise InputError.one(
            f"images and {others}",
            f"{len(images)} images and {n_others} {others}",
            "Give one mask for each image.",
            "unpaired-image",
        )
    if not ids:
        raise InputError.one("images", "there are none", "Give at least two images.", "too-few-images")
    return ids, as_images(images, [f"image {id_}" for id_ in ids])


def check_shapes(masks: Iterable[tuple[FloatImage, NDArray[Any], str]]) -> None:
    """Refuse masks (Y, X) that have another shape than their images (Y, X, C), all at once.

    Parameters
    ----------
    masks : iterable of (ndarray, ndarray, str)
        Image, mask and the mask's name.
    """
    raise_if_any(
        Problem(
            name,
            f"has shape {mask.shape}, its image {image.shape[:2]}",
            "Give the mask that was drawn on this image, without cropping or resizing.",
            "shape-mismatch",
        )
        for image, mask, name in masks
        if image.shape[:2] != mask.shape
    )


def on_target_grid(
    images: Sequence[FloatImage], config: DataConfig
) -> tuple[list[FloatImage], PixelSize | None]:
    """Bring images to the target pixel size, if there is one.

    Parameters
    ----------
    images : sequence of ndarray of float32, shape (Y, X, C)
        Their pixels have the size that the settings say, since arrays say none.
    config : DataConfig
        ``pixel_size`` and ``target_pixel_size``.

    Returns
    -------
    images : list of ndarray of float32, shape (Y, X, C)
    pixel_size : (float, float) or None
        Of these, in micrometres; None where it is not known.

    Raises
    ------
    InputError
        Where the pixel size is needed and not known.
    """
    size, target = config.size_of_pixels(None), config.target_pixel_size
    shapes = [target_shape("images", (len(image), image.shape[1]), size, target) for image in images]
    found = [resampled_image(image, shape) for image, shape in zip(images, shapes, strict=True)]
    return found, size if target is None else (target, target)
