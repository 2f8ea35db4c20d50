import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2.errors import InputError
from napari_deepflash2.viewer.grids import grid_of, require_same_grid, spatial_kwargs

TURN = [[0.8, -0.6], [0.6, 0.8]]


@pytest.fixture
def viewer():
    return ViewerModel()


def _same_place(one, other):
    assert one.ndim == other.ndim
    np.testing.assert_allclose(one.extent.world, other.extent.world)
    np.testing.assert_allclose(one.data_to_world((3.0,) * one.ndim), other.data_to_world((3.0,) * one.ndim))
    assert one.units == other.units
    assert one.axis_labels == other.axis_labels


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"scale": (0.5, 0.25), "translate": (3, 4), "units": ("um", "um"), "axis_labels": ("y", "x")},
        {"rotate": TURN, "scale": (2, 3)},
        {"shear": [0.3], "translate": (1, 2)},
        {"affine": [[0, 1, 5], [-1, 0, 7], [0, 0, 1]], "units": ("nm", "nm")},
    ],
)
def test_an_array_laid_over_a_layer_covers_the_same_world(viewer, place):
    image = viewer.add_image(np.zeros((20, 30)), **place)
    result = viewer.add_labels(np.zeros((20, 30), int), **spatial_kwargs(image))
    _same_place(image, result)


def test_the_last_axes_of_a_stack_keep_their_place(viewer):
    stack = viewer.add_image(
        np.zeros((3, 20, 30)),
        scale=(2, 0.5, 0.25),
        translate=(9, 3, 4),
        shear=[0, 0, 0.3],
        units=("um", "nm", "nm"),
        axis_labels=("z", "y", "x"),
    )
    plane = viewer.add_labels(np.zeros((20, 30), int), **spatial_kwargs(stack, (1, 2)))
    np.testing.assert_allclose(plane.extent.world, stack.extent.world[:, 1:])
    np.testing.assert_allclose(plane.data_to_world((5, 7)), stack.data_to_world((0, 5, 7))[1:])
    assert plane.units == stack.units[1:]
    assert plane.axis_labels == ("y", "x")


def test_multiscale_and_rgb_layers_have_the_grid_of_full_resolution_without_colours(viewer):
    pyramid = viewer.add_image([np.zeros((64, 48)), np.zeros((32, 24))], multiscale=True, scale=(2, 2))
    colours = viewer.add_image(np.zeros((64, 48, 3)), rgb=True, scale=(2, 2))
    assert grid_of(pyramid).shape == grid_of(colours).shape == (64, 48)
    require_same_grid([grid_of(pyramid), grid_of(colours)])


def test_channels_are_no_part_of_a_grid(viewer):
    image = viewer.add_image(np.zeros((2, 20, 30)), scale=(1, 0.5, 0.5))
    mask = viewer.add_labels(np.zeros((20, 30), int), scale=(0.5, 0.5))
    require_same_grid([grid_of(image, 0), grid_of(mask)])
    with pytest.raises(InputError, match="2 × 20 × 30 and 20 × 30"):
        require_same_grid([grid_of(image), grid_of(mask)])


@pytest.mark.parametrize(
    ("place", "difference"),
    [
        ({"scale": (0.5, 0.5)}, r"scale: \(1, 1\) and \(0.5, 0.5\)"),
        ({"translate": (0, 1)}, "translate"),
        ({"rotate": TURN}, "rotate"),
        ({"units": ("um", "um")}, "units: .*pixel.* and .*micrometer"),
    ],
)
def test_layers_elsewhere_are_refused_by_both_names_and_what_differs(viewer, place, difference):
    viewer.add_image(np.zeros((20, 30)), name="raw")
    viewer.add_labels(np.zeros((20, 30), int), name="expert 1", **place)
    with pytest.raises(InputError, match=f'"raw" and "expert 1".*{difference}'):
        require_same_grid([grid_of(layer) for layer in viewer.layers])


def test_all_layers_that_differ_are_named_at_once(viewer):
    for number, shape in enumerate([(20, 30), (20, 31), (30, 20)]):
        viewer.add_labels(np.zeros(shape, int), name=f"mask {number}")
    with pytest.raises(InputError) as refusal:
        require_same_grid([grid_of(layer) for layer in viewer.layers])
    assert len(refusal.value.problems) == 2
