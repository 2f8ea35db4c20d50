from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_deepflash2.config import Configuration, PredictionConfig
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble.losses import build_loss
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.training_set import TrainingSet
from napari_deepflash2.ensemble.validation import Validation, mean_dice, validate
from napari_deepflash2.progress import ignore_progress

EMPTY = np.zeros((4, 4), int)


def _with(**places: int) -> np.ndarray:
    image = EMPTY.copy()
    for row, class_ in places.items():
        image[int(row[1:])] = class_
    return image


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        (EMPTY, EMPTY, 1.0),
        (EMPTY, _with(r0=1), 0.0),
        (_with(r0=1), EMPTY, 0.0),
        (_with(r0=1, r1=1), _with(r1=1, r2=1), 0.5),
        (_with(r0=1, r1=2), _with(r0=1, r2=2), 0.5),
        (_with(r0=1), _with(r0=1), 1.0),
        (_with(r0=1, r1=1), _with(r0=1, r1=IGNORE, r2=IGNORE), 1.0),
        (_with(r1=1), _with(r1=IGNORE), 1.0),
    ],
)
def test_dice_is_defined_for_everything(predicted: np.ndarray, truth: np.ndarray, expected: float) -> None:
    assert mean_dice(predicted, truth, 3) == expected


Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]


def _validated(
    make_blobs: Blobs, tiny: dict, labels: list[np.ndarray]
) -> tuple[Validation, list[np.ndarray]]:
    """Validate an untrained network on as many images as there are labels."""
    images, masks = make_blobs(4)
    config = Configuration.of(tiny)
    data = TrainingSet.of(images, masks, config.data)
    member = Member(data, 1, (np.array([0]), np.array([1])), config, torch.device("cpu"))
    shown: list[np.ndarray] = []
    found = validate(
        member.predictor("one"),
        data.images[1 : 1 + len(labels)],
        labels,
        2,
        PredictionConfig(tile_size=64, test_time_augmentation="none"),
        build_loss(config.training.model_copy(update={"loss": "cross_entropy"})),
        torch.device("cpu"),
        ignore_progress,
        lambda _, probabilities: shown.append(probabilities),
    )
    return found, shown


def test_ignored_pixels_have_no_part_in_loss_and_dice(make_blobs: Blobs, tiny: dict) -> None:
    _, masks = make_blobs(4)
    labels = masks[1].astype(np.uint8)
    labels[:, 24:] = IGNORE
    found, (probabilities,) = _validated(make_blobs, tiny, [labels])
    truth, left = masks[1][:, :24], probabilities[:, :, :24]
    of_truth = np.where(truth == 1, left[1], left[0])
    assert found.loss == pytest.approx(-np.log(of_truth).mean(), rel=1e-4)
    predicted = left.argmax(0) == 1
    expected = 2 * (predicted & (truth == 1)).sum() / (predicted.sum() + (truth == 1).sum())
    assert found.dice == (pytest.approx(expected),)


def test_images_that_nobody_judged_are_left_out(make_blobs: Blobs, tiny: dict) -> None:
    _, masks = make_blobs(4)
    judged, nothing = masks[1].astype(np.uint8), np.full((48, 48), IGNORE, np.uint8)
    alone, _ = _validated(make_blobs, tiny, [judged])
    assert _validated(make_blobs, tiny, [judged, nothing])[0] == alone
    of_none, _ = _validated(make_blobs, tiny, [nothing])
    assert of_none == Validation(0.0, ())
    assert of_none.mean_dice == 0
