"""Settings of reading data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from .section import Section

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
    mask_threshold: float | None = Field(
        None,
        description="Values of masks above it are foreground, all others background: for probabilities and "
        "for masks with soft edges.",
    )
    mask_colours: (
        dict[Annotated[str, Field(pattern="^#[0-9A-Fa-f]{6}$")], Annotated[int, Field(ge=0)]] | None
    ) = Field(
        None, description="The value of each colour, such as #ff0000, in masks that are coloured pictures."
    )
    not_finite: Literal["refuse", "background"] = Field(
        "refuse",
        description="Whether images with NaN or infinite values are refused, or these pixels take the lowest "
        "value of their channel.",
    )
    largest_pixels: int | None = Field(
        None,
        ge=1,
        description="Most values (pixels times channels) that a file may announce. Without it, 4 billion, "
        "and above 1 GiB no more than 500 times the size of the file, so that a damaged or malicious header "
        "cannot take all memory.",
    )
    pages: Literal["refuse", "slices", "channels"] = Field(
        "refuse",
        description="What the pages of a TIFF are whose file does not say: slices, channels, or a reason "
        "to refuse it.",
    )
    channels: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None,
        min_length=1,
        description="Which channels of the images in files are taken, counted from 0, in this order; all of "
        "them by default. An ensemble of one channel predicts RGB images so, by one of their colours.",
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

    def thresholded(self, mask: NDArray[Any]) -> NDArray[Any]:
        """Make a mask 0 and 1 by the threshold that is set; leave it as it is where none is."""
        return mask if self.mask_threshold is None else (mask > self.mask_threshold).astype("u1")
