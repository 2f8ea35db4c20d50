import dask.array as da
import numpy as np
import pytest
from dask.callbacks import Callback
from napari.components import ViewerModel
from napari.layers import Image

from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction.canvas import Region
from napari_deepflash2.viewer import reading
from napari_deepflash2.viewer.frames import Frame, Maps
from napari_deepflash2.viewer.reading import snapshot_image, snapshot_labels


@pytest.fixture
def viewer():
    return ViewerModel()


def test_a_snapshot_does_not_see_later_painting(viewer):
    layer = viewer.add_labels(np.zeros((20, 30), int))
    taken = snapshot_labels(layer)
    layer.data[:] = 7
    assert taken.whole().max() == 0


def test_multiscale_is_read_at_full_resolution(viewer):
    layer = viewer.add_image([np.ones((64, 48)), np.zeros((32, 24))], multiscale=True)
    [(_, plane)] = snapshot_image(layer).planes()
    assert plane.shape == (64, 48)
    assert plane.all()


def test_a_lazy_stack_is_computed_plane_by_plane(viewer):
    chunks_computed = []

    class Count(Callback):
        def _start(self, dsk):
            chunks_computed.append(len(dsk))

    layer = viewer.add_image(da.random.random((50, 64, 48), chunks=(1, 64, 48)), contrast_limits=(0, 1))
    taken = snapshot_image(layer)
    with Count():
        planes = taken.planes()
        next(planes)
    assert len(chunks_computed) == 1
    assert chunks_computed[0] < 10


def test_rgb_follows_the_flag_of_the_layer(viewer):
    colours = viewer.add_image(np.zeros((40, 50, 3)), rgb=True)
    grey = viewer.add_image(np.zeros((16, 50, 3)), rgb=False)
    [(_, plane)] = snapshot_image(colours).planes()
    assert plane.shape == (40, 50, 3)
    assert len(list(snapshot_image(grey).planes())) == 16


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_channels_come_last_in_a_plane_wherever_they_were(viewer, axis):
    channels_last = np.random.default_rng(0).random((4, 20, 30, 2))
    layer = viewer.add_image(np.moveaxis(channels_last, -1, axis), rgb=False)
    planes = list(snapshot_image(layer, channel_axis=axis).planes())
    assert [index for index, _ in planes] == [(0,), (1,), (2,), (3,)]
    for (index,), plane in planes:
        np.testing.assert_array_equal(plane, channels_last[index])


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_planes_have_the_chosen_channels_in_the_chosen_order(viewer, axis):
    channels_last = np.random.default_rng(0).random((4, 20, 30, 3)).astype(np.float32)
    layer = viewer.add_image(np.moveaxis(channels_last, -1, axis), rgb=False)
    taken = snapshot_image(layer, channel_axis=axis, channels=(2, 0))
    assert taken.n_channels == 2
    for (index,), plane in taken.planes():
        np.testing.assert_array_equal(plane, channels_last[index][..., [2, 0]])
        part = taken.lazy_plane((index,)).read(slice(3, 9), slice(5, 30))
        np.testing.assert_array_equal(part, channels_last[index][3:9, 5:30, [2, 0]])


def test_a_channel_of_an_rgb_layer_and_of_its_overview_is_chosen(viewer, monkeypatch):
    monkeypatch.setattr(reading, "LARGE", 200)
    fine = np.random.default_rng(0).integers(0, 255, (3, 20, 30, 4), np.uint8)
    layer = viewer.add_image([fine, fine[:, ::2, ::3]], rgb=True, multiscale=True)
    taken = snapshot_image(layer, channels=(1,))
    np.testing.assert_array_equal(taken.plane((2,)), fine[2][..., [1]])
    coarse = taken.coarse_plane((2,))
    np.testing.assert_array_equal(
        coarse.read_values(slice(None), slice(None)), fine[2, ::2, ::3, 1, np.newaxis]
    )
    with pytest.raises(InputError, match="has no channel 4, only 4, counted from 0"):
        snapshot_image(layer, channels=(4,))


def test_other_channels_than_the_chosen_ones_are_not_computed():
    computed = set()

    def block(block_id):
        computed.add(block_id[0])
        return np.full((1, 16, 16), 7.0)

    data = da.map_blocks(block, chunks=((1,) * 4, (16, 16), (16,)), dtype=float, meta=np.empty((0, 0, 0)))
    layer = Image(data, contrast_limits=(0, 9))
    # What the layer itself has looked at.
    computed.clear()
    taken = snapshot_image(layer, channel_axis=0, channels=(2,))
    assert (taken.plane(()) == 7).all()
    assert (taken.lazy_plane(()).read(slice(0, 20), slice(0, 16)) == 7).all()
    assert computed == {2}


@pytest.mark.parametrize("axis", [0, 1])
def test_a_result_without_channels_lies_over_its_image_and_adds_no_slider(viewer, axis):
    shape = [4, 20, 30]
    shape.insert(axis, 2)
    image = viewer.add_image(np.zeros(shape), scale=(1, 2, 3, 4), units=("um",) * 4)
    maps = Maps(snapshot_image(image, axis), Frame((0, 0, 0), (4, 20, 30)), {})
    maps.add("labels", np.int32)
    for plane, values in enumerate(np.arange(4 * 20 * 30).reshape(4, 20, 30)):
        maps.write("labels", (plane,), Region(0, 20, 0, 30), values)
    labels = viewer.add_labels(maps.arrays["labels"], **maps.spatial)
    assert viewer.dims.ndim == 4
    kept = [0, 1, 2, 3] if axis else [1, 2, 3]
    np.testing.assert_allclose(labels.extent.world, image.extent.world[:, kept])
    world = image.data_to_world(np.insert([3, 5, 7], axis, 1))
    here = tuple(np.round(labels.world_to_data(world)).astype(int))
    assert labels.data[here] == 3 * 600 + 5 * 30 + 7


def test_what_is_no_image_plane_is_refused_by_name(viewer):
    layer = viewer.add_image(np.zeros((64, 64)), name="plane")
    with pytest.raises(InputError, match=r'"plane".*1 axes'):
        snapshot_image(layer, channel_axis=0)
    with pytest.raises(InputError, match=r'"plane".*no channel axis'):
        snapshot_image(layer, channel_axis=5)
