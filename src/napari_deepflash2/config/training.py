"""Settings of training."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from .section import Precision, Section


class AugmentationConfig(Section):
    """How training tiles are varied."""

    flip: bool = Field(True, description="Mirror tiles at random in both directions.")
    rotation: float = Field(360.0, ge=0, le=360, description="Range of random rotation, in degrees.")
    zoom: float = Field(0.1, ge=0, le=0.5, description="Random change of size, as a fraction.")
    gamma: tuple[float, float] = Field((0.8, 1.2), description="Range of the random gamma exponent.")
    brightness: float = Field(
        0.1, ge=0, le=10, description="Random shift, in standard deviations of the image."
    )
    contrast: float = Field(0.1, ge=0, lt=1, description="Random change of contrast, as a fraction.")
    clahe: float = Field(
        0,
        ge=0,
        le=40,
        description="Highest clip limit of an adaptive histogram equalisation (CLAHE) of every other tile; "
        "0 is off.",
    )
    grid_distortion: float = Field(
        0,
        ge=0,
        le=0.3,
        description="Random bending of every other tile: how far a fifth of it may be shifted, as a "
        "fraction of that.",
    )

    @model_validator(mode="after")
    def _gamma_is_a_range(self) -> Self:
        low, high = self.gamma
        if not 0.1 <= low <= high <= 10:
            raise ValueError("gamma needs a lower and an upper exponent, both from 0.1 to 10")
        return self


class TrainingConfig(Section):
    """How the ensemble is trained."""

    architecture: str = Field(
        "auto", description="Name of the network in the registry, or auto: the one for this device."
    )
    initial_weights: str = Field(
        "auto",
        description="What the models start from: random, imagenet (weights that have to be on this "
        "computer), a file of weights (.pth or .safetensors), the folder of an ensemble to go on from, or "
        "auto: imagenet where the network has such weights here, else random.",
    )
    iterations: int = Field(1000, ge=1, le=10**7, description="Optimisation steps for each model.")
    models: int | None = Field(
        None, ge=1, le=64, description="Models in the ensemble; as many as there are splits when not given."
    )
    max_splits: int = Field(5, ge=2, le=64, description="Most folds of the cross-validation.")
    batch_size: int = Field(4, ge=1, le=1024, description="Tiles in one step.")
    tile_size: int = Field(
        256, ge=32, le=4096, multiple_of=32, description="Side of a training tile, in pixels."
    )
    normalisation: Literal["image", "training", "percentile"] = Field(
        "image",
        description="Standardise intensities by each image's own mean and standard deviation, or by those "
        "of the training images, or by the 1st and 99th percentile of the training images, which a few very "
        "bright pixels do not move.",
    )
    target: Literal["consensus", "soft", "experts"] = Field(
        "consensus",
        description="What is learned where several experts annotated: their consensus; the probability of "
        "each class, by STAPLE or as the share of the votes; or, tile by tile, the mask of one at random.",
    )
    disagreement_weight: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How much less a pixel counts on which the experts disagree: 1 - this x the entropy of "
        "their votes.",
    )
    loss: Literal[
        "cross_entropy",
        "soft_cross_entropy",
        "dice",
        "cross_entropy_dice",
        "jaccard",
        "focal",
        "lovasz",
        "tversky",
        "poly1_cross_entropy",
    ] = Field("cross_entropy_dice", description="What training minimises.")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Share of each target that soft_cross_entropy spreads over all classes."
    )
    focal_gamma: float = Field(
        2.0, ge=1, le=10, description="How much less focal minds pixels that are nearly right."
    )
    tversky_alpha: float = Field(0.3, gt=0, le=1, description="Weight of what is invented, for tversky.")
    tversky_beta: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Weight of what is missed, for tversky; above alpha it finds more of sparse objects.",
    )
    poly1_epsilon: float = Field(
        1.0, ge=0, le=10, description="Weight of the linear term that poly1_cross_entropy adds."
    )
    learning_rate: float = Field(5e-3, gt=0, le=1, description="Highest learning rate of the schedule.")
    optimiser: Literal["adamw", "adam", "radam", "nadam", "sgd", "rmsprop"] = Field(
        "adamw", description="What turns gradients into steps."
    )
    schedule: Literal["one_cycle", "cosine"] = Field(
        "one_cycle",
        description="How the learning rate moves: up for 30 % of the iterations and down to nothing, or "
        "down from the start.",
    )
    weight_decay: float = Field(1e-3, ge=0, le=1, description="How strongly weights are drawn to zero.")
    gradient_clipping: float = Field(
        10.0, ge=0, le=1e6, description="Largest norm of a step's gradient; 0 leaves gradients as they are."
    )
    early_stopping: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Validations without improvement after which a model's training ends; never when not "
        "given.",
    )
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of the running mean of the weights, such as 0.99, which then is validated and "
        "kept in place of the weights themselves; 0 turns it off.",
    )
    precision: Precision = Field(
        "auto",
        description="Numbers to train with; auto takes bfloat16 where the device has instructions for it, "
        "float16 on older NVIDIA cards, else float32.",
    )
    augmentation: AugmentationConfig = Field(
        default_factory=AugmentationConfig, description="How training tiles are varied."
    )
    random_state: int = Field(42, ge=0, lt=2**32, description="Seed of folds, sampling and weights.")
