"""Cases E of the catalogue that need a dock: odd images, many runs, bugs and warnings, other countries."""

import gc
import logging
import threading
import warnings
from collections import Counter

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QLocale
from qtpy.QtWidgets import QApplication

from napari_deepflash2.viewer.experts import Estimate
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.reading import Snapshot
from napari_deepflash2.widgets.ground_truth import EstimateGroundTruth


def test_e6_pixels_that_are_no_number_are_named(viewer, start_work):
    data = np.random.default_rng(0).normal(100, 10, (48, 48)).astype(np.float32)
    data[10:20, 10:20] = np.nan
    viewer.add_image(data, name="cells", contrast_limits=(0, 100))
    work = start_work(viewer, "Predict")
    work.press()
    found = {role_of(layer): layer for layer in viewer.layers}
    # Refused: what stands for no number is not told by the pixels.
    assert '"cells": 100 values are NaN or infinite, the first at y 10, x 10.' in work.dock.message.text()
    assert set(found) == {None}


def test_e11_a_bug_and_warnings_of_a_job_are_shown_once_and_the_dock_goes_on(
    annotated, start_work, monkeypatch, qtbot, caplog
):
    def broken(*_):
        for _ in range(3):
            warnings.warn("odd", UserWarning, stacklevel=1)
        raise RuntimeError("a bug")

    monkeypatch.setattr("napari_deepflash2.widgets.compare.compare", broken)
    work = start_work(annotated, "Compare annotations")
    said = []
    say = work.dock.say
    monkeypatch.setattr(work.dock, "say", lambda text: (said.append(text), say(text)))
    with qtbot.captureExceptions() as caught, warnings.catch_warnings(record=True):
        work.press()
    assert len(caught) == 1
    assert [text for text in said if "a bug" in text] == [work.dock.message.text()]
    # For a report: the traceback and the warnings are in the log that napari shows.
    (bug,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert "in broken" in logging.Formatter().format(bug)
    assert "RuntimeError: a bug" in logging.Formatter().format(bug)
    assert "UserWarning: odd" in caplog.text
    assert "Show logs" in work.dock.message.text()
    assert work.button.isEnabled()


def test_e10_two_clicks_and_two_viewers_start_one_run_in_a_folder(annotated, start_work, fill, monkeypatch):
    work = start_work(annotated, "Train ensemble")
    work.button.click()
    work.button.click()
    work.dock.training.train()
    work.wait()
    assert len(work.runs) == 1
    elsewhere = ViewerModel()
    fill(elsewhere, "plane")
    other = start_work(elsewhere, "Train ensemble")
    # That dock has found the run that goes on, and watches it.
    assert other.dock.session.run.folder == work.dock.session.run.folder
    assert not other.button.isEnabled()
    assert "going on" in other.button.toolTip()


@pytest.fixture
def german():
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    yield
    QLocale.setDefault(before)


def test_e12_numbers_with_a_comma_are_the_same_numbers(annotated, german, start_work):
    dock = start_work(annotated, "Train ensemble").dock
    rate = dock.settings.more.learning_rate
    rate.value = 0.0025
    assert "," in rate.native.text()
    assert dock.configuration().training.learning_rate == 0.0025
    rate.native.lineEdit().setText("0,004")
    rate.native.editingFinished.emit()
    assert dock.configuration().training.learning_rate == 0.004


def test_e13_thirty_runs_leave_nothing_behind(annotated, qtbot):
    counts = []
    for _ in range(3):
        for _ in range(10):
            _cycle(annotated, qtbot)
        counts.append(_alive(annotated))
    assert len({count[:3] for count in counts}) == 1
    # One that is just being let go may count too; twenty runs would be eighty.
    assert counts[-1][-1] - counts[0][-1] <= 4


def _cycle(viewer, qtbot):
    dock = EstimateGroundTruth(viewer)
    dock.estimate_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy)
    dock.deleteLater()
    QApplication.sendPostedEvents(dock, QEvent.Type.DeferredDelete)


def _alive(viewer):
    """Count layers, threads, widgets, and what holds the arrays of a run."""
    gc.collect()
    kinds = Counter(type(one) for one in gc.get_objects())
    held = sum(kinds[kind] for kind in (Estimate, Snapshot))
    return len(viewer.layers), threading.active_count(), len(QApplication.allWidgets()), held


def test_e8_that_a_training_goes_on_without_napari_is_said_while_it_runs(annotated, start_work):
    work = start_work(annotated, "Train ensemble")
    assert "outlives napari" in work.button.toolTip()
    work.press()
    now = work.dock.training.going.now
    assert "goes on when napari is closed" in now.text()
    assert now.isVisibleTo(work.dock)
