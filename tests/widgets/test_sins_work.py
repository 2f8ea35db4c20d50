"""Sins 1, 2, 9 and 11, and E7, E14 and E16, over all docks: while a job runs, and what is said of it."""

import threading
import time

import numpy as np
import pytest
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from napari_deepflash2.progress import Cancelled, Progress
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.widgets.workers import make_worker

MOST_SECONDS = 0.2
MARKUP = '<img src="x"><b>cells</b>'


class Heartbeat:
    """Beats every 10 ms in the event loop, and knows how long the main thread worked between two beats.

    Counted is the thread's own work, so that a busy machine makes no difference, and that of all threads,
    which tells of a worker that keeps Python to itself.
    """

    def __init__(self):
        self.beats = 0
        self.longest = np.zeros(2)
        self._last = self._clocks()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(10)

    def _beat(self):
        now = self._clocks()
        self.longest, self._last = np.maximum(self.longest, now - self._last), now
        self.beats += 1

    def _clocks(self):
        return np.array([time.thread_time(), time.process_time()])


def test_sin_1_the_main_thread_is_never_busy_for_long(viewer, start_work, fill, dock_name, qtbot):
    fill(viewer, "plane", 128 if dock_name == "Predict" else 1024)
    work = start_work(viewer, dock_name)
    # The first time loads modules.
    work.press()
    work.make_again()
    heart = Heartbeat()
    work.press()
    qtbot.waitUntil(lambda: heart.beats >= 3)
    own, of_all = heart.longest
    assert own < MOST_SECONDS
    assert of_all < 10 * MOST_SECONDS


@pytest.fixture
def endless(monkeypatch):
    """Make every job one that never ends by itself; gives what happened to it."""
    happened, over = [], threading.Event()

    def job(report):
        happened.append("begun")
        try:
            while not over.is_set():
                report(Progress("endless", 1, 2))
                time.sleep(0.001)
            raise Cancelled
        except Cancelled:
            happened.append("stopped")
            raise

    monkeypatch.setattr("napari_deepflash2.widgets.dock.make_worker", lambda _: make_worker(job))
    yield happened
    over.set()


def test_sin_2_every_job_can_be_stopped(annotated, start_work, dock_name, endless, qtbot):
    work = start_work(annotated, dock_name)
    before = list(annotated.layers)
    work.button.click()
    qtbot.waitUntil(lambda: endless == ["begun"])
    buttons = [one for one in work.dock.findChildren(QPushButton) if one.isVisibleTo(work.dock)]
    [stop] = [one for one in buttons if one.text() == "Stop"]
    assert stop.isEnabled()
    stop.click()
    work.wait()
    assert endless == ["begun", "stopped"]
    assert work.button.isEnabled()
    assert list(annotated.layers) == before
    assert "topped" in work.dock.message.text()


def _buttons(dock):
    return [one for one in dock.findChildren(QPushButton) if not one.isEnabled()]


def _without_a_reason(dock):
    return [
        button.text()
        for button in _buttons(dock)
        if not button.toolTip() or button.toolTip() == button.property("tip")
    ]


def test_sin_9_a_disabled_button_says_why(viewer, start_work, fill, dock_name, endless, qtbot, open_dock):
    dock = open_dock(viewer, dock_name)
    assert _buttons(dock)
    assert not _without_a_reason(dock)
    fill(viewer, "plane")
    work = start_work(viewer, dock_name)
    assert not _without_a_reason(work.dock)
    work.button.click()
    qtbot.waitUntil(lambda: endless == ["begun"])
    assert not work.button.isEnabled()
    assert not _without_a_reason(work.dock)
    work.dock.stop()
    work.wait()


def _spoil(work):
    """Make what the main button is for impossible; give what the refusal has to name."""
    viewer, dock = work.viewer, work.dock
    match work.name:
        case "Compare annotations" | "Estimate ground truth" | "Adjudicate" | "Compare two Labels layers":
            viewer.layers["expert 2"].scale = (3, 3)
            return '"expert 2"'
        case "Predict":
            viewer.layers.remove("cells")
            layer = viewer.add_image(np.zeros((1, 48, 48)), name="flat")
            dock.channels.value = 0
            # Nobody is told of it: it is found when the button is pressed.
            layer.data = np.zeros((48, 48))
            return '"flat"'
        case "Train ensemble":
            dock.training.out.value.mkdir()
            (dock.training.out.value / "mine.txt").touch()
            return str(dock.training.out.value)
        case "Review training":
            dock.folder.value = work.tmp_path
            return str(work.tmp_path)
        case "Blind annotation kit":
            (work.tmp_path / "kit").mkdir()
            (work.tmp_path / "kit" / "mine.txt").touch()
            return str(work.tmp_path / "kit")
    raise AssertionError(work.name)


def test_sin_9_what_is_refused_is_named_with_the_remedy(annotated, start_work, dock_name, monkeypatch):
    work = start_work(annotated, dock_name)
    told = []
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", told.append)
    named = _spoil(work)
    before = list(annotated.layers)
    work.press()
    said = work.dock.message.text()
    assert named in said
    assert told == [said]
    assert "Choose" in said
    assert work.dock.message.isVisibleTo(work.dock)
    assert list(annotated.layers) == before
    assert work.button.isEnabled()


def test_sin_11_layers_are_touched_by_the_main_thread_only(annotated, start_work, dock_name):
    threads = set()
    for event in (annotated.layers.events.inserted, annotated.layers.events.removed):
        event.connect(lambda: threads.add(threading.current_thread()))
    work = start_work(annotated, dock_name)
    work.press()
    assert threads <= {threading.main_thread()}


def test_e7_layers_that_are_renamed_edited_and_deleted_meanwhile_change_nothing(
    annotated, start_work, dock_name, tmp_path
):
    work = start_work(annotated, dock_name)
    work.press()
    expected = {role_of(one): np.array(one.data) for one in annotated.layers if role_of(one)}
    work.make_again()
    while ours := [layer for layer in annotated.layers if role_of(layer)]:
        annotated.layers.remove(ours[0])
    work.button.click()
    for layer in list(annotated.layers):
        layer.name = f"{layer.name} of old"
        layer.data = np.zeros_like(layer.data)[..., ::2, ::2]
        layer.scale = (7, 7)
    annotated.layers.clear()
    if dock_name == "Train ensemble":
        work.dock.training.preview.tick.setChecked(True)
    work.wait()
    found = {role_of(one): one for one in annotated.layers}
    assert set(expected) - {"reviewed image"} <= set(found)
    for role, data in expected.items():
        if role in found:
            np.testing.assert_array_equal(found[role].data, data, err_msg=role)
    assert "should not have happened" not in work.dock.message.text()


def test_e7_results_that_are_deleted_meanwhile_come_anew(annotated, start_work, dock_name):
    work = start_work(annotated, dock_name)
    work.press()
    roles = sorted(str(role_of(layer)) for layer in annotated.layers)
    work.make_again()
    work.button.click()
    while ours := [layer for layer in annotated.layers if role_of(layer)]:
        annotated.layers.remove(ours[0])
    if dock_name == "Train ensemble":
        work.dock.training.preview.tick.setChecked(True)
    work.wait()
    assert sorted(str(role_of(layer)) for layer in annotated.layers) == roles


def _shown_as_markup(dock):
    labels = [one.text() for one in dock.findChildren(QLabel) if one.textFormat() != Qt.TextFormat.PlainText]
    tips = [one.toolTip() for one in [dock, *dock.findChildren(QWidget)]]
    return [text for text in (*labels, *tips) if "<b>" in text or "<img" in text]


def test_e14_names_with_markup_are_shown_as_they_are(annotated, start_work, dock_name):
    for layer in list(annotated.layers):
        layer.name = f"{MARKUP} {layer.name}"
    annotated.layers[0].name, annotated.layers[1].name = "cells", "expert 1"
    work = start_work(annotated, dock_name)
    annotated.layers[0].name, annotated.layers[1].name = MARKUP, f"{MARKUP} expert 1"
    assert not _shown_as_markup(work.dock)
    work.press()
    assert not _shown_as_markup(work.dock)
    assert not any(role_of(layer) and "\n" in layer.name for layer in annotated.layers)


def test_e14_two_layers_of_one_name_are_two(annotated, start_work, dock_name):
    annotated.layers["expert 2"].name = "expert 3"
    names = [layer.name for layer in annotated.layers]
    assert len(set(names)) == len(names)
    work = start_work(annotated, dock_name)
    work.press()
    assert "should not have happened" not in work.dock.message.text()


def test_e16_a_dock_that_is_closed_ends_its_job_and_hears_nothing_more(
    annotated, start_work, dock_name, endless, qtbot
):
    work = start_work(annotated, dock_name)
    before = list(annotated.layers)
    work.button.click()
    qtbot.waitUntil(lambda: endless == ["begun"])
    _destroy(work.dock, qtbot)
    if dock_name != "Train ensemble":
        # That one writes the data of a run, which goes on without the dock.
        qtbot.waitUntil(lambda: endless == ["begun", "stopped"])
    qtbot.wait(50)
    assert list(annotated.layers) == before


def test_e16_a_result_that_comes_after_the_dock_is_closed_does_no_harm(
    annotated, start_work, dock_name, qtbot
):
    work = start_work(annotated, dock_name)
    work.button.click()
    worker = work.dock.worker
    _destroy(work.dock, qtbot)
    qtbot.waitUntil(lambda: worker is None or not worker.is_running)
    qtbot.wait(50)


def _destroy(dock, qtbot):
    dock.deleteLater()
    QApplication.sendPostedEvents(dock, QEvent.Type.DeferredDelete)
    assert not isalive(dock)
