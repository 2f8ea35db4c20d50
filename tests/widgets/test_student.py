"""The preview network in the dock Predict: made there, and shown at once, and marked."""

import shutil
import threading

import numpy as np
import pytest

from napari_deepflash2.ensemble import distil_student, load_student
from napari_deepflash2.viewer import student_preview
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.session import session_of
from napari_deepflash2.widgets import instant_preview
from napari_deepflash2.widgets.predict import Predict

SECONDS = 120_000
FEW = {"student": {"iterations": 2}}


@pytest.fixture(scope="session")
def distilled_once(ensemble_folder, tmp_path_factory):
    folder = shutil.copytree(ensemble_folder, tmp_path_factory.mktemp("distilled") / "ensemble")
    distil_student(folder, config=FEW)
    return folder


@pytest.fixture
def dock(qtbot, viewer, distilled_once, monkeypatch):
    monkeypatch.setattr(instant_preview, "MILLISECONDS_OF_REST", 20)
    session_of(viewer).use_ensemble(distilled_once)
    dock = Predict(viewer)
    qtbot.addWidget(dock)
    return dock


def _image(viewer, shape=(60, 80), name="cells"):
    data = np.random.default_rng(0).normal(100, 20, shape).astype(np.float32)
    image = viewer.add_image(data, name=name)
    _look_at(viewer, (30, 40))
    return image


def _look_at(viewer, centre, zoom=1.0):
    """Show a hundred pixels around a point."""
    viewer.scene.camera.center = (0, *centre)
    viewer.scene.camera.zoom = zoom


def _results(viewer):
    return {role_of(layer): layer for layer in viewer.layers if role_of(layer)}


def _rested(qtbot, dock):
    preview = dock.student.preview
    qtbot.waitUntil(
        lambda: not preview._rest.isActive() and not preview.is_busy and preview._shown is not None,
        timeout=SECONDS,
    )


def _switch_on(qtbot, dock):
    dock.student.tick.setChecked(True)
    _rested(qtbot, dock)


def test_nothing_is_previewed_until_it_is_asked_for(qtbot, dock, viewer):
    _image(viewer)
    _look_at(viewer, (10, 10))
    qtbot.wait(100)
    assert not dock.student.tick.isChecked()
    assert not _results(viewer)
    assert "the same class" in dock.student.about.text()


def test_what_is_in_view_is_predicted_by_one_network_in_layers_of_their_own(
    qtbot, dock, viewer, distilled_once
):
    image = _image(viewer)
    said = []
    dock.student.preview.said.connect(said.append)
    _switch_on(qtbot, dock)
    assert said[0] == "Loading the preview network."
    found = _results(viewer)
    assert set(found) == {"student prediction", "student uncertainty"}
    assert all("preview by one network" in layer.name for layer in found.values())
    expected = load_student(distilled_once).predict(image.data)
    np.testing.assert_array_equal(found["student prediction"].data, expected.labels)
    np.testing.assert_allclose(found["student uncertainty"].data, expected.uncertainty, atol=1e-5)
    assert "not the ensemble" in dock.student.status.text()
    assert not dock.result.isVisibleTo(dock)


def test_moving_on_updates_the_same_layers(qtbot, dock, viewer):
    _image(viewer, (400, 600))
    _look_at(viewer, (60, 60), zoom=8)
    _switch_on(qtbot, dock)
    before = list(viewer.layers)
    known = np.isfinite(_results(viewer)["student uncertainty"].data)
    assert 0 < known.mean() < 1
    step = viewer.dims.current_step
    _look_at(viewer, (300, 500), zoom=8)
    dock.student.preview.disturb()
    _rested(qtbot, dock)
    assert list(viewer.layers) == before
    now = np.isfinite(_results(viewer)["student uncertainty"].data)
    assert now[300, 500]
    assert now[known].all()
    assert viewer.dims.current_step == step


def test_many_moves_make_one_worker_at_a_time_and_the_last_view_is_shown(qtbot, dock, viewer, monkeypatch):
    _image(viewer, (400, 600))
    running, most, begun = [0], [0], [0]
    original = student_preview.preview_view
    lock = threading.Lock()

    def counted(*arguments):
        with lock:
            running[0] += 1
            begun[0] += 1
            most[0] = max(most[0], running[0])
        try:
            return original(*arguments)
        finally:
            with lock:
                running[0] -= 1

    monkeypatch.setattr(instant_preview, "preview_view", counted)
    _look_at(viewer, (60, 60), zoom=8)
    dock.student.tick.setChecked(True)
    for number in range(30):
        _look_at(viewer, (60 + 5 * number, 60), zoom=8)
        qtbot.wait(5)
    _look_at(viewer, (350, 550), zoom=8)
    _rested(qtbot, dock)
    assert most[0] == 1
    assert begun[0] < 30
    assert np.isfinite(_results(viewer)["student uncertainty"].data)[350, 550]


def test_the_same_view_is_not_predicted_again(qtbot, dock, viewer, monkeypatch):
    _image(viewer)
    _switch_on(qtbot, dock)
    monkeypatch.setattr(instant_preview, "make_worker", lambda job: pytest.fail("predicted again"))
    dock.student.preview.disturb()
    qtbot.wait(600)


def test_a_preview_layer_that_is_deleted_is_made_anew(qtbot, dock, viewer):
    _image(viewer, (400, 600))
    _look_at(viewer, (60, 60), zoom=8)
    _switch_on(qtbot, dock)
    viewer.layers.remove(_results(viewer)["student prediction"])
    _look_at(viewer, (200, 200), zoom=8)
    _rested(qtbot, dock)
    assert "student prediction" in _results(viewer)


def test_the_image_may_go_while_it_is_predicted(qtbot, dock, viewer, monkeypatch):
    image = _image(viewer)
    goes_on = threading.Event()
    original = student_preview.preview_view

    def waiting(*arguments):
        goes_on.wait(20)
        return original(*arguments)

    monkeypatch.setattr(instant_preview, "preview_view", waiting)
    dock.student.tick.setChecked(True)
    qtbot.waitUntil(lambda: dock.student.preview.is_busy, timeout=SECONDS)
    viewer.layers.remove(image)
    goes_on.set()
    qtbot.waitUntil(lambda: not dock.student.preview.is_busy, timeout=SECONDS)
    assert not viewer.layers


def test_the_dock_may_be_closed_while_a_preview_is_computed(qtbot, viewer, distilled_once, monkeypatch):
    session_of(viewer).use_ensemble(distilled_once)
    dock = Predict(viewer)
    _image(viewer)
    goes_on, ended = threading.Event(), threading.Event()
    original = student_preview.preview_view

    def waiting(*arguments):
        goes_on.wait(20)
        try:
            return original(*arguments)
        finally:
            ended.set()

    monkeypatch.setattr(instant_preview, "preview_view", waiting)
    dock.student.tick.setChecked(True)
    qtbot.waitUntil(lambda: dock.student.preview.is_busy, timeout=SECONDS)
    dock.deleteLater()
    qtbot.wait(50)
    goes_on.set()
    qtbot.waitUntil(ended.is_set, timeout=SECONDS)
    qtbot.wait(50)
    _look_at(viewer, (5, 5))
    assert not _results(viewer)


def test_a_stack_is_previewed_at_the_slice_that_is_shown(qtbot, dock, viewer):
    _image(viewer, (3, 60, 80))
    viewer.dims.set_point(0, 1)
    _switch_on(qtbot, dock)
    known = np.isfinite(_results(viewer)["student uncertainty"].data).all((1, 2))
    assert known.tolist() == [False, True, False]
    viewer.dims.set_point(0, 2)
    _rested(qtbot, dock)
    known = np.isfinite(_results(viewer)["student uncertainty"].data).all((1, 2))
    assert known.tolist() == [False, True, True]


def test_switched_off_it_leaves_what_is_there_and_watches_no_more(qtbot, dock, viewer):
    _image(viewer, (400, 600))
    _look_at(viewer, (60, 60), zoom=8)
    _switch_on(qtbot, dock)
    before = _results(viewer)["student uncertainty"].data.copy()
    dock.student.tick.setChecked(False)
    _look_at(viewer, (300, 500), zoom=8)
    qtbot.wait(600)
    np.testing.assert_array_equal(_results(viewer)["student uncertainty"].data, before)


def test_too_much_in_view_is_said_and_not_predicted(qtbot, dock, viewer, monkeypatch):
    monkeypatch.setattr(student_preview, "MOST_PIXELS", 100)
    _image(viewer)
    dock.student.tick.setChecked(True)
    qtbot.waitUntil(lambda: "Zoom in" in dock.student.status.text(), timeout=SECONDS)
    assert not _results(viewer)


def test_it_is_made_of_the_image_layers(qtbot, viewer, ensemble_folder, tmp_path):
    folder = shutil.copytree(ensemble_folder, tmp_path / "ensemble")
    session = session_of(viewer)
    session.use_ensemble(folder)
    session.configure("student", {"iterations": 2})
    dock = Predict(viewer)
    qtbot.addWidget(dock)
    assert "None yet" in dock.student.about.text()
    assert not dock.student.tick.isEnabled()
    _image(viewer, (3, 40, 40))
    viewer.add_image(np.zeros((20, 20, 3), np.uint8), rgb=True, name="colour")
    dock.student.make_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    student = load_student(folder)
    assert (student.card.images, student.card.fidelity.images) == (2, 1)
    assert f"{student.card.fidelity.dice:.3f}" in dock.student.about.text()
    assert dock.student.tick.isEnabled()
    assert len(viewer.layers) == 2


def test_making_it_may_be_stopped(qtbot, viewer, ensemble_folder, tmp_path):
    folder = shutil.copytree(ensemble_folder, tmp_path / "ensemble")
    session_of(viewer).use_ensemble(folder)
    dock = Predict(viewer)
    qtbot.addWidget(dock)
    _image(viewer)
    dock.student.make_button.click()
    dock.stop()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert load_student(folder) is None
    assert "None yet" in dock.student.about.text()


def test_one_that_is_out_of_date_says_what_to_do(qtbot, viewer, distilled_once, tmp_path):
    folder = shutil.copytree(distilled_once, tmp_path / "ensemble")
    card = folder / "preview_network" / "student.json"
    card.write_text(card.read_text().replace('"iterations": 2', '"iterations": 3'))
    session_of(viewer).use_ensemble(folder)
    dock = Predict(viewer)
    qtbot.addWidget(dock)
    assert "distil" in dock.student.about.text()
    assert not dock.student.tick.isEnabled()
    _image(viewer)
    assert dock.predict_button.isEnabled()


def test_a_dock_that_is_opened_again_goes_on_previewing(qtbot, viewer, distilled_once):
    session_of(viewer).use_ensemble(distilled_once)
    dock = Predict(viewer)
    _image(viewer)
    _switch_on(qtbot, dock)
    dock.deleteLater()
    again = Predict(viewer)
    qtbot.addWidget(again)
    assert again.student.tick.isChecked()
    viewer.layers.remove(_results(viewer)["student prediction"])
    _rested(qtbot, again)
    assert "student prediction" in _results(viewer)
