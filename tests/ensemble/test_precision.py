import json
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_deepflash2.config import PredictionConfig
from napari_deepflash2.data.normalisation import Normalisation
from napari_deepflash2.ensemble import load_ensemble
from napari_deepflash2.ensemble.automatic import precision_of_prediction
from napari_deepflash2.ensemble.manifest import BFloat16Record, MemberRecord
from napari_deepflash2.ensemble.precision import compare_bfloat16
from napari_deepflash2.prediction import Predictor

CPU = torch.device("cpu")
SAFE = BFloat16Record(agreement=0.999, dice_lost=-0.001)


class _Threshold(torch.nn.Module):
    """Foreground above `level`, in however many bits it is computed."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = torch.nn.Parameter(torch.tensor(level), requires_grad=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros_like(images), images - self.level], 1)


def _compared(level: float, image: np.ndarray) -> BFloat16Record:
    predictor = Predictor("threshold", _Threshold(level), Normalisation("training", (0.0,), (1.0,)))
    labels = (image[..., 0] > level).astype(np.uint8)
    return compare_bfloat16(predictor, [image], [labels], 2, PredictionConfig(), CPU)


def test_a_member_that_bfloat16_does_nothing_to_is_safe() -> None:
    image = np.repeat(np.eye(64, dtype=np.float32)[..., None], 1, -1)
    found = _compared(0.5, image)
    assert found == BFloat16Record(agreement=1, dice_lost=0)
    assert found.is_safe


def test_a_member_that_tells_apart_what_bfloat16_cannot_is_not_safe() -> None:
    # Between 1 and 1.01 there are two numbers of bfloat16.
    image = np.linspace(1, 1.01, 64 * 64, dtype=np.float32).reshape(64, 64, 1)
    found = _compared(1.005, image)
    assert found.agreement < 0.9
    assert found.dice_lost > 0.05
    assert not found.is_safe


@pytest.fixture
def member(trained: Path) -> MemberRecord:
    return load_ensemble(trained).members[0]


@pytest.mark.parametrize(
    ("asked", "records", "device", "expected"),
    [
        ("auto", [SAFE, SAFE], "bfloat16", "bfloat16"),
        ("auto", [SAFE, SAFE], "float32", "float32"),
        ("auto", [SAFE, None], "bfloat16", "float32"),
        ("auto", [SAFE, BFloat16Record(agreement=0.994, dice_lost=0)], "bfloat16", "float32"),
        ("auto", [SAFE, BFloat16Record(agreement=1, dice_lost=0.0021)], "bfloat16", "float32"),
        ("bfloat16", [None, None], "float32", "bfloat16"),
        ("float32", [SAFE, SAFE], "bfloat16", "float32"),
    ],
)
def test_bfloat16_is_used_by_itself_only_where_it_is_there_and_measured_to_be_safe(
    member: MemberRecord,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    records: list[BFloat16Record | None],
    device: str,
    expected: str,
) -> None:
    monkeypatch.setattr("napari_deepflash2.ensemble.automatic.best_precision", lambda _: device)
    members = [member.model_copy(update={"bfloat16": record}) for record in records]
    assert precision_of_prediction(PredictionConfig(precision=asked), members, CPU) == expected


def test_training_measures_it_where_the_device_has_it(trained: Path) -> None:
    from napari_deepflash2.ensemble.device import best_precision

    measured = best_precision(CPU) == "bfloat16"
    members = json.loads((trained / "ensemble.json").read_text())["members"]
    assert [member["bfloat16"] is not None for member in members] == [measured] * 2
    assert measured is False or all(0.9 < member["bfloat16"]["agreement"] <= 1 for member in members)


def test_the_precision_that_is_asked_for_is_the_one_that_is_used(trained: Path) -> None:
    ensemble = load_ensemble(trained)
    image = np.random.default_rng(0).normal(100, 20, (48, 48)).astype(np.float32)
    full, fewer, again = (
        ensemble.predict(image, PredictionConfig(precision=precision)).probabilities
        for precision in ("float32", "bfloat16", "float32")
    )
    assert 0 < np.abs(full - fewer).max() < 0.05
    np.testing.assert_array_equal(full, again)
