from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_deepflash2.ensemble import LearningRateCurve, find_learning_rate
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
Settings = dict[str, Any]


def test_the_rate_grows_evenly_and_the_suggestion_is_one_of_them(make_blobs: Blobs, tiny: Settings) -> None:
    seen: list[Progress] = []
    curve = find_learning_rate(*make_blobs(3), tiny, seen.append, steps=25)
    ratios = curve.rates[1:] / curve.rates[:-1]
    assert np.allclose(ratios, ratios[0])
    assert curve.rates[0] == pytest.approx(1e-5)
    assert len(curve.rates) == len(curve.losses) == len(curve.smoothed) == len(seen) <= 25
    assert curve.suggestion in curve.rates
    assert seen[-1].values["loss"] == curve.losses[-1]


def test_the_same_seed_gives_the_same_curve(make_blobs: Blobs, tiny: Settings) -> None:
    one, other = (find_learning_rate(*make_blobs(2), tiny, steps=12) for _ in range(2))
    assert np.array_equal(one.losses, other.losses)


def test_the_suggestion_lies_in_the_fall_not_at_its_foot_nor_beyond() -> None:
    rates = np.geomspace(1e-5, 1, 100)
    at = np.log10(rates)
    losses = 1 / (1 + np.exp(4 * (at + 3))) + np.exp(6 * (at + 0.7))
    curve = LearningRateCurve.of(rates, losses)
    assert 1e-4 < curve.suggestion < rates[losses.argmin()] / 2


def test_a_loss_that_explodes_ends_it_early(
    make_blobs: Blobs, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Member.step

    def explode(self: Member) -> float:
        if self.iteration == 15:
            torch.nn.init.constant_(next(self.network.parameters()), float("nan"))
        return step(self)

    monkeypatch.setattr(Member, "step", explode)
    assert len(find_learning_rate(*make_blobs(2), tiny, steps=40).rates) == 15


def test_a_loss_that_is_no_number_from_the_beginning_is_refused(
    make_blobs: Blobs, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "napari_deepflash2.ensemble.member.build_loss",
        lambda _: lambda logits, *_: logits.sum() * float("nan"),
    )
    with pytest.raises(InputError, match="no number after 0 steps"):
        find_learning_rate(*make_blobs(2), tiny)


def test_it_can_be_cancelled(make_blobs: Blobs, tiny: Settings) -> None:
    def stop(_: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        find_learning_rate(*make_blobs(2), tiny, stop)


def test_curve_and_figure_are_written(tmp_path: Path) -> None:
    curve = LearningRateCurve.of(np.geomspace(1e-5, 1, 12), np.linspace(1, 0.5, 12))
    curve.save(tmp_path / "new")
    rows = (tmp_path / "new" / "learning_rate.csv").read_text().split()
    assert rows[0] == "rate,loss,smoothed"
    assert len(rows) == 13
    assert (tmp_path / "new" / "learning_rate.png").read_bytes().startswith(b"\x89PNG")
