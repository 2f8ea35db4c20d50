"""Pictures of pairs."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.data.pair_picture import CLASS_COLOURS, fullest_plane, outlines, pair_picture

CYAN, ROSE = (tuple(bytes.fromhex(colour[1:])) for colour in CLASS_COLOURS[:2])


@pytest.fixture
def labels():
    found = np.zeros((40, 60), np.uint8)
    found[10:20, 10:20] = 1
    found[10:20, 40:50] = 2
    return found


def test_the_outline_is_the_rim_inside_each_class(labels):
    lines = outlines(labels)
    expected = labels.copy()
    expected[11:19, 11:19] = expected[11:19, 41:49] = 0
    np.testing.assert_array_equal(lines, expected)


def test_outlines_have_the_colour_of_their_class_over_a_grey_image(labels):
    picture = pair_picture(np.arange(2400).reshape(40, 60), labels)
    assert picture.shape == (40, 60, 3)
    assert picture.dtype == np.uint8
    assert tuple(picture[10, 10]) == CYAN
    assert tuple(picture[10, 40]) == ROSE
    inside = picture[12:18, 12:18]
    assert (inside == inside[..., :1]).all()
    assert picture[0, 0, 0] == 0
    assert picture[-1, -1, 0] == 255


def test_what_is_ignored_is_dark_and_has_no_outline_of_its_own(labels):
    labels[:, 30:] = IGNORE
    picture = pair_picture(np.tile(np.arange(40.0)[:, None], (1, 60)), labels)
    assert (picture[25, 30:] < 0.4 * picture[25, :30]).all()
    assert set(np.unique(outlines(labels))) == {0, 1}


@pytest.mark.parametrize(("channels", "shown"), [(1, [0, 0, 0]), (2, [1, 0, 1]), (5, [0, 1, 2])])
def test_channels_become_colours(channels, shown):
    image = np.zeros((40, 60, channels))
    for channel in range(channels):
        image[channel * 5 : channel * 5 + 5, :, channel] = 1
    picture = pair_picture(image, np.zeros((40, 60), np.uint8))
    for colour, channel in enumerate(shown):
        np.testing.assert_array_equal(picture[..., colour] == 255, image[..., channel] == 1)


def test_the_colours_of_a_colour_picture_stay(labels):
    image = np.full((40, 60, 3), (200, 150, 180), np.uint8)
    image[:5], image[5:10] = 20, 240
    assert np.diff(pair_picture(image, labels)[30, 30].astype(int)).tolist() == pytest.approx(
        [-58, 35], abs=2
    )


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_image_has_a_picture(value, labels):
    assert pair_picture(np.full((40, 60), value), labels).shape == (40, 60, 3)


def test_a_large_image_is_made_small():
    assert pair_picture(np.ones((1000, 401)), np.ones((1000, 401), int), longest=300).shape == (250, 101, 3)


def test_of_a_stack_the_plane_with_most_foreground_is_found():
    stack = np.zeros((2, 3, 8, 8), np.uint8)
    stack[0, 1] = IGNORE
    stack[1, 2, :4] = 1
    assert fullest_plane(stack) == (1, 2)
    assert fullest_plane(stack[0, 0]) == ()
