"""Sins 3 to 8 over all docks: what a dock does to the layers and the sliders of its user."""

import dask
import numpy as np
import pytest
from dask.threaded import get

from napari_deepflash2.viewer.placing import role_of

# Roles of results that have the shape of the image and lie where it lies.
LAID_OVER = {
    "agreement",
    "disagreement",
    "consensus",
    "adjudicated",
    "comparison of two",
    "prediction",
    "uncertainty",
}


def _places(layers):
    return {
        layer.name: (np.round(layer.extent.world, 6).tolist(), layer.units, layer.axis_labels)
        for layer in layers
    }


def _own(viewer):
    return [layer for layer in viewer.layers if role_of(layer) is None]


def test_sin_3_a_second_run_adds_no_layer(annotated, start_work, dock_name):
    work = start_work(annotated, dock_name)
    work.press()
    before = sorted(layer.name for layer in annotated.layers)
    work.make_again()
    work.press()
    assert sorted(layer.name for layer in annotated.layers) == before


def test_sin_4_a_layer_of_the_user_is_left_as_it_is_whatever_its_name(annotated, start_work, dock_name):
    work = start_work(annotated, dock_name)
    work.press()
    names = [layer.name for layer in annotated.layers if role_of(layer)]
    work.make_again()
    while ours := [layer for layer in annotated.layers if role_of(layer)]:
        annotated.layers.remove(ours[0])
    # The user's own layers take the names that the results had.
    theirs = [annotated.add_image(np.full((64, 64), 7.0), name=name, visible=False) for name in names]
    before = {layer.name: np.array(layer.data) for layer in _own(annotated)}
    if dock_name == "Train ensemble":
        work.dock.training.preview.tick.setChecked(True)
    work.press()
    assert [layer.name for layer in theirs] == names
    for layer in _own(annotated):
        np.testing.assert_array_equal(layer.data, before[layer.name], err_msg=layer.name)


@pytest.mark.parametrize("kind", ["plane", "stack"])
def test_sins_5_and_7_places_units_labels_and_sliders_stay(viewer, start_work, fill, dock_name, kind):
    image = fill(viewer, kind)
    work = start_work(viewer, dock_name)
    if kind == "stack":
        viewer.dims.set_point(0, 3.0)
    before, step, ndim = _places(viewer.layers), viewer.dims.current_step, viewer.dims.ndim
    work.press()
    assert (viewer.dims.ndim, len(viewer.dims.current_step)) == (ndim, len(step))
    if dock_name != "Adjudicate":
        # That one goes to the first region that is disputed, as it is asked to.
        assert viewer.dims.current_step == step
    assert {name: place for name, place in _places(viewer.layers).items() if name in before} == before
    for layer in viewer.layers:
        if role_of(layer) in LAID_OVER:
            np.testing.assert_allclose(layer.extent.world, image.extent.world)
            assert (layer.units, layer.axis_labels) == (image.units, image.axis_labels)


def test_sin_6_of_a_multiscale_image_the_full_resolution_is_used(viewer, start_work, fill, dock_name):
    fill(viewer, "multiscale")
    work = start_work(viewer, dock_name)
    work.press()
    for layer in viewer.layers:
        if role_of(layer) in LAID_OVER:
            assert layer.data.shape == (64, 64), layer.name


def test_sin_6_a_lazy_image_is_never_computed_whole(viewer, start_work, fill, dock_name):
    image = fill(viewer, "lazy")
    loaded, at_once = [], []

    def load(block):
        loaded.append(1)
        return block

    def counting(graph, keys, **options):
        before = len(loaded)
        result = get(graph, keys, **options)
        at_once.append(len(loaded) - before)
        return result

    with dask.config.set(scheduler=counting):
        image.data = image.data.map_blocks(load, meta=np.empty((0, 0, 0), np.float32))
        work = start_work(viewer, dock_name)
        at_once.clear()
        work.press()
        assert max(at_once, default=0) <= 1
        assert at_once or dock_name not in ("Train ensemble", "Predict")
        np.asarray(image.data)
    # The count would have told.
    assert at_once[-1] == 6


def test_sin_8_rgb_is_colours_and_no_axis(viewer, start_work, fill, colour_ensemble_folder, dock_name):
    fill(viewer, "rgb")
    work = start_work(viewer, dock_name, colour_ensemble_folder)
    work.press()
    assert viewer.dims.ndim == 2
    for layer in viewer.layers:
        if role_of(layer) in ("consensus", "prediction", "adjudicated"):
            assert layer.data.shape == (64, 64)
