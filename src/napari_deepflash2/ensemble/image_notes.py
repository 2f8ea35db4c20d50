"""What is worth knowing about an image before an ensemble's prediction of it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.normalisation import FloatImage
from ..data.pixel_size import PixelSize, in_words
from ..errors import Problem, listed
from .manifest import Manifest
from .training_set import array_hash

# An 8 bit image among 16 bit ones differs by far more; exposure and stain differ by less.
_LARGEST_RATIO = 8.0
# Augmentation varies the size of objects by as much.
_OTHER_SIZE = 1.1


def notes_on(
    image: NDArray[Any], name: str, manifest: Manifest, pixel_size: PixelSize | None = None
) -> list[Problem]:
    """Compare an image with those of the training.

    Parameters
    ----------
    image : ndarray, shape (Y, X, C)
        Intensities as stored, at the pixel size of the training where that was set.
    name : str
        What the user calls it.
    manifest : Manifest
        Of the ensemble.
    pixel_size : (float, float), optional
        Height and width of the image's own pixels in micrometres.
    """
    ranges = [(float(channel.min()), float(channel.max())) for channel in np.moveaxis(image, -1, 0)]
    return [*_trained_on(image, name, manifest), *notes_on_figures(ranges, name, manifest, pixel_size)]


def notes_on_figures(
    ranges: Sequence[tuple[float, float]], name: str, manifest: Manifest, pixel_size: PixelSize | None = None
) -> list[Problem]:
    """Compare an image with those of the training by the least and greatest value of each channel alone."""
    return [*notes_on_size(name, manifest, pixel_size), *_intensities(ranges, name, manifest)]


def notes_on_size(name: str, manifest: Manifest, pixel_size: PixelSize | None) -> list[Problem]:
    """Compare an image with those of the training by the size of its pixels alone."""
    return list(_pixel_size(name, manifest, pixel_size))


def resampled_note(name: str, size: PixelSize | None, target: float | None) -> Problem:
    """Tell that an image was predicted at another pixel size than its own."""
    found = f"has pixels of {in_words(size)} and was predicted at {target:g} µm, as the training images"
    return Problem(name, found, "Nothing to do.", "resampled")


def unlike_note(name: str) -> Problem:
    """Tell that an image is of another kind than those of the training."""
    return Problem(
        name,
        "is unlike the training images, so the Dice to expect is not known: networks can be sure and wrong "
        "on what they have never seen",
        "Look at the map of what is unlike, and at the labels; annotate some such images and train again.",
        "unlike-training",
    )


def _trained_on(image: NDArray[Any], name: str, manifest: Manifest) -> Iterator[Problem]:
    image = image.astype(np.float32, copy=False)
    whole = array_hash(image)
    blocks = {id_: array_hash(_block(image, place)) for id_, place in manifest.blocks.items()}
    seen = [id_ for id_, other in manifest.image_hashes.items() if other in (whole, blocks.get(id_))]
    if seen:
        yield Problem(
            name,
            f"was image {listed(seen)} of the training, so the prediction looks better than on new images",
            "Judge the ensemble by the Dice in out_of_fold.csv.",
            "was-trained-on",
        )


def _block(image: FloatImage, place: tuple[int, int, int, int]) -> FloatImage:
    y, x, height, width = place
    return image[y : y + height, x : x + width]


def _pixel_size(name: str, manifest: Manifest, own: PixelSize | None) -> Iterator[Problem]:
    trained = [length for size in manifest.pixel_sizes.values() for length in size]
    target = manifest.configuration.data.target_pixel_size
    if own is None or not trained or target is not None:
        return
    low, high = min(trained), max(trained)
    if low / _OTHER_SIZE <= min(own) and max(own) <= high * _OTHER_SIZE:
        return
    sizes = in_words((low, low)) if high <= low * _OTHER_SIZE else f"{low:.4g} to {high:.4g} µm"
    yield Problem(
        name,
        f"has pixels of {in_words(own)}, the training images of {sizes}: objects look "
        f"{'larger' if max(own) < low else 'smaller'} than those that were learned",
        "Record it at that magnification, or train with 'target_pixel_size', which brings all to one.",
        "other-pixel-size",
    )


def _intensities(ranges: Sequence[tuple[float, float]], name: str, manifest: Manifest) -> Iterator[Problem]:
    known = zip(ranges, manifest.value_ranges, strict=True)
    for channel, ((own_low, own_high), (low, high)) in enumerate(known):
        if own_low == own_high:
            found = f"channel {channel + 1} is {own_low:g} everywhere"
        elif not (high - low) / _LARGEST_RATIO <= own_high - own_low <= (high - low) * _LARGEST_RATIO:
            found = (
                f"channel {channel + 1} ranges from {own_low:g} to {own_high:g}, "
                f"in the training images from {low:g} to {high:g}"
            )
        else:
            continue
        yield Problem(
            name, found, "Check that it was recorded and exported as those were.", "other-intensities"
        )
