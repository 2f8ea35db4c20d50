"""An image as the networks of an ensemble get it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike, NDArray

from ..config import PredictionConfig
from ..data.normalisation import as_pixels
from ..data.pair_resampling import resampled_image
from ..data.pixel_size import PixelSize
from ..data.resampling import target_shape
from ..errors import InputError, Problem
from .image_notes import notes_on, resampled_note
from .manifest import Manifest


@dataclass(frozen=True, eq=False)
class SeenImage:
    """An image at the size at which it is predicted.

    Attributes
    ----------
    image : ndarray, shape (Y, X, C)
        Intensities as stored, at the pixel size of the training where that was set, then scaled; float32, or
        whole numbers of up to 16 bits.
    shape : (int, int)
        Height and width of the image as it came.
    notes : tuple of Problem
        What the user should know before a prediction is believed.
    """

    image: NDArray[Any]
    shape: tuple[int, int]
    notes: tuple[Problem, ...]

    @classmethod
    def of(
        cls,
        image: ArrayLike,
        name: str,
        manifest: Manifest,
        config: PredictionConfig,
        pixel_size: PixelSize | None = None,
    ) -> SeenImage:
        """Check an image and bring it to the size at which it is predicted.

        Parameters
        ----------
        image : array_like, shape (Y, X) or (Y, X, C)
            Integer or float intensities.
        name : str
            What the user calls it.
        manifest : Manifest
            Of the ensemble.
        config : PredictionConfig
            With the scale.
        pixel_size : (float, float), optional
            Height and width of a pixel in micrometres.

        Raises
        ------
        InputError
            Where the image cannot be used or has other channels than the training images, or its pixel size
            is needed and not known.
        """
        pixels = as_pixels(image, name)
        check_channels(pixels.shape[-1], manifest, name)
        own, data = (pixels.shape[0], pixels.shape[1]), manifest.configuration.data
        size, target = data.size_of_pixels(pixel_size), data.target_pixel_size
        at_target = target_shape(name, own, size, target)
        scaled = resampled_image(pixels, config.scaled(at_target))
        notes = notes_on(scaled, name, manifest, size)
        if at_target != own:
            notes.append(resampled_note(name, size, target))
        return cls(scaled, own, tuple(notes))


def check_channels(channels: int, manifest: Manifest, name: str) -> None:
    """Refuse an image that has other channels than the training images."""
    if channels != manifest.channels:
        raise InputError.one(
            name,
            f"has {channels} channels, the ensemble was trained on {manifest.channels}",
            "Choose the channels that the training images had, in their order.",
            "channel-mismatch",
        )
