from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_deepflash2.config import Configuration
from napari_deepflash2.ensemble.member import Member
from napari_deepflash2.ensemble.training_set import TrainingSet
from napari_deepflash2.ensemble.weights import from_bytes, to_bytes
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import ignore_progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
CPU = torch.device("cpu")


def _member(make_blobs: Blobs, tiny: dict[str, Any], **training: object) -> Member:
    settings = Configuration.of({**tiny, "training": {**tiny["training"], **training}})
    data = TrainingSet.of(*make_blobs(3), settings.data)
    return Member(data, 1, (np.array([0, 1]), np.array([2])), settings, CPU)


def test_batch_statistics_are_re_estimated_before_they_are_used(
    make_blobs: Blobs, tiny: dict[str, Any]
) -> None:
    member = _member(make_blobs, tiny, architecture="flexible_unet", tile_size=64, batch_size=4)
    member.step()
    batch = member._tiles.batch(1, 2, 3).images

    def error_in_use() -> float:
        """How far predictions are from those with the statistics of the batch itself."""
        norms = [module for module in member.network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        with torch.no_grad():
            used = member.network.eval()(batch)
            for norm in norms:
                norm.train()
            trained = member.network(batch)
        return float((used - trained).pow(2).mean() / trained.var())

    state = {key: value.clone() for key, value in member.network.state_dict().items()}
    before = error_in_use()
    member.network.load_state_dict(state)
    member.validate(ignore_progress)
    after = error_in_use()
    assert after < 0.5 * before, (before, after)


def test_the_best_weights_are_kept_and_of_equals_the_later(make_blobs: Blobs, tiny: dict[str, Any]) -> None:
    member = _member(make_blobs, tiny)
    member.validate(ignore_progress)
    assert member.best is not None
    assert member.best.iteration == 0
    member.iteration = 5
    member.validate(ignore_progress)
    assert member.best.iteration == 5
    kept = member.best.weights["model.0.conv.unit0.conv.weight"].clone()
    member.best.validation = type(member.best.validation)(loss=0.0, dice=(1.0,))
    member.step()
    member.validate(ignore_progress)
    assert member.best.iteration == 5
    assert torch.equal(member.best.weights["model.0.conv.unit0.conv.weight"], kept)


def test_g15_a_checkpoint_of_another_version_is_refused(make_blobs: Blobs, tiny: dict[str, Any]) -> None:
    member = _member(make_blobs, tiny)
    with pytest.raises(InputError, match="another version"):
        member.restore({**member.state(), "layout": 0})


def test_a_fold_without_foreground_is_defined(make_blobs: Blobs, tiny: dict[str, Any]) -> None:
    images, masks = make_blobs(3)
    masks[2][:] = 0
    settings = Configuration.of(tiny)
    data = TrainingSet.of(images, masks, settings.data)
    member = Member(data, 1, (np.array([0, 1]), np.array([2])), settings, CPU)
    assert member.validate(ignore_progress).mean_dice in (0.0, 1.0)


def test_a_restored_member_goes_on_to_the_bit(make_blobs: Blobs, tiny: dict[str, Any]) -> None:
    one, other = (_member(make_blobs, tiny, iterations=6) for _ in range(2))
    for _ in range(3):
        one.step()
    one.validate(ignore_progress)
    other.restore(from_bytes(to_bytes(one.state()), Path("state")))
    assert [one.step() for _ in range(3)] == [other.step() for _ in range(3)]
    assert other.best is not None
    assert one.best is not None
    assert other.best.validation == one.best.validation
    for key, value in one.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[key])
