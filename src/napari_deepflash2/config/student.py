"""Settings of the preview network."""

from __future__ import annotations

from pydantic import Field

from .section import Section


class StudentConfig(Section):
    """How an ensemble is distilled into one small network for previews."""

    iterations: int = Field(
        400,
        ge=1,
        le=10**6,
        description="Optimisation steps; a batch is four tiles, large as in training and 256 pixels at most.",
    )
    megapixels: float = Field(
        20,
        gt=0,
        le=10**5,
        description="How much the ensemble predicts for it to learn from, at most: images are drawn at "
        "random until so many million pixels are reached. It decides on time and memory.",
    )
