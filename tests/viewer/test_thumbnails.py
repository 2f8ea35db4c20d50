import numpy as np
import pytest

from napari_deepflash2.viewer.thumbnails import CYAN, SIDE, picture


@pytest.mark.parametrize("channels", [None, 1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int16])
def test_a_picture_is_small_and_outlined_whatever_the_image(channels, dtype):
    shape = (400, 300) if channels is None else (400, 300, channels)
    image = np.random.default_rng(0).integers(-100, 100, shape).astype(dtype)
    mask = np.zeros((400, 300), int)
    mask[100:200, 100:200] = 7
    found = picture(image, mask)
    assert found.shape == (134, 100, 3)
    assert max(found.shape) <= SIDE
    outline = (found == CYAN).all(-1)
    assert outline[33:67, 33:67].any()
    assert not outline[40:60, 40:60].any()


def test_a_constant_image_gives_a_picture_too():
    assert picture(np.full((8, 8), 3.5), np.zeros((8, 8), int)).max() == 0
