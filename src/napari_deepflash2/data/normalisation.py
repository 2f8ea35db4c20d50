"""From images as they are stored to what a network sees: checked, standardised, channels first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, Problem

NormalisationKind = Literal["image", "training", "percentile"]
FloatImage = NDArray[np.float32]

_PERCENTILES = (1, 99)
# How many standard deviations lie between these two in a normal distribution.
_DEVIATIONS = 4.6527
# Figures of so many pixels are as good as those of all.
_MOST_SAMPLES = 2**22


@dataclass(frozen=True)
class Standardisation:
    """Intensities less `offset`, divided by `scale`.

    Attributes
    ----------
    offset, scale : tuple of float
        One value per channel, in the units of the image; `scale` is above 0.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, centre: NDArray[np.float64], spread: NDArray[np.float64]) -> Standardisation:
        """Make centres 0 and spreads 1; leave the size of constant channels as it is."""
        # A spread below float32's resolution of the values is rounding, not structure.
        scale = np.where(spread > 1e-6 * np.maximum(np.abs(centre), 1e-30), spread, 1)
        return cls(tuple(centre.tolist()), tuple(scale.tolist()))

    def apply(self, image: FloatImage) -> FloatImage:
        """Standardise an image or a part of one, (Y, X, C); returns float32 (C, Y, X)."""
        channels = np.moveaxis(image, -1, 0)
        offset, scale = (np.array(values)[:, None, None] for values in (self.offset, self.scale))
        return np.ascontiguousarray((channels - offset) / scale, dtype=np.float32)


@dataclass(frozen=True)
class Normalisation:
    """How intensities are standardised, per channel.

    Attributes
    ----------
    kind : {"image", "training", "percentile"}
        By the mean and standard deviation of each image itself, or by those of the training images, or by
        the 1st and 99th percentile of the training images.
    centre : tuple of float
        Of the training images, one value per channel, in the units of the images: the mean, or the middle
        of the two percentiles.
    spread : tuple of float
        Likewise: the standard deviation, or what it is in a normal distribution with these percentiles.
    """

    kind: NormalisationKind
    centre: tuple[float, ...]
    spread: tuple[float, ...]

    @classmethod
    def learn(cls, images: Sequence[FloatImage], kind: NormalisationKind) -> Normalisation:
        """Measure (Y, X, C) images: each pixel counts alike, whatever the size of its image."""
        centre, spread = _moments(images)
        if kind == "percentile":
            low, high = _percentiles(images)
            # A channel that is dark but for a few pixels has no spread between percentiles.
            spread = np.where(high > low, (high - low) / _DEVIATIONS, spread)
            centre = (low + high) / 2
        return cls(kind, tuple(centre.tolist()), tuple(spread.tolist()))

    @property
    def channels(self) -> int:
        """Channels of the training images."""
        return len(self.centre)

    def apply(self, image: FloatImage) -> FloatImage:
        """Standardise.

        Parameters
        ----------
        image : ndarray of float32, shape (Y, X, C)
            Finite intensities.

        Returns
        -------
        ndarray of float32, shape (C, Y, X)
            Centre 0 and spread 1 per channel, of this image or of the training images. A constant channel
            becomes 0 throughout where it is standardised by itself.
        """
        return self.for_image(image).apply(image)

    def for_image(self, image: NDArray[Any]) -> Standardisation:
        """Decide on the figures that a (Y, X, C) image is standardised by, to apply them to its parts."""
        if self.kind != "image":
            return self.for_figures((), ())
        channels = np.moveaxis(image, -1, 0)
        return self.for_figures(
            channels.mean((1, 2), dtype=np.float64), channels.std((1, 2), dtype=np.float64)
        )

    def for_figures(self, mean: ArrayLike, std: ArrayLike) -> Standardisation:
        """Likewise for an image of which mean and standard deviation of each channel are known."""
        if self.kind != "image":
            return Standardisation.of(np.array(self.centre), np.array(self.spread))
        return Standardisation.of(np.asarray(mean, np.float64), np.asarray(std, np.float64))


def as_images(arrays: Sequence[ArrayLike], names: Sequence[str]) -> list[FloatImage]:
    """Check arrays of intensities and bring them to one form.

    Parameters
    ----------
    arrays : sequence of array_like
        Each (Y, X) or (Y, X, C), integer, boolean or float.
    names : sequence of str
        What the user calls each of them.

    Returns
    -------
    list of ndarray of float32, shape (Y, X, C)

    Raises
    ------
    InputError
        Lists every array that has another number of axes, no pixels, values that are not finite
        numbers, or another number of channels than the first.
    """
    problems: list[Problem] = []
    images: list[FloatImage] = []
    for array, name in zip(arrays, names, strict=True):
        values = np.asarray(array)
        problem = _shape_problem(values, name) or _value_problem(values, name)
        if problem:
            problems.append(problem)
        else:
            images.append(_with_channels(values))
    problems += _channel_problems(images, names) if not problems else []
    if problems:
        raise InputError(problems)
    return images


def as_pixels(array: ArrayLike, name: str) -> NDArray[Any]:
    """Check an image as `as_images` does, and leave it in memory as it is where float32 holds its values.

    Parameters
    ----------
    array : array_like
        (Y, X) or (Y, X, C).
    name : str
        What the user calls it.

    Returns
    -------
    ndarray, shape (Y, X, C)
        Float32, or whole numbers of up to 16 bits.

    Raises
    ------
    InputError
        As `as_images`.
    """
    values = np.asarray(array)
    if values.dtype.kind not in "bui" or values.dtype.itemsize > 2:
        return as_images([values], [name])[0]
    problem = _shape_problem(values, name)
    if problem:
        raise InputError([problem])
    return values if values.ndim == 3 else values[..., np.newaxis]


def _with_channels(values: NDArray[np.generic]) -> FloatImage:
    return np.asarray(values if values.ndim == 3 else values[..., None], dtype=np.float32)


def _shape_problem(values: NDArray[np.generic], name: str) -> Problem | None:
    if values.ndim not in (2, 3):
        return Problem(
            name,
            f"has {values.ndim} axes, shape {values.shape}",
            "Give (Y, X) or (Y, X, C): single slices of a stack or series.",
            "bad-axes",
        )
    if values.size == 0:
        return Problem(name, f"has no pixels, shape {values.shape}", "Leave it out.", "no-pixels")
    return None


def _value_problem(values: NDArray[np.generic], name: str) -> Problem | None:
    if values.dtype.kind not in "biuf":
        return Problem(name, f"holds {values.dtype}", "Give integers or real numbers.", "bad-dtype")
    # Checked as float32, since that is what the network gets: 1e300 is infinite there.
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(values.astype(np.float32))
    if bad.any():
        first = ", ".join(str(int(i)) for i in np.argwhere(bad)[0])
        return Problem(
            name,
            f"has {int(bad.sum())} values that are no finite number, the first at ({first})",
            "Replace them, for instance by the background, and save the image again.",
            "not-finite",
        )
    return None


def _channel_problems(images: Sequence[FloatImage], names: Sequence[str]) -> list[Problem]:
    return [
        Problem(
            name,
            f"has {image.shape[-1]} channels where {names[0]} has {images[0].shape[-1]}",
            "Give all images the same channels.",
            "channel-mismatch",
        )
        for image, name in zip(images, names, strict=True)
        if image.shape[-1] != images[0].shape[-1]
    ]


def _moments(images: Sequence[FloatImage]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sums = [_sums(image) for image in images]
    count = sum(n for n, _, _ in sums)
    mean = np.sum([s for _, s, _ in sums], axis=0) / count
    variance = np.maximum(np.sum([q for _, _, q in sums], axis=0) / count - mean**2, 0)
    return mean, np.sqrt(variance)


def _percentiles(images: Sequence[FloatImage]) -> NDArray[np.float64]:
    """Percentiles per channel, float64 (2, C)."""
    pixels = [image.reshape(-1, image.shape[-1]) for image in images]
    step = -(-sum(map(len, pixels)) // _MOST_SAMPLES)
    samples = np.concatenate([own[::step] for own in pixels])
    return np.percentile(samples.astype(np.float64), _PERCENTILES, axis=0)


def _sums(image: FloatImage) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    pixels = image.reshape(-1, image.shape[-1]).astype(np.float64)
    return len(pixels), pixels.sum(0), np.square(pixels).sum(0)
