"""Settings of prediction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import Precision, Section


class PredictionConfig(Section):
    """How an ensemble predicts an image."""

    tile_size: int = Field(
        512, ge=32, le=8192, multiple_of=32, description="Side of a tile at most, in pixels."
    )
    overlap: float = Field(
        0.25, ge=0, le=0.9, description="Least share of a tile that the next one covers again."
    )
    scale: float = Field(
        1,
        gt=0,
        le=20,
        description="Factor by which images are resized before they are predicted; results come back on "
        "their own grid.",
    )
    batch_size: int = Field(4, ge=1, le=1024, description="Tiles in one forward pass at most.")
    test_time_augmentation: Literal["none", "flips", "dihedral"] = Field(
        "flips",
        description="Views of each tile that are predicted and averaged: as it is, all four flips, or also "
        "turned by a quarter: the eight of the dihedral group.",
    )
    precision: Precision = Field(
        "auto",
        description="Bits that networks compute with. By itself: bfloat16 where the processor or card has it "
        "and the end of training has measured that classes and Dice stay as they are, else float32.",
    )
    compiled: bool = Field(
        False,
        description="Compile the networks first: takes minutes and a C++ compiler, may pay for many images.",
    )
    blending: Literal["gaussian", "flat"] = Field(
        "gaussian",
        description="Whether the middle of a tile counts more than its border where tiles overlap, or all "
        "of it alike.",
    )
    skip_background: bool = Field(
        False,
        description="Take tiles for background, without looking further, whose values in every channel lie "
        "within half a standard deviation of the image. Faint objects alone in a tile are lost.",
    )
    false_alarm_rate: float = Field(
        0.05,
        gt=0,
        le=0.5,
        description="Share of images (and of places in them) of the kind that was trained on that may be "
        "called unlike it. With G groups of training images no share below 1 / (G + 1) can be promised.",
    )
    entropy: bool = Field(
        False,
        description="Measure predictive entropy and mutual information too; takes memory for one more map.",
    )
    epistemic: bool = Field(
        False,
        description="Give the part of the uncertainty too that is disagreement among models and views.",
    )
    probabilities: bool = Field(False, description="Give the probability of each class too.")
    objects: bool = Field(
        False,
        description="Find the objects too: the connected pieces of each class, each with its uncertainty and "
        "the overlap to be expected with a true one.",
    )

    def scaled(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Height and width that an image of this height and width is predicted at."""
        height, width = (max(1, round(length * self.scale)) for length in shape)
        return height, width
