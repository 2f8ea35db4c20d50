"""What a preview is of, what it learns from, and what it need not find out twice."""

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2.config import PredictionConfig
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer.placing import Output, place
from napari_deepflash2.viewer.reading import snapshot_image
from napari_deepflash2.viewer.student_preview import (
    Aim,
    StudentMemory,
    as_given,
    find_view,
    images_to_learn_from,
)


@pytest.fixture
def viewer():
    return ViewerModel()


def _aim(layer, folder=Path(), channel_axis=None, channels=None):
    return Aim(layer, channel_axis, 0, folder, PredictionConfig(), channels)


def test_views_are_equal_until_the_camera_moves(viewer, tmp_path):
    layer = viewer.add_image(np.zeros((4000, 4000), np.uint8))
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 900, 900), 1
    first, image = find_view(viewer, _aim(layer, tmp_path))
    assert image.data is layer.data
    assert find_view(viewer, _aim(layer, tmp_path))[0] == first
    viewer.scene.camera.center = (0, 2000, 900)
    assert find_view(viewer, _aim(layer, tmp_path))[0] != first


def test_an_image_that_is_out_of_view_is_refused(viewer, tmp_path):
    layer = viewer.add_image(np.zeros((40, 40), np.uint8))
    viewer.scene.camera.center = (0, 9000, 9000)
    with pytest.raises(InputError, match="no part in view"):
        find_view(viewer, _aim(layer, tmp_path))


def test_the_users_images_with_the_right_channels_are_learned_from(viewer):
    viewer.add_image(np.zeros((3, 20, 30)), name="stack")
    viewer.add_image(np.zeros((20, 30, 3), np.uint8), rgb=True, name="colour")
    channels = viewer.add_image(np.zeros((2, 20, 30)), name="two channels")
    viewer.add_image(da.zeros((20, 30)), name="lazy", scale=(0.5, 0.5), units=("um", "um"))
    viewer.add_labels(np.zeros((20, 30), int))
    place(viewer, Output("image", "uncertainty", "ours", np.zeros((20, 30), np.float32)), ("x",), {})
    aim = _aim(channels, channel_axis=0)
    one = images_to_learn_from(viewer, aim, 1)
    assert [image.name for image in one] == ["stack", "lazy"]
    assert [image.name for image in images_to_learn_from(viewer, aim, 2)] == ["two channels"]
    assert [image.name for image in images_to_learn_from(viewer, None, 3)] == ["colour"]
    with pytest.raises(InputError, match=r"no Image layer has the channels of the ensemble \(5\)"):
        images_to_learn_from(viewer, None, 5)
    given = as_given(one)
    assert [image.name for image in given] == [
        *(f'layer "stack" at ({number},)' for number in range(3)),
        'layer "lazy"',
    ]
    assert len({image.source for image in given}) == 2
    assert given[-1].pixel_size == (0.5, 0.5)
    assert given[-1].read().shape == (20, 30)


def test_of_an_image_with_more_channels_those_that_are_chosen_are_learned_from(viewer):
    layer = viewer.add_image(np.arange(4.0)[:, None, None] * np.ones((4, 20, 30)), name="four channels")
    (taken,) = images_to_learn_from(viewer, _aim(layer, channel_axis=0, channels=(3, 1)), 2)
    (given,) = as_given([taken])
    np.testing.assert_array_equal(given.read()[0, 0], [3, 1])


def test_figures_are_those_of_the_channels_that_are_chosen(viewer):
    layer = viewer.add_image(np.arange(4.0)[:, None, None] * np.ones((4, 20, 30)))
    memory = StudentMemory()
    for channels, mean in {None: (0, 1, 2, 3), (3,): (3,), (2, 0): (2, 0)}.items():
        image = snapshot_image(layer, 0, is_copied=False, channels=channels)
        assert memory.figures_of(image, (), ignore_progress).mean == pytest.approx(mean)


def test_a_plane_is_measured_once_and_again_when_it_has_changed(viewer):
    layer = viewer.add_image(np.random.default_rng(0).random((30, 40)))
    memory, calls = StudentMemory(), []

    def count(progress):
        calls.append(progress)

    image = snapshot_image(layer, is_copied=False)
    found = memory.figures_of(image, (), count)
    assert found.mean == pytest.approx((layer.data.mean(),), rel=1e-5)
    n = len(calls)
    assert n
    memory.figures_of(image, (), count)
    assert len(calls) == n
    layer.data = layer.data + 1
    again = memory.figures_of(snapshot_image(layer, is_copied=False), (), ignore_progress)
    assert again.mean == pytest.approx((layer.data.mean(),), rel=1e-5)


def test_an_ensemble_without_a_preview_network_says_what_to_press(tiny_ensemble):
    with pytest.raises(InputError, match='Press "Make preview network"'):
        StudentMemory().student_in(tiny_ensemble)
