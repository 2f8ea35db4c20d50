import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2 import InputError
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer.compare_two import (
    compare_two,
    end_side_by_side,
    show_side_by_side,
    show_two,
    take_two,
)
from napari_deepflash2.viewer.placing import role_of

UM = {"scale": (0.5, 0.5), "translate": (3, 4), "units": ("um", "um"), "axis_labels": ("y", "x")}


@pytest.fixture
def viewer():
    """An image, and two layers of 24 and 20 pixels of which 16 are common."""
    viewer = ViewerModel()
    a, b = np.zeros((2, 20, 30), np.uint8)
    a[2:6, 2:8] = 1
    b[2:6, 4:9] = 1
    viewer.add_image(np.zeros((20, 30)), name="image", colormap="magma", contrast_limits=(0, 7), **UM)
    viewer.add_labels(a, name="A", **UM)
    viewer.add_labels(np.zeros((20, 30), int), name="other", visible=False, **UM)
    viewer.add_labels(b, name="B", **UM)
    return viewer


def _compared(viewer):
    return compare_two(*take_two(viewer.layers["A"], viewer.layers["B"]), ignore_progress)


def test_one_two_and_three_are_only_the_first_only_the_second_and_both(viewer):
    two = _compared(viewer)
    a, b = viewer.layers["A"].data, viewer.layers["B"].data
    np.testing.assert_array_equal(two.data, a + 2 * b)
    assert two.data.dtype == np.uint8
    assert two.areas == {1: 8, 2: 4, 3: 16}
    assert two.dice == pytest.approx(32 / 44)
    assert two.legend == {
        1: "only A: 8 pixels (28.6%)",
        2: "only B: 4 pixels (14.3%)",
        3: "both: 16 pixels (57.1%)",
    }
    assert two.notes == ()


def test_objects_numbered_differently_are_both_with_a_note(viewer):
    viewer.layers["A"].data = viewer.layers["A"].data * 200
    two = _compared(viewer)
    assert two.areas[3] == 16
    assert [note.code for note in two.notes] == ["labels-differ"]
    assert "16 pixels" in two.notes[0].found


def test_two_empty_layers_agree(viewer):
    for name in "AB":
        viewer.layers[name].data = np.zeros((20, 30), np.uint8)
    two = _compared(viewer)
    assert (two.dice, two.areas) == (1.0, {1: 0, 2: 0, 3: 0})
    assert two.legend[3] == "both: 0 pixels (0.0%)"


def test_the_layer_lies_where_the_two_lie_and_says_what_a_pixel_is(viewer):
    layer = show_two(viewer, _compared(viewer))
    np.testing.assert_allclose(layer.extent.world, viewer.layers["A"].extent.world)
    assert layer.units == viewer.layers["A"].units
    assert "only A" in str(layer.get_status((4, 5.5), world=True))
    colours = {value: tuple(layer.get_color(value)) for value in (1, 2, 3)}
    assert len(set(colours.values())) == 3
    assert layer.name == "A and B"


def test_comparing_again_updates_and_another_pair_gets_its_own_layer(viewer):
    layer = show_two(viewer, _compared(viewer))
    viewer.layers["A"].data = np.zeros((20, 30), np.uint8)
    assert show_two(viewer, _compared(viewer)) is layer
    assert not (layer.data == 1).any()
    pair = take_two(viewer.layers["A"], viewer.layers["other"])
    assert show_two(viewer, compare_two(*pair, ignore_progress)) is not layer


def test_one_layer_twice_and_other_grids_are_refused(viewer):
    with pytest.raises(InputError, match="chosen twice"):
        take_two(viewer.layers["A"], viewer.layers["A"])
    viewer.layers["B"].scale = (1, 1)
    with pytest.raises(InputError, match="differ in scale"):
        take_two(viewer.layers["A"], viewer.layers["B"])


def _cells(viewer):
    """Names of the visible layers in each cell of the grid."""
    cells = {}
    for place, indices in viewer.canvas.grid.iter_viewboxes(viewer.layers):
        cells[place] = [viewer.layers[index].name for index in indices]
    return cells


def test_side_by_side_each_layer_lies_over_the_image(viewer):
    show_side_by_side(viewer, viewer.layers["A"], viewer.layers["B"], viewer.layers["image"])
    assert viewer.canvas.grid.enabled
    assert _cells(viewer) == {(0, 0): ["image", "A"], (0, 1): ["image (right)", "B"]}
    right = viewer.layers["image (right)"]
    assert right.data is viewer.layers["image"].data
    assert (right.colormap.name, tuple(right.contrast_limits)) == ("magma", (0, 7))
    assert role_of(right)


def test_without_an_image_the_two_stand_alone(viewer):
    show_side_by_side(viewer, viewer.layers["B"], viewer.layers["A"], None)
    assert _cells(viewer) == {(0, 0): ["B"], (0, 1): ["A"]}


def test_ending_gives_order_and_visibility_back(viewer):
    viewer.layers["image"].visible = False
    before = [(layer.name, layer.visible) for layer in viewer.layers]
    end_side_by_side(viewer)
    for _ in range(2):
        show_side_by_side(viewer, viewer.layers["B"], viewer.layers["A"], viewer.layers["image"])
    viewer.add_labels(np.zeros((20, 30), int), name="new meanwhile")
    end_side_by_side(viewer)
    assert [(layer.name, layer.visible) for layer in viewer.layers] == [*before, ("new meanwhile", True)]
    assert not viewer.canvas.grid.enabled
    assert not any(layer.metadata for layer in viewer.layers)
