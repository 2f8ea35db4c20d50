"""The docks in a real napari: opened by the manifest, and the whole work by pressing buttons."""

import warnings

import numpy as np
import pytest
from qtpy.compat import isalive
from qtpy.QtCore import Qt

from napari_deepflash2.ensemble.run import RunFolder
from napari_deepflash2.viewer.pairs import make_pair
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.session import session_of

PLUGIN = "napari-deepflash2"
DOCKS = (
    "Compare annotations",
    "Estimate ground truth",
    "Adjudicate",
    "Compare two Labels layers",
    "Blind annotation kit",
    "Train ensemble",
    "Review training",
    "Predict",
)
SECONDS = 300_000


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        viewer = make_napari_viewer_proxy()
    warnings.filterwarnings("error", category=FutureWarning, module="napari_deepflash2")
    return viewer


def _open(viewer, name):
    return viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]


def _press(qtbot, dock, button):
    assert button.isEnabled(), button.toolTip()
    button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)


def _by_role(viewer):
    return {role_of(layer): layer for layer in viewer.layers if role_of(layer)}


def test_every_dock_opens_narrow_enough(viewer, qtbot):
    for name in DOCKS:
        dock = _open(viewer, name)
        assert dock.minimumSizeHint().width() <= 300, name
    assert set(viewer.window.dock_widgets) >= {f"{name} ({PLUGIN})" for name in DOCKS}


@pytest.mark.parametrize("sample", ["nuclei", "cells"])
def test_sample_data_open_with_experts_ticked_and_truth_not(viewer, sample):
    if sample == "nuclei":
        pytest.importorskip("stardist")
    layers = viewer.open_sample(PLUGIN, sample)
    dock = _open(viewer, "Compare annotations")
    names = [layer.name for layer in dock.experts.layers()]
    assert len(names) == len(layers) - 2 == 5
    assert not any("truth" in name for name in names)


def test_the_whole_work_by_buttons(viewer, qtbot, tmp_path):
    viewer.open_sample(PLUGIN, "cells")
    image = viewer.layers["cells"]
    viewer.dims.set_point(0, 2)
    step = viewer.dims.current_step

    compare = _open(viewer, "Compare annotations")
    _press(qtbot, compare, compare.compare_button)
    compare.adjudicate_button.click()
    assert f"Adjudicate ({PLUGIN})" in viewer.window.dock_widgets
    truth = _open(viewer, "Estimate ground truth")
    truth.experts.image_box.value = image
    _press(qtbot, truth, truth.estimate_button)
    truth.continue_button.click()

    train = _open(viewer, "Train ensemble")
    assert train.pairs.table.contents.cells.rows[0][:2] == ("cells", "consensus")
    (
        train.settings.basic.models.value,
        train.settings.basic.iterations.value,
        train.settings.basic.tile_size.value,
    ) = 2, 3, 64
    train.settings.more.max_splits.value = 2
    train.training.out.value = tmp_path / "ensemble"
    train.training.train_button.click()
    qtbot.waitUntil(lambda: train.session.run is not None, timeout=SECONDS)
    qtbot.waitUntil(lambda: train.session.run.state.has_ended, timeout=SECONDS)
    assert train.session.run.state.phase == "finished", train.message.text()

    # Its layers are of one plane, and gone with the tick.
    assert _by_role(viewer)["preview"].ndim == image.ndim
    train.training.preview.tick.setChecked(False)
    train.training.continue_button.click()
    predict = _open(viewer, "Predict")
    assert predict.folder.value == tmp_path / "ensemble"
    predict.image.value = image
    _press(qtbot, predict, predict.predict_button)

    found = _by_role(viewer)
    consensus = {"agreement", "disagreement", "consensus"}
    assert set(found) == consensus | {"prediction", "uncertainty", "ood_map"}
    for layer in found.values():
        assert layer.data.shape == image.data.shape
        np.testing.assert_allclose(layer.extent.world, image.extent.world)
        assert layer.units == image.units
        assert layer.axis_labels == image.axis_labels
    assert 0 <= found["uncertainty"].data.min() <= found["uncertainty"].data.max() <= 1
    assert viewer.dims.current_step == step
    before = len(viewer.layers)
    for dock, button in (
        (compare, compare.compare_button),
        (truth, truth.estimate_button),
        (predict, predict.predict_button),
    ):
        _press(qtbot, dock, button)
    assert len(viewer.layers) == before


def test_the_labels_of_a_finished_training_are_checked_by_keys(viewer, qtbot, ensemble_folder):
    session_of(viewer).use_ensemble(ensemble_folder)
    review = _open(viewer, "Review training")
    _press(qtbot, review, review.open_button)
    review.tabs.setCurrentWidget(review.regions)
    assert len(review.review.label_check)
    # Keys that reach napari's window work in the image.
    qtbot.keyClick(review.window(), Qt.Key.Key_N)
    qtbot.waitUntil(lambda: not review.is_busy, timeout=SECONDS)
    found = _by_role(viewer)
    assert {"reviewed image", "mask trained on", "out-of-fold labels", "marked region"} <= set(found)
    region = review.review.label_check.iloc[0]
    assert viewer.scene.camera.center[-2:] == pytest.approx(
        ((region["top"] + region["bottom"] - 1) / 2, (region["left"] + region["right"] - 1) / 2)
    )


def test_training_goes_on_when_the_viewer_is_closed(make_napari_viewer_proxy, qtbot, tmp_path):
    viewer = make_napari_viewer_proxy()
    masks = np.zeros((2, 48, 48), np.uint8)
    masks[:, 12:36, 12:36] = 1
    image = viewer.add_image(np.random.default_rng(0).normal(masks * 50.0, 10))
    labels = viewer.add_labels(masks)
    viewer.layers.selection.clear()
    viewer.layers.selection.update([image, labels])
    train = _open(viewer, "Train ensemble")
    train.pairs.add_button.click()
    (
        train.settings.basic.models.value,
        train.settings.basic.iterations.value,
        train.settings.basic.tile_size.value,
    ) = 2, 100_000, 32
    train.training.out.value = tmp_path / "ensemble"
    train.training.train_button.click()
    run = RunFolder(tmp_path / "ensemble")
    qtbot.waitUntil(lambda: any(event["kind"] == "progress" for event in run.events()), timeout=SECONDS)
    viewer.close()
    seen = len(run.events())
    qtbot.waitUntil(lambda: len(run.events()) > seen + 3, timeout=SECONDS)
    assert run.is_alive()
    run.request_stop()
    qtbot.waitUntil(lambda: not run.is_alive(), timeout=SECONDS)
    assert run.events()[-1]["kind"] == "stopped"


def test_a_prediction_in_work_ends_with_the_viewer(
    make_napari_viewer_proxy, qtbot, ensemble_folder, monkeypatch
):
    viewer = make_napari_viewer_proxy()
    viewer.add_image(np.random.default_rng(0).random((200, 48, 48)))
    session_of(viewer).use_ensemble(ensemble_folder)
    predict = _open(viewer, "Predict")
    predict.predict_button.click()
    worker = predict.worker
    qtbot.waitUntil(lambda: worker.is_running, timeout=SECONDS)
    viewer.close()
    qtbot.waitUntil(lambda: not worker.is_running, timeout=SECONDS)
    assert worker.abort_requested


def test_a_closed_dock_hears_nothing_more_and_a_reopened_one_finds_its_state(viewer, qtbot, tmp_path):
    train, predict = _open(viewer, "Train ensemble"), _open(viewer, "Predict")
    train.settings.basic.iterations.value = 77
    for name in ("Train ensemble", "Predict"):
        viewer.window.add_plugin_dock_widget(PLUGIN, name)[0].destroyOnClose()
    train.deleteLater()
    predict.deleteLater()
    qtbot.waitUntil(lambda: not (isalive(train) or isalive(predict)), timeout=SECONDS)
    image = viewer.add_image(np.zeros((48, 48)))
    session = session_of(viewer)
    session.add_pairs([make_pair(image, viewer.add_labels(np.ones((48, 48), int)))])
    session.use_ensemble(tmp_path)
    assert len(_open(viewer, "Train ensemble").pairs.table.contents.cells.rows) == 1
    assert _open(viewer, "Train ensemble").settings.basic.iterations.value == 77
    assert _open(viewer, "Predict").folder.value == tmp_path
