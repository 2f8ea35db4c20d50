"""The dock *Adjudicate*: on a viewer model, and once in a real napari by keys alone."""

import warnings

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_deepflash2.viewer.adjudication import MARK
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.session import session_of
from napari_deepflash2.widgets.adjudicate import Adjudicate

SECONDS = 60_000


@pytest.fixture
def dock(qtbot, annotated):
    dock = Adjudicate(annotated)
    qtbot.addWidget(dock)
    return dock


@pytest.fixture
def answer(monkeypatch, tmp_path):
    """Answers every question for a file with this name, or with none."""

    def answer_with(name):
        path = (str(tmp_path / name), "") if name else ("", "")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: path)
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: path)
        return tmp_path / name

    return answer_with


def _started(qtbot, dock):
    assert dock.start_button.isEnabled()
    dock.start_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    return dock


def _rows(dock):
    model = dock.deciding.table.contents
    return [[model.data(model.index(row, column)) for column in range(3)] for row in range(model.rowCount())]


def test_regions_are_listed_largest_first_with_who_says_what(qtbot, dock):
    _started(qtbot, dock)
    # Four rows of 32 pixels at either edge, of which the second expert marks half and so counts as 0.
    assert _rows(dock) == [[128, "", "0: 1 2   1: 3"], [128, "", "0: 2 3   1: 1"]]
    assert not dock.deciding.isHidden()
    experts = [layer for layer in dock.viewer.layers if layer.name.startswith("expert")]
    qtbot.waitUntil(lambda: all(layer.visible for layer in experts))
    assert dock.choosing.isHidden()
    assert dock.deciding.decided.format() == "0 of 2 decided"
    texts = [button.text() for button in dock.deciding.expert_buttons.values()]
    assert [text.split(":")[0] for text in texts] == ["1  expert 1", "2  expert 2", "3  expert 3"]


def test_deciding_fills_the_mask_goes_on_and_is_undone(qtbot, dock, annotated):
    _started(qtbot, dock)
    first, second = dock.adjudication.disputes
    dock.deciding.expert_buttons["expert 3"].click()
    layer = dock.view.result
    inside = annotated.layers["expert 3"].data[first.slices][first.inside]
    np.testing.assert_array_equal(layer.data[first.slices][first.inside], inside)
    assert dock.adjudication.current is second
    assert dock.deciding.table.currentIndex().row() == 1
    assert _rows(dock)[0][1] == "3"
    dock.deciding.buttons["Undo"].click()
    np.testing.assert_array_equal(layer.data, dock.adjudication.consensus)
    assert dock.deciding.table.currentIndex().row() == 0
    dock.deciding.go_on.setChecked(False)
    dock.deciding.buttons["None"].click()
    assert dock.deciding.table.currentIndex().row() == 0


def test_choosing_a_row_goes_to_its_region(qtbot, dock, annotated):
    _started(qtbot, dock)
    before = annotated.scene.camera.center
    dock.deciding.table.selectRow(1)
    assert dock.adjudication.position == 1
    assert annotated.scene.camera.center != before


def test_keys_work_in_the_dock_but_not_while_a_name_is_typed(qtbot, dock):
    _started(qtbot, dock)
    dock.show()
    with qtbot.waitActive(dock):
        dock.activateWindow()
    dock.deciding.who.setFocus()
    dock.deciding.who.clear()
    qtbot.keyClicks(dock.deciding.who, "AC 3")
    assert dock.deciding.who.text() == "AC 3"
    assert dock.adjudication.n_decided == 0
    dock.deciding.table.setFocus()
    qtbot.keyClick(dock.deciding.table, Qt.Key.Key_A)
    assert [one.choice for one in dock.adjudication.history] == ["all"]
    assert dock.adjudication.history[0].who == "AC 3"


def test_finishing_writes_the_log_and_leaves_the_mask(qtbot, dock, annotated, answer):
    _started(qtbot, dock)
    dock.deciding.buttons["None"].click()
    mask = dock.view.result
    answer("")
    dock.deciding.buttons["Finish"].click()
    assert dock.view is not None
    log = answer("log.csv")
    dock.deciding.buttons["Finish"].click()
    assert pd.read_csv(log).decision.tolist() == ["none", "undecided"]
    assert mask in annotated.layers
    assert not [layer for layer in annotated.layers if role_of(layer) == MARK]
    assert "1 of 2" in dock.message.text()
    assert "other 1 keep the consensus" in dock.message.text()
    assert not annotated.keymap
    assert not dock.choosing.isHidden()


def test_continue_to_training_makes_image_and_adjudicated_mask_a_pair(qtbot, dock, annotated, tmp_path):
    dock.experts.image_box.value = annotated.layers["cells"]
    _started(qtbot, dock)
    assert dock.continue_button.isHidden()
    mask = dock.view.result
    dock.finish(tmp_path / "log.csv")
    assert not dock.continue_button.isHidden()
    dock.continue_button.click()
    [pair] = session_of(annotated).pairs
    assert (pair.image, pair.masks) == (annotated.layers["cells"], (mask,))
    annotated.layers.remove(mask)
    dock.update_buttons()
    assert "no longer there" in dock.continue_button.toolTip()
    _started(qtbot, dock)
    assert dock.continue_button.isHidden()


def test_training_needs_the_image(qtbot, dock, annotated, tmp_path):
    dock.experts.image_box.value = None
    _started(qtbot, dock)
    dock.finish(tmp_path / "log.csv")
    assert not dock.continue_button.isEnabled()
    assert "Choose the image" in dock.continue_button.toolTip()


def test_a_log_that_cannot_be_written_ends_nothing(qtbot, dock, tmp_path):
    _started(qtbot, dock)
    (tmp_path / "file").touch()
    dock.finish(tmp_path / "file" / "log.csv")
    assert "cannot be written" in dock.message.text()
    assert dock.view is not None


def test_a_session_is_saved_after_every_decision_and_resumed(qtbot, dock, annotated, answer):
    _started(qtbot, dock)
    path = answer("session.json")
    dock.deciding.buttons["Save session"].click()
    dock.deciding.buttons["None"].click()
    expected = dock.view.result.data.copy()
    dock.finish(path.with_name("log.csv"))
    dock.resume_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert dock.adjudication.progress == "1 of 2"
    np.testing.assert_array_equal(dock.view.result.data, expected)
    dock.deciding.buttons["Undo"].click()
    assert '"decisions": []' in path.read_text()


def test_a_session_of_other_masks_is_refused(qtbot, dock, annotated, answer):
    _started(qtbot, dock)
    path = answer("session.json")
    dock.deciding.buttons["Save session"].click()
    dock.finish(path.with_name("log.csv"))
    annotated.layers["expert 2"].data[0, 0] = 1
    dock.resume_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert "other masks of expert 2" in dock.message.text()
    assert dock.view is None


def test_closing_the_dock_gives_the_keys_back_and_opening_it_goes_on(qtbot, annotated):
    dock = _started(qtbot, Adjudicate(annotated))
    dock.deciding.buttons["None"].click()
    assert annotated.keymap
    mask = dock.view.result
    with qtbot.waitSignal(dock.destroyed):
        dock.deleteLater()
    assert not annotated.keymap
    again = Adjudicate(annotated)
    qtbot.addWidget(again)
    assert again.adjudication.progress == "1 of 2"
    assert again.view.result is mask
    assert len([layer for layer in annotated.layers if role_of(layer) == MARK]) == 1


def test_experts_who_agree_leave_nothing_to_do(qtbot, dock, annotated):
    for number in (2, 3):
        annotated.layers[f"expert {number}"].data = annotated.layers["expert 1"].data.copy()
    _started(qtbot, dock)
    assert "agree everywhere" in dock.message.text()
    assert dock.view is None
    assert not annotated.keymap


def test_names_with_markup_are_shown_as_they_are(qtbot, dock, annotated):
    annotated.layers["expert 1"].name = "<b>A & B</b>"
    _started(qtbot, dock)
    assert "<b>A && B</b>" in next(iter(dock.deciding.expert_buttons.values())).text()
    table = dock.deciding.table.contents
    assert "<b>" not in table.data(table.index(0, 0), Qt.ItemDataRole.ToolTipRole)


def test_the_dock_stays_narrow_with_long_names_and_many_experts(qtbot, dock, annotated):
    mask = annotated.layers["expert 1"]
    for number in range(10):
        annotated.add_labels(
            mask.data,
            name=f"Professor Doctor {number} of a Laboratory far away",
            scale=(0.5, 0.5),
            units=mask.units,
        )
    _started(qtbot, dock)
    assert dock.deciding.minimumSizeHint().width() <= 300
    assert len(dock.deciding.expert_buttons) == 13
    assert set("123456789") <= {str(key) for key in annotated.keymap}


def test_by_keys_from_the_first_region_to_the_saved_log(make_napari_viewer_proxy, qtbot, answer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        viewer = make_napari_viewer_proxy()
    warnings.filterwarnings("error", category=FutureWarning, module="napari_deepflash2")
    masks = np.zeros((3, 64, 64), np.uint8)
    for number, mask in enumerate(masks):
        mask[5:20, 5:20] = 1
        if number < 2:
            mask[30:40, 30:40] = 1
        if number == 2:
            mask[50:55, 50:60] = 1
            mask[2:4, 50:54] = 1
    for number, mask in enumerate(masks, start=1):
        viewer.add_labels(mask.copy(), name=f"expert {number}")
    dock = Adjudicate(viewer)
    viewer.window.add_dock_widget(dock, name="Adjudicate")
    _started(qtbot, dock)
    dock.deciding.who.setText("me")
    window = dock.window()
    session, keys = answer("session.json"), Qt.Key
    qtbot.keyClick(window, keys.Key_S)
    for key in (keys.Key_2, keys.Key_C, keys.Key_U, keys.Key_A, keys.Key_0):
        qtbot.keyClick(window, key)
    assert dock.adjudication.progress == "3 of 3"
    qtbot.keyClick(window, keys.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert dock.adjudication.position == 1
    # Painting with napari's own key, then keeping it.
    qtbot.keyClick(window, keys.Key_P)
    assert dock.view.result.mode == "paint"
    dock.view.result.data[50:55, 50:52] = 0
    qtbot.keyClick(window, keys.Key_K)
    mask, log = dock.view.result, answer("log.csv")
    qtbot.keyClick(window, keys.Key_F, Qt.KeyboardModifier.ShiftModifier)
    expected = masks[0].copy()
    expected[50:55, 52:60] = 1
    np.testing.assert_array_equal(mask.data, expected)
    table = pd.read_csv(log)
    assert table.area.tolist() == [100, 50, 8]
    assert table.decision.tolist() == ["expert", "painted", "none"]
    assert table.expert.tolist()[0] == "expert 2"
    assert set(table.who) == {"me"}
    assert session.is_file()
    # Finished: the digits are napari's again.
    viewer.layers.selection.active = mask
    qtbot.keyClick(window, keys.Key_1)
    assert mask.mode == "erase"
