"""Reading the files of a set as its settings say."""

from __future__ import annotations

from pathlib import Path

from ..config import DataConfig
from .channels import channels_of_file
from .reading import ImageFile, read_image, read_labels


def read_set_image(path: Path | str, config: DataConfig) -> ImageFile:
    """Read an image as `read_image` does, by the settings; of its channels those that they name."""
    image = read_image(path, config.pages, largest_pixels=config.largest_pixels, not_finite=config.not_finite)
    return image if config.channels is None else channels_of_file(str(path), image, config.channels)


def read_set_labels(path: Path | str, config: DataConfig) -> ImageFile:
    """Read a mask as `read_labels` does, by the settings."""
    return read_labels(
        path,
        config.pages,
        largest_pixels=config.largest_pixels,
        threshold=config.mask_threshold,
        colours=config.mask_colours,
    )
