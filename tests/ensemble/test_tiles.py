import numpy as np
import torch

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble.tiles import Batch, TileSource

CONFIG = TrainingConfig(tile_size=32, batch_size=3)


def _batch(labels: np.ndarray, n_classes: int = 3, seed: int = 0) -> Batch:
    image = labels[None].astype(np.float32)
    return TileSource([image], [labels], n_classes, CONFIG, torch.device("cpu")).batch(seed)


def _labels() -> np.ndarray:
    labels = np.zeros((64, 64), np.uint8)
    labels[10:30, 10:30] = 1
    labels[40:60, 10:30] = 2
    return labels


def test_targets_are_one_for_one_class_of_each_judged_pixel() -> None:
    batch = _batch(_labels())
    assert batch.targets.shape == (3, 3, 32, 32)
    assert batch.targets.dtype == batch.weights.dtype == torch.float32
    assert (batch.targets.sum(1) == 1).all()
    assert (batch.weights == 1).all()


def test_ignored_pixels_have_neither_a_class_nor_a_weight() -> None:
    labels = _labels()
    labels[:, 32:] = IGNORE
    batch = _batch(labels)
    assert 0 < batch.weights.mean() < 1
    assert torch.equal(batch.targets.sum(1), batch.weights)


def test_the_seed_decides() -> None:
    one, again, other = (_batch(_labels(), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.images, again.images)
    assert torch.equal(one.targets, again.targets)
    assert not torch.equal(one.images, other.images)
