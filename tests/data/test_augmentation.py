import numpy as np
import pytest
import torch
from pydantic import ValidationError

from napari_deepflash2.config import AugmentationConfig
from napari_deepflash2.data.augmentation import augment, patch_size_for

NOTHING = AugmentationConfig(flip=False, rotation=0, zoom=0, gamma=(1, 1), brightness=0, contrast=0)


def _only(**settings: object) -> AugmentationConfig:
    return NOTHING.model_copy(update=settings)


def _batch(size: int, n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    labels = ((y // 9 + x // 9) % 3).to(torch.uint8)
    maps = labels.expand(n, 1, size, size).clone()
    return maps.float(), maps


def _augment(config: AugmentationConfig, size: int = 64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = _batch(patch_size_for(size, config))
    return augment(images, labels, size, config, np.random.default_rng(seed))


def test_nothing_to_vary_leaves_the_tiles_as_they_are() -> None:
    images, labels = _augment(NOTHING)
    expected_images, expected_labels = _batch(64)
    assert torch.allclose(images, expected_images, atol=1e-5)
    assert torch.equal(labels, expected_labels)


def test_flips_permute_pixels_and_all_four_occur() -> None:
    images, labels = _batch(64)
    flipped, flipped_labels = augment(images, labels, 64, _only(flip=True), np.random.default_rng(1))
    views = [(), (1,), (2,), (1, 2)]
    found = [
        next(i for i, dims in enumerate(views) if torch.equal(one, labels[0].flip(dims)))
        for one in flipped_labels
    ]
    assert set(found) == {0, 1, 2, 3}
    for image, view in zip(flipped, found, strict=True):
        assert torch.allclose(image, images[0].flip(views[view]), atol=1e-5)


@pytest.mark.parametrize(
    "config", [AugmentationConfig(), _only(rotation=360), _only(zoom=0.5), _only(grid_distortion=0.3)]
)
def test_image_and_mask_move_together_and_no_class_appears(config: AugmentationConfig) -> None:
    config = config.model_copy(update={"gamma": (1, 1), "brightness": 0, "contrast": 0})
    images, labels = _augment(config, size=128)
    assert images.shape == (8, 1, 128, 128)
    assert labels.shape == (8, 1, 128, 128)
    assert labels.dtype == torch.uint8
    assert set(labels.unique().tolist()) <= {0, 1, 2}
    # The image shows its own classes, so that away from edges both have to agree.
    agree = (images - labels).abs() < 0.5
    assert agree.float().mean() > 0.95


@pytest.mark.parametrize("config", [_only(rotation=360, zoom=0.2), _only(grid_distortion=0.3, rotation=30)])
def test_the_patch_is_large_enough_for_every_turn_and_bend(config: AugmentationConfig) -> None:
    size = patch_size_for(64, config)
    images = torch.zeros(64, 1, size, size)
    images[:, :, 1:-1, 1:-1] = 1
    tiles, _ = augment(
        images, torch.zeros(64, 1, size, size, dtype=torch.uint8), 64, config, np.random.default_rng(2)
    )
    assert (tiles > 0.5).all()


def test_distortion_is_smooth_without_folds_and_meets_every_other_tile() -> None:
    config = _only(grid_distortion=0.3)
    size = patch_size_for(128, config)
    maps = torch.zeros(1, 1, size, size, dtype=torch.uint8).expand(64, 1, size, size)
    # Each pixel shows where it is, so that a tile shows where its pixels come from.
    places = torch.stack(torch.meshgrid(*[torch.arange(size).float()] * 2, indexing="ij"))
    tiles, _ = augment(places.expand(64, 2, size, size), maps, 128, config, np.random.default_rng(8))
    along_y, along_x = torch.gradient(tiles, dim=(2, 3))
    bent = (along_y[:, 0] - 1).abs().amax((1, 2)) > 0.05
    assert 20 < bent.sum() < 44
    assert torch.allclose(along_y[~bent, 0], torch.ones(()), atol=1e-3)
    assert (along_y[:, 0] * along_x[:, 1] - along_y[:, 1] * along_x[:, 0]).min() > 0.1
    assert torch.gradient(along_y, dim=2)[0].abs().max() < 0.1


def test_every_map_moves_alike_in_its_own_type() -> None:
    config = _only(rotation=360, flip=True)
    images, labels = _batch(patch_size_for(64, config), n=3)
    maps = torch.cat([labels.float() / 2, 1 - labels.float() / 2], dim=1)
    _, moved = augment(images, maps, 64, config, np.random.default_rng(9))
    _, classes = augment(images, labels, 64, config, np.random.default_rng(9))
    assert moved.dtype == torch.float32
    assert torch.equal(moved[:, :1], classes.float() / 2)
    assert torch.equal(moved.sum(1), torch.ones(3, 64, 64))


def test_gamma_does_not_depend_on_the_scale_of_the_values() -> None:
    images, labels = _batch(64)
    images = images + torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    config = _only(gamma=(0.5, 2))
    one, _ = augment(images, labels, 64, config, np.random.default_rng(3))
    other, _ = augment(images * 50 - 700, labels, 64, config, np.random.default_rng(3))
    assert torch.allclose(one * 50 - 700, other, atol=0.01)
    assert torch.allclose(one.amin((2, 3)), images.amin((2, 3)), atol=1e-5)
    assert torch.allclose(one.amax((2, 3)), images.amax((2, 3)), atol=1e-5)
    assert not torch.allclose(one, images, atol=0.05)


def test_brightness_shifts_and_contrast_stretches() -> None:
    images, labels = _batch(64)
    shifted, _ = augment(images, labels, 64, _only(brightness=2.0), np.random.default_rng(4))
    assert torch.allclose((shifted - images).std((1, 2, 3)), torch.zeros(8), atol=1e-4)
    assert (shifted - images).abs().max() > 0.5
    stretched, _ = augment(images, labels, 64, _only(contrast=0.5), np.random.default_rng(5))
    assert torch.allclose(stretched.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1e-4)
    assert (stretched.std((1, 2, 3)) / images.std((1, 2, 3))).std() > 0.1


def test_equalisation_meets_every_other_tile_and_keeps_its_range() -> None:
    images, labels = _batch(64, n=32)
    images = images + torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) ** 3
    tiles, _ = augment(images, labels, 64, _only(clahe=8), np.random.default_rng(7))
    changed = (tiles - images).abs().amax((1, 2, 3)) > 0.05
    assert 8 < changed.sum() < 24
    assert torch.allclose(tiles[~changed], images[~changed], atol=1e-4)
    assert torch.allclose(tiles.amax((2, 3)), images.amax((2, 3)), atol=0.02)
    assert torch.allclose(tiles.amin((2, 3)), images.amin((2, 3)), atol=0.2)


def test_a_constant_tile_stays_finite() -> None:
    everything = AugmentationConfig(clahe=4, grid_distortion=0.2)
    size = patch_size_for(64, everything)
    tiles, _ = augment(
        torch.zeros(8, 3, size, size),
        torch.zeros(8, 1, size, size, dtype=torch.uint8),
        64,
        everything,
        np.random.default_rng(6),
    )
    assert tiles.isfinite().all()


def test_the_generator_decides() -> None:
    everything = AugmentationConfig(clahe=4, grid_distortion=0.2)
    one, again, other = (_augment(everything, seed=seed)[0] for seed in (7, 7, 8))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("gamma", [(1.2, 0.8), (0, 1), (1, 100)])
def test_gamma_has_to_be_a_range(gamma: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="gamma"):
        AugmentationConfig(gamma=gamma)
