import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction.canvas import Region
from napari_deepflash2.viewer.reading import snapshot_image
from napari_deepflash2.viewer.regions import find_target


@pytest.fixture
def viewer():
    return ViewerModel()


def _look_at(viewer, y, x, height, width):
    """Show a rectangle of the world, and no more."""
    viewer.scene.camera.center = (y, x)
    viewer.canvas.size = (400, 400 * width / height)
    viewer.scene.camera.zoom = 400 / height


def _target(viewer, kind, layer, shapes=None, **taken):
    return find_target(viewer, kind, layer, snapshot_image(layer, **taken), shapes)


def test_all_planes_begin_with_the_one_that_is_looked_at(viewer):
    layer = viewer.add_image(np.zeros((4, 20, 30)), scale=(2, 1, 1))
    viewer.dims.set_point(0, 4)
    target = _target(viewer, "all planes", layer)
    assert target.indices[0] == (2,)
    assert sorted(target.indices) == [(0,), (1,), (2,), (3,)]
    assert target.region == Region(0, 20, 0, 30)


def test_the_current_slice_is_where_the_sliders_stand(viewer):
    layer = viewer.add_image(np.zeros((5, 4, 20, 30)), scale=(1, 3, 1, 1), translate=(0, 6, 0, 0))
    viewer.dims.set_point((0, 1), (3, 12))
    assert _target(viewer, "current slice", layer).indices == ((3, 2),)
    # An axis of channels has a slider too, and is no place.
    assert _target(viewer, "current slice", layer, channel_axis=0).indices == ((2,),)


def test_a_slider_beside_the_layer_is_said(viewer):
    viewer.add_image(np.zeros((9, 20, 30)))
    layer = viewer.add_image(np.zeros((2, 20, 30)), name="short")
    viewer.dims.set_point(0, 7)
    with pytest.raises(InputError, match=r'"short".*no slice where the sliders stand'):
        _target(viewer, "current slice", layer)
    assert len(_target(viewer, "all planes", layer).indices) == 2


def test_what_is_visible_is_what_the_camera_shows(viewer):
    layer = viewer.add_image(np.zeros((3, 100, 200)), scale=(1, 0.5, 0.5), translate=(0, 10, 20))
    _look_at(viewer, y=30, x=60, height=10, width=20)
    target = _target(viewer, "visible region", layer)
    # From 25 to 35 and from 50 to 70 in the world: pixels lie around whole numbers.
    assert target.region == Region(30, 51, 60, 101)
    assert target.indices == ((1,),)
    assert target.centre == pytest.approx((40.5, 80.5))


def test_what_is_visible_of_a_turned_layer_is_the_rectangle_around_it(viewer):
    layer = viewer.add_image(np.zeros((100, 100)), rotate=90)
    corner = layer.data_to_world((20, 70))
    _look_at(viewer, *corner, height=4, width=8)
    assert _target(viewer, "visible region", layer).region == Region(16, 25, 68, 73)


def test_a_coarser_level_has_its_own_pixels(viewer):
    full = np.zeros((128, 256))
    layer = viewer.add_image([full, full[::4, ::4]], multiscale=True)
    _look_at(viewer, y=63.5, x=127.5, height=64, width=64)
    assert _target(viewer, "visible region", layer).region == Region(32, 96, 96, 160)
    assert _target(viewer, "visible region", layer, level=1).region == Region(8, 24, 24, 40)


@pytest.mark.parametrize("reason", ["away", "hidden", "3d", "rolled"])
def test_what_is_not_in_view_is_refused_with_a_reason(viewer, reason):
    layer = viewer.add_image(np.zeros((6, 20, 30)), name="here")
    if reason == "away":
        _look_at(viewer, y=500, x=500, height=10, width=10)
    elif reason == "hidden":
        layer.visible = False
    elif reason == "3d":
        viewer.dims.ndisplay = 3
    else:
        viewer.dims.order = (2, 0, 1)
    with pytest.raises(InputError, match='"here"'):
        _target(viewer, "visible region", layer)


def test_the_selected_shape_counts_or_all_on_this_slice(viewer):
    layer = viewer.add_image(np.zeros((3, 100, 100)), scale=(1, 2, 2))
    squares = [
        np.array([[z, y, x], [z, y, x + 10], [z, y + 10, x + 10], [z, y + 10, x]])
        for z, y, x in ((1, 20, 30), (1, 60, 70), (2, 0, 0))
    ]
    shapes = viewer.add_shapes(squares)
    viewer.dims.set_point(0, 1)
    assert _target(viewer, "shape", layer, shapes).region == Region(10, 36, 15, 41)
    shapes.selected_data = {0}
    target = _target(viewer, "shape", layer, shapes)
    assert (target.region, target.indices) == (Region(10, 16, 15, 21), ((1,),))
    viewer.dims.set_point(0, 0)
    with pytest.raises(InputError, match="no shape on this slice"):
        _target(viewer, "shape", layer, shapes)


def test_a_plane_of_shapes_lies_over_every_slice(viewer):
    layer = viewer.add_image(np.zeros((3, 100, 100)))
    shapes = viewer.add_shapes([np.array([[5, 5], [5, 9], [9, 9], [9, 5]])])
    viewer.dims.set_point(0, 2)
    target = _target(viewer, "shape", layer, shapes)
    assert (target.region, target.indices) == (Region(5, 10, 5, 10), ((2,),))


def test_a_shape_beside_the_image_is_refused(viewer):
    layer = viewer.add_image(np.zeros((10, 10)))
    shapes = viewer.add_shapes([np.array([[50, 50], [50, 60], [60, 60], [60, 50]])])
    with pytest.raises(InputError, match="no part within the shape"):
        _target(viewer, "shape", layer, shapes)
