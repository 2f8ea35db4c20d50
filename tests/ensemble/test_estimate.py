from typing import Any

import pytest

from napari_deepflash2.config import Configuration
from napari_deepflash2.ensemble import estimate_run
from napari_deepflash2.ensemble.estimate import RunEstimate, disk_need, duration
from napari_deepflash2.ensemble.networks import build_network
from napari_deepflash2.progress import Cancelled, Progress


def _estimate(**training: Any) -> RunEstimate:
    small = {"tile_size": 32, "batch_size": 4, "precision": "float32"}
    config = Configuration.of({"training": {**small, **training}})
    return estimate_run([(64, 80)] * 10, config)


def test_it_tells_models_epochs_and_the_time_that_grows_with_the_iterations() -> None:
    short, long = _estimate(iterations=100), _estimate(iterations=10_000)
    assert (short.models, short.iterations, short.epochs) == (5, 100, 50)
    assert 10 < long.seconds / short.seconds < 400
    assert short.text.startswith("5 models of 100 iterations (50 epochs): about ")


@pytest.mark.parametrize(
    ("n_images", "training", "models"),
    [(3, {}, 3), (10, {"models": 2}, 2), (1, {}, 2), (4, {"models": 9}, 4)],
)
def test_there_are_no_more_models_than_splits(n_images: int, training: dict[str, Any], models: int) -> None:
    config = Configuration.of({"training": {"tile_size": 32, "batch_size": 1, **training}})
    assert estimate_run([(32, 32)] * n_images, config).models == models


def test_models_that_are_done_take_no_time() -> None:
    config = Configuration.of({"training": {"tile_size": 32, "batch_size": 1}})
    assert estimate_run([(32, 32)] * 4, config, models=0).seconds == 0


def test_the_disk_holds_models_checkpoints_and_predictions() -> None:
    network = build_network("unet", 1, 2)
    weights = 4 * 838_996
    assert disk_need(network, [(1000, 1000)], 2, 5, 0) == pytest.approx(weights * 25 + 20e6, rel=0.01)


def test_soft_targets_are_estimated_without_the_experts() -> None:
    assert _estimate(iterations=10, target="experts", disagreement_weight=0.5).seconds > 0


def test_it_can_be_cancelled() -> None:
    def stop(_: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        estimate_run([(32, 32)], Configuration.of({"training": {"tile_size": 32}}), progress=stop)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 second"), (89, "89 seconds"), (90, "2 minutes"), (5399, "90 minutes"), (3600 * 30, "30 hours")],
)
def test_durations_are_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
