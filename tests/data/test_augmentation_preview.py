import numpy as np

from napari_deepflash2.config import TrainingConfig
from napari_deepflash2.data.augmentation_preview import preview_tiles
from napari_deepflash2.data.ignored import IGNORE

STILL = {
    "flip": False,
    "rotation": 0,
    "zoom": 0,
    "gamma": (1, 1),
    "brightness": 0,
    "contrast": 0,
}


def _pair() -> tuple[np.ndarray, np.ndarray]:
    """An image that shows its own classes, far from 0 and 1, and an unjudged corner."""
    labels = np.zeros((150, 200), np.uint8)
    labels[40:80, 50:120] = 1
    labels[100:, 150:] = IGNORE
    image = np.stack([500 + 200.0 * (labels == 1), 7.0 + 0 * labels], axis=-1).astype(np.float32)
    return image, labels


def test_nine_tiles_show_the_pair_in_the_units_of_the_image() -> None:
    tiles, labels = preview_tiles(*_pair(), TrainingConfig(tile_size=64, augmentation=STILL))
    assert tiles.shape == (9, 64, 64, 2)
    assert tiles.dtype == np.float32
    assert labels.shape == (9, 64, 64)
    assert labels.dtype == np.uint8
    assert np.abs(tiles[..., 0] - 500 - 200 * (labels == 1)).max() < 0.1
    assert np.abs(tiles[..., 1] - 7).max() < 1e-3
    assert {0, 1} <= set(np.unique(labels)) <= {0, 1, IGNORE}


def test_tiles_are_varied_as_the_settings_say() -> None:
    still = preview_tiles(*_pair(), TrainingConfig(tile_size=64, augmentation=STILL))
    brighter = preview_tiles(*_pair(), TrainingConfig(tile_size=64, augmentation={**STILL, "brightness": 1}))
    shift = (brighter[0] - still[0])[..., 0]
    assert np.array_equal(brighter[1], still[1])
    assert np.ptp(shift, axis=(1, 2)).max() < 0.5
    # One standard deviation of this image is about 60.
    assert 30 < np.abs(shift).max() < 65


def test_the_seed_and_the_number_decide_what_is_drawn() -> None:
    config = TrainingConfig(tile_size=64)
    one, again = (preview_tiles(*_pair(), config, n=2, random_state=3)[0] for _ in range(2))
    other, _ = preview_tiles(*_pair(), config, n=2, random_state=4)
    assert one.shape[0] == 2
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
