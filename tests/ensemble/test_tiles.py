import numpy as np
import torch

from napari_deepflash2.config import AugmentationConfig, TrainingConfig
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.data.votes import ExpertVotes
from napari_deepflash2.ensemble.targets import TargetMap
from napari_deepflash2.ensemble.tiles import Batch, TileSource

PLAIN = AugmentationConfig(flip=False, rotation=0, zoom=0, gamma=(1, 1), brightness=0, contrast=0)
CONFIG = TrainingConfig(tile_size=32, batch_size=3)


def _source(labels: np.ndarray, experts: ExpertVotes | None = None, **settings: object) -> TileSource:
    config = CONFIG.model_copy(update=settings)
    image, target = labels[None].astype(np.float32), TargetMap.of(labels, experts, 3, config)
    return TileSource([image], [labels], [target], config, torch.device("cpu"))


def _batch(labels: np.ndarray, seed: int = 0) -> Batch:
    return _source(labels).batch(seed)


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


def _experts(labels: np.ndarray) -> ExpertVotes:
    """One who agrees with the labels, one who finds class 2 in all that is not background."""
    votes = np.array([[0, 0], [1, 2], [2, 2]], np.uint8)
    shares = np.array([[1, 0, 0], [0, 0.5, 0.5], [0, 0, 1]], np.float32)
    return ExpertVotes(("a", "b"), labels, votes, shares, np.array([0, 0.5, 0], np.float32))


def test_soft_targets_move_with_the_image() -> None:
    labels = _labels()
    batch = _source(labels, _experts(labels), target="soft", augmentation=PLAIN).batch(0)
    shown = batch.images[:, 0].round().long()
    expected = torch.from_numpy(_experts(labels).probabilities)[shown].permute(0, 3, 1, 2)
    assert torch.equal(batch.targets, expected)
    assert (shown == 1).any()


def test_each_tile_shows_the_mask_of_one_expert() -> None:
    labels = _labels()
    source = _source(labels, _experts(labels), target="experts", augmentation=PLAIN)
    drawn = []
    for seed in range(20):
        batch = source.batch(seed)
        for image, targets in zip(batch.images[:, 0].round(), batch.targets, strict=True):
            given = set(targets.argmax(0)[image == 1].tolist())
            assert len(given) <= 1
            drawn += given
    assert 10 < drawn.count(1) < len(drawn) - 10


def test_which_expert_is_drawn_follows_from_the_seed() -> None:
    labels = _labels()
    source = _source(labels, _experts(labels), target="experts")
    batches = [source.batch(42, 1, 1, iteration) for iteration in range(8)]
    again = [source.batch(42, 1, 1, iteration) for iteration in reversed(range(8))]
    for one, other in zip(batches, reversed(again), strict=True):
        assert torch.equal(one.targets, other.targets)
    assert source.image_numbers(42, 1, 1, 0) == [0]


def test_tiles_are_drawn_from_the_consensus_whatever_is_learned() -> None:
    labels = _labels()
    plain = _source(labels, augmentation=PLAIN).batch(3)
    for target in ("soft", "experts"):
        other = _source(labels, _experts(labels), target=target, augmentation=PLAIN).batch(3)
        assert torch.equal(other.images, plain.images)
