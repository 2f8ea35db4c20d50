"""Settings of reading data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import Section


class DataConfig(Section):
    """How files become images and masks."""

    mask_kind: Literal["auto", "classes", "instances"] = Field(
        "auto",
        description="Whether the values of a mask are classes or numbers of single objects; auto decides "
        "for the whole set and says what it decided.",
    )
    mask_classes: tuple[int, ...] | None = Field(
        None,
        description="The values of the masks that are classes, in the order of their labels; needed where "
        "they are not 0 to n, such as 0, 128, 255.",
    )
    ignore_label: int | None = Field(
        None,
        description="Value of the masks that says a pixel was not judged: it has no part in sampling, loss "
        "and scores. With 0, what is not painted is ignored, and the lowest other value is the background.",
    )
    pages: Literal["refuse", "slices", "channels"] = Field(
        "refuse",
        description="What the pages of a TIFF are whose file does not say: slices, channels, or a reason "
        "to refuse it.",
    )
    stacks: Literal["one_group", "images"] = Field(
        "one_group",
        description="Whether the planes of one stack stay together in cross-validation, since neighbours are "
        "alike, or each is an image of its own.",
    )
    pixel_size: float | None = Field(
        None, gt=0, description="Side of a pixel, in micrometres, of images whose files do not say it."
    )
    target_pixel_size: float | None = Field(
        None,
        gt=0,
        description="Side of a pixel, in micrometres, to which images and masks are resampled for training "
        "and prediction; predictions come back on the image's own grid.",
    )
    block_margin: int = Field(
        32,
        ge=0,
        le=4096,
        description="Gap, in pixels, between the blocks that a single image (or a single group) is cut into; "
        "its pixels are neither trained nor validated on.",
    )

    def size_of_pixels(self, stated: tuple[float, float] | None) -> tuple[float, float] | None:
        """Height and width of a pixel in micrometres: as the file states, else as set for such files."""
        if stated is not None or self.pixel_size is None:
            return stated
        return self.pixel_size, self.pixel_size
