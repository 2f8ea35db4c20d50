"""What is worth knowing about an image before an ensemble's prediction of it is believed."""

from __future__ import annotations

from collections.abc import Iterator

from ..data.normalisation import FloatImage
from ..errors import Problem
from .manifest import Manifest
from .training_set import array_hash

# An 8 bit image among 16 bit ones differs by far more; exposure and stain differ by less.
_LARGEST_RATIO = 8.0


def notes_on(image: FloatImage, name: str, manifest: Manifest) -> list[Problem]:
    """Compare an image with those of the training.

    Parameters
    ----------
    image : ndarray of float32, shape (Y, X, C)
        Intensities as stored.
    name : str
        What the user calls it.
    manifest : Manifest
        Of the ensemble.
    """
    return [*_trained_on(image, name, manifest), *_intensities(image, name, manifest)]


def _trained_on(image: FloatImage, name: str, manifest: Manifest) -> Iterator[Problem]:
    own = array_hash(image)
    for id_, other in manifest.image_hashes.items():
        if own == other:
            yield Problem(
                name,
                f"was image {id_} of the training, so the prediction looks better than on new images",
                "Judge the ensemble by the Dice in out_of_fold.csv.",
                "was-trained-on",
            )


def _intensities(image: FloatImage, name: str, manifest: Manifest) -> Iterator[Problem]:
    for channel, (low, high) in enumerate(manifest.value_ranges):
        own_low, own_high = float(image[..., channel].min()), float(image[..., channel].max())
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
