"""Which channels of an image are taken."""

import numpy as np
import pytest
import tifffile

from napari_deepflash2.config import DataConfig
from napari_deepflash2.data.channels import ChosenChannels, check_choice, parse_channels, with_channels
from napari_deepflash2.data.lazy_image import LazyImage, LazyPlane
from napari_deepflash2.data.set_reading import read_set_image
from napari_deepflash2.errors import InputError


@pytest.mark.parametrize(
    ("text", "channels"), [("", None), (" ", None), ("0", (0,)), ("1, 0", (1, 0)), ("3 1,2 ,0", (3, 1, 2, 0))]
)
def test_a_choice_is_read_as_it_is_typed(text, channels):
    assert parse_channels(text) == channels


@pytest.mark.parametrize("text", ["red", "-1", "1.5", "1;0", "²"])
def test_what_are_no_numbers_is_refused_as_it_was_typed(text):
    with pytest.raises(InputError, match=f'"{text}" are no numbers'):
        parse_channels(text)


def test_channels_that_are_not_there_or_twice_are_refused():
    check_choice("image", (1, 0), 2)
    with pytest.raises(InputError, match="image: has no channel 2, 5, only 2, counted from 0"):
        check_choice("image", (2, 1, 5), 2)
    with pytest.raises(InputError, match="chosen twice"):
        check_choice("image", (1, 1), 2)


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_only_the_chosen_channels_are_read_wherever_their_axis_is(axis):
    pixels = np.random.default_rng(0).random((5, 6, 7, 4))
    asked = []

    class Told:
        shape, dtype = np.moveaxis(pixels, -1, axis).shape, pixels.dtype

        def __getitem__(self, where):
            asked.append(where[axis])
            return np.moveaxis(pixels, -1, axis)[where]

    found = ChosenChannels(Told(), axis, (3, 1))
    assert found.shape == np.moveaxis(pixels[..., :2], -1, axis).shape
    where = [2, slice(1, 4), slice(0, 7)]
    where.insert(axis, slice(None))
    expected = np.moveaxis(pixels[..., [3, 1]], -1, axis)[tuple(where)]
    np.testing.assert_array_equal(found[tuple(where)], expected)
    assert asked == [slice(3, 4), slice(1, 2)]


def test_a_large_image_gives_planes_of_the_chosen_channels():
    pixels = np.random.default_rng(0).random((3, 8, 9)).astype(np.float32)
    image = LazyImage("image", pixels, "CYX", (1, 8, 9), (1.0,) * 3, ("",) * 3, (0.0,) * 3)
    chosen = with_channels(image, (2, 0))
    assert chosen.channels == 2
    read = LazyPlane(chosen).read(slice(0, 8), slice(2, 5))
    np.testing.assert_array_equal(read, np.moveaxis(pixels[[2, 0], :, 2:5], 0, -1))
    assert with_channels(image, None) is image


def _saved(folder, pixels):
    tifffile.imwrite(folder / "a.tif", pixels, photometric="rgb")
    return folder / "a.tif"


def test_the_channels_that_the_settings_name_are_read_of_a_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)
    path = _saved(tmp_path, pixels)
    two = read_set_image(path, DataConfig(channels=(2, 0)))
    np.testing.assert_array_equal(two.data, pixels[..., [2, 0]])
    one = read_set_image(path, DataConfig(channels=(1,)))
    np.testing.assert_array_equal(one.data, pixels[..., 1])
    assert (two.axes, one.axes) == ("YXC", "YX")
    with pytest.raises(InputError, match=r"a.tif: has no channel 3, only 3"):
        read_set_image(path, DataConfig(channels=(3,)))


def test_every_channel_of_grey_in_rgb_is_the_grey(tmp_path):
    grey = np.arange(72, dtype=np.uint8).reshape(8, 9)
    path = _saved(tmp_path, np.stack([grey] * 3, -1))
    one = read_set_image(path, DataConfig(channels=(2,)))
    np.testing.assert_array_equal(one.data, grey)
    assert read_set_image(path, DataConfig(channels=(2, 0))).data.shape == (8, 9, 2)
    assert not one.notes
