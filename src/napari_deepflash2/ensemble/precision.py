"""Whether fewer bits are good enough for the networks of an ensemble: measured, not assumed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.normalisation import FloatImage
from ..prediction import Predictor, predict_moments, prepare
from .device import best_precision
from .loaded import load_member
from .manifest import BFloat16Record, Manifest, MemberRecord
from .training_set import TrainingSet
from .validation import mean_dice

if TYPE_CHECKING:
    import torch

_IMAGES = 4


def with_precision(folder: Path, manifest: Manifest, data: TrainingSet, device: torch.device) -> Manifest:
    """Measure for every finished member that lacks it what it loses in bfloat16, where the device has that.

    Returns
    -------
    Manifest
        With the records; not saved.
    """
    if best_precision(device) != "bfloat16":
        return manifest
    members = [
        one
        if one.bfloat16 or not one.finished
        else one.model_copy(update={"bfloat16": _measured(folder, manifest, one, data, device)})
        for one in manifest.members
    ]
    return manifest.model_copy(update={"members": tuple(members)})


def _measured(
    folder: Path, manifest: Manifest, member: MemberRecord, data: TrainingSet, device: torch.device
) -> BFloat16Record | None:
    held_out = [i for i, id_ in enumerate(data.ids) if id_ in member.validation_images]
    if not held_out:
        return None
    return compare_bfloat16(
        load_member(folder, manifest, member, device),
        [data.images[i] for i in held_out],
        [data.labels[i] for i in held_out],
        len(data.classes),
        manifest.configuration.prediction,
        device,
    )


def compare_bfloat16(
    predictor: Predictor,
    images: Sequence[FloatImage],
    labels: Sequence[NDArray[np.uint8]],
    n_classes: int,
    config: PredictionConfig,
    device: torch.device,
) -> BFloat16Record:
    """Predict images that a model never saw in float32 and in bfloat16.

    Of up to four images the middle, at most one tile, is taken.

    Parameters
    ----------
    predictor : Predictor
        The model, in float32.
    images, labels : sequences of ndarray, shapes (Y, X, C) and (Y, X)
        Its held-out images and their true classes.
    n_classes : int
        With the background.
    config : PredictionConfig
        Of which the size of a tile counts.
    device : torch.device
        Where the network is.
    """
    plain = PredictionConfig(tile_size=config.tile_size, test_time_augmentation="none")
    reduced = prepare([predictor], "bfloat16", compiled=False, device=device)
    same, lost = [], []
    for image, mask in zip(images[:_IMAGES], labels[:_IMAGES], strict=True):
        middle = tuple(_middle(length, config.tile_size) for length in mask.shape)
        full, fewer = (
            predict_moments(one, image[middle], n_classes, plain, device).mean.argmax(0)
            for one in ([predictor], reduced)
        )
        same.append(float((full == fewer).mean()))
        truth = mask[middle]
        lost.append(mean_dice(full, truth, n_classes) - mean_dice(fewer, truth, n_classes))
    return BFloat16Record(agreement=float(np.mean(same)), dice_lost=float(np.mean(lost)))


def _middle(length: int, most: int) -> slice:
    start = max(0, (length - most) // 2)
    return slice(start, start + most)
