"""Which images an ensemble can predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..config import Configuration
from ..data.pixel_size import PixelSize
from ..data.resampling import target_shape
from ..data.set_checks import in_channels
from ..data.set_reading import read_set_image
from ..errors import InputError, Problem
from .inputs import Input

if TYPE_CHECKING:
    from ..ensemble import Ensemble


def checked_inputs(
    inputs: Sequence[Input], ensemble: Ensemble, config: Configuration
) -> tuple[list[Input], list[Problem]]:
    """Divide what is there into what can be predicted and what is wrong with the rest."""
    good: list[Input] = []
    problems: list[Problem] = []
    for item in inputs:
        try:
            _check(item, ensemble, config)
        except InputError as error:
            problems.extend(error.problems)
        else:
            good.append(item)
    return good, problems


def _check(item: Input, ensemble: Ensemble, config: Configuration) -> None:
    large = item.opened(config.data)
    if large is not None:
        shape, size, channels = large.shape, large.pixel_size, large.channels
    else:
        image = read_set_image(item.path, config.data)
        y = image.axes.index("Y")
        shape, size = (image.data.shape[y], image.data.shape[y + 1]), image.pixel_size
        channels = in_channels(image, ensemble.channels).shape[-1]
    size = known_size(size, ensemble, config)
    target_shape(str(item.path), shape, size, ensemble.config.data.target_pixel_size)
    if channels != ensemble.channels:
        raise InputError.one(
            item.path,
            f"has {channels} channels, the ensemble was trained on {ensemble.channels}",
            "Choose images with the channels of the training images, in the same order; or say which "
            "channels to take (setting 'channels', option --channels of predict).",
            "channel-mismatch",
        )


def known_size(size: PixelSize | None, ensemble: Ensemble, config: Configuration) -> PixelSize | None:
    """Pixel size of an image in micrometres; where it has none, what the settings say of all."""
    return config.data.size_of_pixels(size) or ensemble.config.data.size_of_pixels(None)
