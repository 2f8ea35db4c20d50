"""Settings of prediction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .section import Section


class PredictionConfig(Section):
    """How an ensemble predicts an image."""

    tile_size: int = Field(512, ge=32, multiple_of=16, description="Side of a tile, in pixels.")
    overlap: float = Field(0.5, ge=0, lt=1, description="Share of a tile that the next one covers again.")
    batch_size: int = Field(4, ge=1, description="Tiles in one forward pass.")
    test_time_augmentation: Literal["none", "flips"] = Field(
        "flips", description="Views of each tile that are predicted and averaged."
    )
