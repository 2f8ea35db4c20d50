import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.data.sampling import TileSampler, cut


def _mask(
    shape: tuple[int, int] = (200, 300), at: tuple[int, int] | None = None, value: int = 1
) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    if at:
        mask[at] = value
    return mask


def _draw(masks: list[np.ndarray], n: int, classes: int = 2, tile_size: int = 64, seed: int = 0) -> list:
    return TileSampler(masks, classes, tile_size).draw(np.random.default_rng(seed), n)


def test_half_of_the_tiles_show_a_class_of_a_single_pixel() -> None:
    tiles = _draw([_mask(), _mask(at=(120, 40))], 400)
    shown = [t for t in tiles if t.image == 1 and abs(t.y - 120) <= 32 and abs(t.x - 40) <= 32]
    assert 160 < len(shown) < 260


def test_a_rare_class_is_drawn_as_often_as_a_common_one() -> None:
    mask = _mask()
    mask[:, :150] = 1
    mask[100, 250] = 2
    tiles = _draw([mask], 600, classes=3)
    assert 150 < sum(abs(t.y - 100) <= 16 and abs(t.x - 250) <= 16 for t in tiles) < 270


def test_empty_masks_are_drawn_from_evenly() -> None:
    tiles = _draw([_mask(), _mask()], 400)
    assert 150 < sum(t.image for t in tiles) < 250
    assert np.std([t.y for t in tiles]) > 30
    assert np.std([t.x for t in tiles]) > 50


def test_the_background_is_drawn_from_judged_pixels() -> None:
    mask = np.full((200, 300), IGNORE, np.uint8)
    mask[90:110, 100:200] = 0
    for tile in _draw([np.full_like(mask, IGNORE), mask], 100):
        assert tile.image == 1
        assert mask[tile.y, tile.x] == 0


def test_ignored_pixels_are_no_class() -> None:
    mask = np.zeros((200, 300), np.uint8)
    mask[50, 60] = IGNORE
    assert np.std([tile.x for tile in _draw([mask], 400, classes=255)]) > 50


def test_tiles_stay_inside_images_that_are_large_enough() -> None:
    for tile in _draw([_mask(at=(0, 0))], 200):
        assert 32 <= tile.y <= 200 - 32
        assert 32 <= tile.x <= 300 - 32


def test_an_image_smaller_than_a_tile_is_drawn_around_its_middle() -> None:
    assert {(t.y, t.x) for t in _draw([_mask((1, 9), at=(0, 3))], 20)} == {(0, 4)}


def test_the_generator_decides() -> None:
    masks = [_mask(at=(50, 60)), _mask()]
    assert _draw(masks, 50, seed=3) == _draw(masks, 50, seed=3) != _draw(masks, 50, seed=4)


@settings(deadline=None)
@given(
    st.integers(-300, 300), st.integers(-300, 300), st.integers(1, 60), st.integers(1, 60), st.integers(1, 90)
)
def test_windows_are_mirrored_as_numpy_mirrors(y: int, x: int, height: int, width: int, side: int) -> None:
    image = np.arange(height * width).reshape(height, width)
    padded = np.pad(image, 400, mode="reflect")[400 + y :, 400 + x :]
    assert np.array_equal(cut(image, y, x, (side, side)), padded[:side, :side])


def test_a_window_inside_is_the_image_itself() -> None:
    image = np.arange(2 * 30 * 40).reshape(2, 30, 40)
    assert np.array_equal(cut(image, 3, 5, (10, 20)), image[:, 3:13, 5:25])


def test_a_window_is_a_copy() -> None:
    image = np.zeros((30, 40))
    cut(image, 0, 0, (30, 40))[:] = 1
    assert not image.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1)])
def test_a_window_larger_than_the_image_is_filled(shape: tuple[int, int]) -> None:
    window = cut(np.full(shape, 7), -20, -20, (64, 64))
    assert window.shape == (64, 64)
    assert (window == 7).all()
