import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2.viewer.placing import TAG, Output, find, place, role_of

SPATIAL = {"scale": (0.5, 0.5), "translate": (3, 4), "units": ("um", "um"), "axis_labels": ("y", "x")}


@pytest.fixture
def viewer():
    return ViewerModel()


def _labels(value=1, name="consensus", shape=(20, 30)):
    return Output("labels", "consensus", name, np.full(shape, value))


def test_a_result_lies_where_its_source_lies(viewer):
    layer = place(viewer, _labels(), ["image-1"], SPATIAL)
    assert tuple(layer.scale) == SPATIAL["scale"]
    assert tuple(layer.translate) == SPATIAL["translate"]
    assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
    assert layer.axis_labels == ("y", "x")


def test_running_twice_updates_the_one_layer_and_keeps_how_it_is_shown(viewer):
    first = place(viewer, _labels(1), ["image-1"], SPATIAL)
    first.name, first.visible = "mine now", False
    second = place(viewer, _labels(2), ["image-1"], SPATIAL | {"scale": (1, 1)})
    assert second is first
    assert len(viewer.layers) == 1
    assert (first.data == 2).all()
    assert (first.name, first.visible) == ("mine now", False)
    assert tuple(first.scale) == (1, 1)


def test_a_layer_of_the_same_name_that_the_user_made_is_left_alone(viewer):
    raw = viewer.add_image(np.zeros((20, 30)), name="consensus")
    place(viewer, _labels(), ["image-1"], SPATIAL)
    place(viewer, _labels(), ["image-1"], SPATIAL)
    assert len(viewer.layers) == 2
    assert not raw.data.any()


def test_each_image_has_its_own_result(viewer):
    place(viewer, _labels(1), ["image-1"], SPATIAL)
    place(viewer, _labels(2), ["image-2"], SPATIAL)
    assert find(viewer, "consensus", "image-1").data[0, 0] == 1
    assert find(viewer, "consensus", "image-2").data[0, 0] == 2


def test_one_expert_fewer_is_still_the_same_subject(viewer):
    first = place(viewer, _labels(1), ["a", "b", "c"], SPATIAL)
    assert place(viewer, _labels(2), ["b", "c"], SPATIAL) is first


def test_labels_that_were_painted_on_belong_to_the_user(viewer):
    first = place(viewer, _labels(1), ["image-1"], SPATIAL)
    first.data[3, 4] = 9
    second = place(viewer, _labels(2), ["image-1"], SPATIAL)
    assert second is not first
    assert first.data[3, 4] == 9
    assert role_of(first) is None
    assert place(viewer, _labels(3), ["image-1"], SPATIAL) is second


def test_a_deleted_layer_comes_back_as_a_new_one(viewer):
    first = place(viewer, _labels(1), ["image-1"], SPATIAL)
    viewer.layers.remove(first)
    second = place(viewer, _labels(2), ["image-1"], SPATIAL)
    assert second in viewer.layers
    assert (first.data == 1).all()


def test_sliders_and_selection_stay_as_they_were(viewer):
    stack = viewer.add_image(np.zeros((9, 20, 30)))
    other = viewer.add_image(np.zeros((9, 20, 30)))
    viewer.dims.set_point(0, 4)
    viewer.layers.selection = {stack, other}
    step = viewer.dims.current_step
    place(viewer, Output("labels", "prediction", "p", np.zeros((9, 20, 30), int)), ["s"], {})
    assert viewer.dims.current_step == step
    assert set(viewer.layers.selection) == {stack, other}


def test_an_image_result_takes_its_appearance_when_it_is_made_only(viewer):
    output = Output("image", "uncertainty", "u", np.zeros((20, 30), np.float32), {"contrast_limits": (0, 1)})
    layer = place(viewer, output, ["s"], {})
    assert layer.contrast_limits == [0, 1]
    layer.contrast_limits = (0, 0.5)
    place(viewer, output, ["s"], {})
    assert layer.contrast_limits == [0, 0.5]
    assert layer.metadata[TAG]["role"] == "uncertainty"
