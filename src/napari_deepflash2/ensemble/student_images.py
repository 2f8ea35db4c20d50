"""The images that a preview network is made on: the user's own, or those that the ensemble's folder keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..config import Configuration
from ..data.folders import list_images
from ..data.normalisation import FloatImage, Normalisation, Standardisation
from ..data.pixel_size import PixelSize
from ..data.set_checks import in_channels
from ..data.set_reading import read_set_image
from ..errors import InputError, Problem, raise_if_any
from .manifest import Manifest
from .review import Review, load_review
from .seen import SeenImage

# Of one image no more is taken than a square of this side, so that one mosaic is not all there is.
_LARGEST = 2048
# Parts of the images by which the student is measured, and of a single image.
_HELD_OUT, _HELD_OUT_OF_ONE = 5, 4


@dataclass(frozen=True, eq=False)
class Sample:
    """An image, or a part of one, at the size at which it is predicted.

    Attributes
    ----------
    name : str
        What the user calls it.
    source : str
        The file, array or group it is from.
    image : ndarray of float32, shape (Y, X, C)
        Intensities as stored.
    mean, std : tuple of float
        Of each channel of the whole image.
    """

    name: str
    source: str
    image: FloatImage
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, name: str, source: str, image: FloatImage) -> Sample:
        """Take a whole image."""
        mean, std = image.mean((0, 1), dtype=np.float64), image.std((0, 1), dtype=np.float64)
        return cls(name, source, image, tuple(mean.tolist()), tuple(std.tolist()))

    def look(self, normalisation: Normalisation) -> Standardisation:
        """How the whole image is standardised."""
        return normalisation.for_figures(self.mean, self.std)

    def part(self, rows: slice, columns: slice) -> Sample:
        """Cut a part out, which keeps the figures of the whole."""
        return replace(self, image=np.ascontiguousarray(self.image[rows, columns]))


@dataclass(frozen=True, eq=False)
class GivenImage:
    """An image that is read when its turn comes.

    Attributes
    ----------
    name : str
        What the user calls it.
    source : str
        What it is from: those of one source are not divided, unless there is no other.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    read : callable
        Gives it, (Y, X) or (Y, X, C).
    """

    name: str
    source: str
    pixel_size: PixelSize | None
    read: Callable[[], NDArray[Any]]


Images = Path | str | Sequence[Path | str | ArrayLike | GivenImage]


def gathered_samples(
    folder: Path, manifest: Manifest, images: Images | None, config: Configuration, rng: np.random.Generator
) -> list[Sample]:
    """Read images in random order until there are enough.

    Parameters
    ----------
    folder, manifest : path, Manifest
        Of the ensemble.
    images : path or sequence of paths and array_like, optional
        A folder or a file, or files and arrays (Y, X) or (Y, X, C); the training images, as far as the
        folder keeps them, when not given.
    config : Configuration
        How files are read, at which scale they are predicted, and how many pixels are enough.
    rng : numpy.random.Generator
        Decides on the order, and on the part of images larger than 2048 x 2048 pixels.

    Raises
    ------
    InputError
        Where there are none, or some cannot be used; lists them.
    """
    found: list[Sample] = []
    pixels = 0.0
    problems: list[Problem] = []
    for planes in _sources(folder, manifest, images, config, rng):
        if pixels >= config.student.megapixels * 1e6:
            break
        try:
            for plane in planes:
                seen = SeenImage.of(plane.read(), plane.name, manifest, config.prediction, plane.pixel_size)
                image = seen.image.astype(np.float32, copy=False)
                found.append(_not_too_large(Sample.of(plane.name, plane.source, image), rng))
                pixels += found[-1].image.shape[0] * found[-1].image.shape[1]
        except InputError as error:
            problems += error.problems
    raise_if_any(problems)
    return sorted(found, key=lambda sample: (sample.source, sample.name))


def held_out(samples: Sequence[Sample], rng: np.random.Generator) -> tuple[list[Sample], list[Sample]]:
    """Divide samples into those to learn from and those to measure by: a fifth, never of the same source.

    The planes of a single stack are divided in their order, and a single image by a line.
    """
    sources = sorted({sample.source for sample in samples})
    if len(sources) > 1:
        chosen = rng.choice(sources, max(1, len(sources) // _HELD_OUT), replace=False)
        return (
            [sample for sample in samples if sample.source not in chosen],
            [sample for sample in samples if sample.source in chosen],
        )
    if len(samples) > 1:
        first = len(samples) - max(1, len(samples) // _HELD_OUT)
        return list(samples[:first]), list(samples[first:])
    learned, rest = _halves(samples[0])
    return [learned], [rest]


def _halves(sample: Sample) -> tuple[Sample, Sample]:
    height, width = sample.image.shape[:2]
    everything = slice(None)
    if height >= width:
        line = height - height // _HELD_OUT_OF_ONE
        return sample.part(slice(line), everything), sample.part(slice(line, None), everything)
    line = width - width // _HELD_OUT_OF_ONE
    return sample.part(everything, slice(line)), sample.part(everything, slice(line, None))


def _not_too_large(sample: Sample, rng: np.random.Generator) -> Sample:
    height, width = sample.image.shape[:2]
    if height * width <= _LARGEST**2:
        return sample
    y, x = (int(rng.integers(max(0, length - _LARGEST) + 1)) for length in (height, width))
    return sample.part(slice(y, y + _LARGEST), slice(x, x + _LARGEST))


def _sources(
    folder: Path, manifest: Manifest, images: Images | None, config: Configuration, rng: np.random.Generator
) -> Iterator[Iterable[GivenImage]]:
    if images is None:
        found = list(_kept_images(folder, manifest))
    else:
        given = _listed(images)
        found = [_planes(one, number, manifest, config) for number, one in enumerate(given, start=1)]
    return iter([found[i] for i in rng.permutation(len(found))])


def _listed(images: Images) -> Sequence[Path | str | ArrayLike | GivenImage]:
    if isinstance(images, str | Path):
        return [images] if Path(images).is_file() else list_images(images)
    if not len(images):
        raise InputError.one(
            "images", "there are none", "Give at least one image of the kind to be predicted.", "no-images"
        )
    return images


def _planes(
    image: Path | str | ArrayLike | GivenImage, number: int, manifest: Manifest, config: Configuration
) -> Iterator[GivenImage]:
    """Give the planes of a file, or an array; read only when asked for."""
    if isinstance(image, GivenImage):
        yield image
        return
    if not isinstance(image, str | Path):
        id_, size = f"{number:04}", config.data.size_of_pixels(None)
        yield GivenImage(f"image {id_}", id_, size, partial(np.asarray, image))
        return
    file = read_set_image(image, config.data)
    pixels, size = in_channels(file, manifest.channels), config.data.size_of_pixels(file.pixel_size)
    for index in np.ndindex(pixels.shape[:-3]):
        place = "".join(f" {axis}{i}" for axis, i in zip(file.axes, index, strict=False))
        yield GivenImage(f"{Path(image).name}{place}", str(image), size, partial(pixels.__getitem__, index))


def _kept_images(folder: Path, manifest: Manifest) -> Iterator[Iterable[GivenImage]]:
    """Give the training images, or blocks of them, that the folder keeps since some model left them out."""
    try:
        review = load_review(folder)
    except InputError as error:
        raise InputError.one(
            folder,
            "keeps none of the images that it was trained on",
            "Give images of the kind to be predicted, with masks or without: --images DIR.",
            "no-images",
        ) from error
    for name, record in review.records.items():
        for row in record.rows:
            yield _kept_image(review, name, row.image, manifest)


def _kept_image(review: Review, name: str, id_: str, manifest: Manifest) -> Iterator[GivenImage]:
    """Give one of them; read only when asked for."""
    image = review.image(name)
    if id_ in manifest.blocks:
        y, x, height, width = manifest.blocks[id_]
        image = image[y : y + height, x : x + width]
    yield GivenImage(id_, manifest.groups.get(id_, id_), manifest.pixel_sizes.get(id_), lambda: image)
