import html
import json
import threading

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QTimer

from napari_deepflash2.ensemble import load_ensemble
from napari_deepflash2.progress import Progress
from napari_deepflash2.viewer import predicting
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.session import session_of
from napari_deepflash2.widgets.predict import Predict

SECONDS = 120_000
UM = {"scale": (2, 0.5, 0.25), "units": ("um", "um", "um"), "axis_labels": ("z", "y", "x")}


@pytest.fixture
def dock(qtbot, viewer, ensemble_folder):
    session_of(viewer).use_ensemble(ensemble_folder)
    dock = Predict(viewer)
    qtbot.addWidget(dock)
    return dock


def _predict(qtbot, dock):
    assert dock.predict_button.isEnabled(), dock.predict_button.toolTip()
    dock.predict_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)


def _results(viewer):
    return {role_of(layer): layer for layer in viewer.layers if role_of(layer)}


def test_the_card_describes_the_ensemble(dock):
    text = dock.card.text()
    assert "2 of 2 models (unet)" in text
    assert "takes images of 1 channel\n" in text
    assert "gives the classes 0, 1\n" in text
    assert "trained on 2 images" in text


def test_a_stack_is_predicted_plane_by_plane_and_its_layers_lie_over_it(qtbot, dock, viewer, ensemble_folder):
    stack = np.random.default_rng(1).normal(100, 20, (3, 40, 48)).astype(np.float32)
    image = viewer.add_image(stack, name="stack", **UM)
    viewer.dims.set_point(0, 2)
    step = viewer.dims.current_step
    _predict(qtbot, dock)
    found = _results(viewer)
    ensemble = load_ensemble(ensemble_folder)
    for plane in range(3):
        expected = ensemble.predict(stack[plane])
        np.testing.assert_array_equal(found["prediction"].data[plane], expected.labels)
        np.testing.assert_allclose(found["uncertainty"].data[plane], expected.uncertainty, atol=1e-6)
    for layer in found.values():
        np.testing.assert_allclose(layer.extent.world, image.extent.world)
        assert layer.units == image.units
        assert layer.axis_labels == image.axis_labels
    assert found["uncertainty"].contrast_limits == [0, 1]
    assert viewer.dims.current_step == step
    assert "Expected Dice: not known" in dock.result_text.text()


def test_predicting_twice_leaves_as_many_layers(qtbot, dock, viewer):
    viewer.add_image(np.random.default_rng(1).normal(100, 20, (40, 48)))
    _predict(qtbot, dock)
    before = list(viewer.layers)
    _predict(qtbot, dock)
    assert list(viewer.layers) == before
    assert len(before) == 3


def test_multiscale_and_lazy_images_are_predicted_at_full_resolution(qtbot, dock, viewer):
    full = da.random.random((64, 48), chunks=(32, 48))
    viewer.add_image([full, full[::2, ::2]], multiscale=True, contrast_limits=(0, 1))
    _predict(qtbot, dock)
    assert _results(viewer)["prediction"].data.shape == (64, 48)


def test_a_deleted_image_still_gets_its_result(qtbot, dock, viewer):
    image = viewer.add_image(np.random.default_rng(1).normal(100, 20, (40, 48)), name="gone", scale=(2, 2))
    dock.predict_button.click()
    viewer.layers.remove(image)
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert tuple(_results(viewer)["prediction"].scale) == (2, 2)


def _three_channels(viewer, axis):
    pixels = np.random.default_rng(1).integers(0, 255, (40, 48, 3), np.uint8)
    image = viewer.add_image(np.moveaxis(pixels, -1, axis), rgb=axis == -1, name="three")
    return image, pixels


@pytest.mark.parametrize("axis", [-1, 0])
def test_one_of_three_channels_is_chosen_for_an_ensemble_of_one(qtbot, dock, viewer, ensemble_folder, axis):
    _, pixels = _three_channels(viewer, axis)
    dock.channels.value = None if axis else 0
    why = "The ensemble was trained on 1 channel, the image has 3: choose one under Take channels."
    assert not dock.predict_button.isEnabled()
    assert dock.predict_button.toolTip() == why
    dock.taken.value = "1"
    _predict(qtbot, dock)
    expected = load_ensemble(ensemble_folder).predict(pixels[..., 1])
    found = _results(viewer)
    np.testing.assert_array_equal(found["prediction"].data, expected.labels)
    np.testing.assert_allclose(found["uncertainty"].data, expected.uncertainty, atol=1e-6)
    # Another channel begins anew in the same layers.
    before = list(viewer.layers)
    dock.taken.value = "2"
    _predict(qtbot, dock)
    assert list(viewer.layers) == before
    other = load_ensemble(ensemble_folder).predict(pixels[..., 2])
    np.testing.assert_allclose(found["uncertainty"].data, other.uncertainty, atol=1e-6)
    assert "predicted before with other settings" in dock.message.text()


def test_a_choice_of_channels_that_cannot_be_is_a_reason(qtbot, dock, viewer):
    _three_channels(viewer, -1)
    for typed, why in {
        "3": "has no channel 3, only 3, counted from 0",
        "red": "are no numbers",
        "0, 1": "trained on 1 channel, 2 are chosen: choose one under Take channels",
        "1 1": "chosen twice",
    }.items():
        dock.taken.value = typed
        assert not dock.predict_button.isEnabled(), typed
        assert why in html.unescape(dock.predict_button.toolTip())
    # It is of no account for an image without channels.
    dock.image.value = viewer.add_image(np.zeros((40, 48)))
    assert dock.predict_button.isEnabled()


def test_channels_are_taken_in_the_order_that_is_chosen(qtbot, viewer, colour_ensemble_folder):
    session_of(viewer).use_ensemble(colour_ensemble_folder)
    dock = Predict(viewer)
    qtbot.addWidget(dock)
    _, pixels = _three_channels(viewer, 0)
    why = "trained on 3 channels, the image has 1: choose the axis that holds them"
    assert why in dock.predict_button.toolTip()
    dock.channels.value = 0
    dock.taken.value = "2, 0, 1"
    _predict(qtbot, dock)
    expected = load_ensemble(colour_ensemble_folder).predict(pixels[..., [2, 0, 1]])
    np.testing.assert_allclose(_results(viewer)["uncertainty"].data, expected.uncertainty, atol=1e-6)
    # A dock that is opened later shows it again.
    again = Predict(viewer)
    qtbot.addWidget(again)
    assert again.taken.value == "2, 0, 1"


def test_channels_are_chosen_not_guessed(dock, viewer):
    layer = viewer.add_image(np.zeros((2, 5, 40, 48)), axis_labels=("c", "z", "y", "x"))
    dock.image.value = layer
    assert dock.channels.value is None
    assert dock.channels.choices == (None, 0, 1)


def test_stop_ends_the_job_and_changes_no_layer(qtbot, dock, viewer, monkeypatch):
    viewer.add_image(np.zeros((40, 48)))
    begun = threading.Event()

    def endless(*arguments):
        progress = arguments[-1]
        while True:
            begun.set()
            progress(Progress("tiles", 1, 2))

    monkeypatch.setattr("napari_deepflash2.widgets.predict.predict_layer", endless)
    dock.predict_button.click()
    qtbot.waitUntil(begun.is_set, timeout=SECONDS)
    assert not dock.predict_button.isEnabled()
    dock.stop_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert len(viewer.layers) == 1
    assert dock.predict_button.isEnabled()
    assert not dock.stop_button.isEnabled()


def _grow_until(qtbot, dock, is_so):
    dock.predict_button.click()
    qtbot.waitUntil(is_so, timeout=SECONDS)


def _long(viewer, **spatial):
    return viewer.add_image(np.random.default_rng(1).normal(100, 20, (30, 96, 96)), name="long", **spatial)


def test_stop_keeps_what_is_done_and_says_what_is_not(qtbot, dock, viewer):
    _long(viewer)
    _grow_until(qtbot, dock, lambda: "uncertainty" in _results(viewer))
    dock.stop_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    known = np.isfinite(_results(viewer)["uncertainty"].data)
    assert 0 < known.mean() < 1
    assert "Stopped after" in dock.result_text.text()
    assert "not known" in dock.result_text.text()
    # Going on from there leaves as many layers.
    before = list(viewer.layers)
    dock.region.value = "current slice"
    _predict(qtbot, dock)
    assert list(viewer.layers) == before
    assert (np.isfinite(_results(viewer)["uncertainty"].data) >= known).all()


def test_a_result_that_is_removed_in_mid_run_is_left_out_with_a_word(qtbot, dock, viewer):
    _long(viewer)
    _grow_until(qtbot, dock, lambda: "uncertainty" in _results(viewer))
    viewer.layers.remove(_results(viewer)["uncertainty"])
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert '"long uncertainty (0 to 1)"' in dock.message.text()
    assert set(_results(viewer)) == {"prediction"}


def test_the_visible_region_is_predicted_and_the_card_says_so(qtbot, dock, viewer):
    viewer.add_image(np.random.default_rng(1).normal(100, 20, (200, 200)), name="wide")
    viewer.scene.camera.center = (100, 120)
    viewer.canvas.size = (400, 400)
    viewer.scene.camera.zoom = 10
    dock.region.value = "visible region"
    _predict(qtbot, dock)
    known = np.isfinite(_results(viewer)["uncertainty"].data)
    assert known[80:121, 100:141].all()
    assert known.sum() == 41 * 41
    assert "rows 80 to 120, columns 100 to 140 (4 %)" in dock.result_text.text()


def test_a_shape_is_asked_for_where_it_is_the_region(qtbot, dock, viewer):
    viewer.add_image(np.random.default_rng(1).normal(100, 20, (64, 64)), name="square")
    dock.region.value = "shape"
    assert "Draw a shape" in dock.predict_button.toolTip()
    shapes = viewer.add_shapes([np.array([[5, 5], [5, 30], [20, 30], [20, 5]])])
    dock.shapes.value = shapes
    _predict(qtbot, dock)
    known = np.isfinite(_results(viewer)["uncertainty"].data)
    assert known[5:21, 5:31].all()
    assert known.sum() == 16 * 26


def test_a_level_is_chosen_where_there_are_several(qtbot, dock, viewer):
    viewer.add_image(np.zeros((20, 20)), name="flat")
    assert not dock.level.visible
    full = np.random.default_rng(0).random((128, 96))
    layer = viewer.add_image([full, full[::2, ::2]], multiscale=True, name="levels")
    dock.image.value = layer
    assert dock.level.choices == (0, 1)
    dock.level.value = 1
    _predict(qtbot, dock)
    assert _results(viewer)["prediction"].data.shape == (64, 48)


def test_more_maps_are_layers_where_they_are_asked_for(qtbot, dock, viewer):
    viewer.add_image(np.random.default_rng(1).normal(100, 20, (40, 48)))
    dock.outputs.epistemic.value = True
    dock.outputs.probabilities.value = True
    _predict(qtbot, dock)
    found = _results(viewer)
    assert set(found) == {"prediction", "uncertainty", "epistemic", "probabilities"}
    assert (found["epistemic"].data <= found["uncertainty"].data + 1e-6).all()
    foreground = found["probabilities"].data > 0.5
    np.testing.assert_array_equal(foreground, found["prediction"].data == 1)


def test_an_ensemble_that_predicted_is_offered_again(qtbot, dock, viewer, ensemble_folder):
    viewer.add_image(np.random.default_rng(1).normal(100, 20, (40, 48)))
    assert dock.recent.choices == (None,)
    _predict(qtbot, dock)
    again = Predict(ViewerModel())
    qtbot.addWidget(again)
    assert ensemble_folder.resolve() in again.recent.choices
    again.recent.value = ensemble_folder.resolve()
    assert again.folder.value == ensemble_folder.resolve()
    assert "2 of 2 models" in again.card.text()


def test_a_bug_is_shown_and_the_buttons_come_back(qtbot, dock, viewer, monkeypatch):
    def broken(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr("napari_deepflash2.widgets.predict.predict_layer", broken)
    viewer.add_image(np.zeros((40, 48)))
    with qtbot.captureExceptions() as caught:
        dock.predict_button.click()
        qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert caught
    assert "a bug" in dock.message.text()
    assert dock.predict_button.isEnabled()


def test_a_folder_that_is_no_ensemble_says_so_before_anything_runs(dock, viewer, tmp_path):
    viewer.add_image(np.zeros((40, 48)))
    dock.folder.value = tmp_path
    assert not dock.predict_button.isEnabled()
    assert "is missing" in dock.card.text()
    (tmp_path / "ensemble.json").write_text(json.dumps({"schema_version": 99}))
    dock.folder.value = tmp_path.parent
    dock.folder.value = tmp_path
    assert "newer" in dock.predict_button.toolTip()


def test_reasons_for_disabled_buttons(qtbot, viewer):
    dock = Predict(viewer)
    qtbot.addWidget(dock)
    assert dock.predict_button.toolTip() == "Open an image first."
    viewer.add_image(np.zeros((40, 48)))
    assert "ensemble" in dock.predict_button.toolTip()


def test_without_torch_the_reason_is_said(qtbot, dock, viewer, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)

    def no_torch(*_):
        raise ImportError("DLL load failed")

    monkeypatch.setattr("napari_deepflash2.ensemble.load_ensemble", no_torch)
    # Another test may have left this ensemble in memory.
    predicting._kept.cache_clear()
    viewer.add_image(np.zeros((40, 48)))
    _predict(qtbot, dock)
    assert "command line" in dock.message.text()


def test_the_viewer_stays_alive_while_predicting(qtbot, dock, viewer):
    beats = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(1))
    timer.start(10)
    viewer.add_image(np.random.default_rng(1).normal(100, 20, (12, 128, 128)))
    dock.predict_button.click()
    qtbot.waitUntil(lambda: "plane" in dock.progress.format(), timeout=SECONDS)
    # Were the networks in this thread, no beat would come before the last plane is done.
    beats.clear()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert len(beats) >= 3
