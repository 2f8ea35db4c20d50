import numpy as np
import psutil
import pytest
import tifffile
from napari.components import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QStyleOptionViewItem

from napari_deepflash2.config import DataConfig
from napari_deepflash2.ensemble.run import RunFolder
from napari_deepflash2.viewer.session import session_of
from napari_deepflash2.widgets.contact_sheet import ContactSheet
from napari_deepflash2.widgets.train import TrainEnsemble

SECONDS = 240_000


@pytest.fixture
def dock(qtbot, viewer):
    return _open(qtbot, viewer)


def _open(qtbot, viewer):
    dock = TrainEnsemble(viewer)
    qtbot.addWidget(dock)
    return dock


@pytest.fixture
def ready(dock, viewer, tmp_path):
    """A dock with two pairs, tiny settings and an output folder."""
    masks = np.zeros((2, 48, 48), np.uint8)
    masks[:, 12:36, 12:36] = 1
    image = viewer.add_image(np.random.default_rng(0).normal(masks * 50.0, 10), name="cells")
    viewer.layers.selection = {image, viewer.add_labels(masks, name="truth")}
    dock.pairs.add_button.click()
    _set(dock, 2)
    dock.training.out.value = tmp_path / "ensemble"
    return dock


def _set(dock, iterations):
    (
        dock.settings.basic.models.value,
        dock.settings.basic.iterations.value,
        dock.settings.basic.tile_size.value,
    ) = 2, iterations, 32
    dock.settings.more.batch_size.value = dock.settings.more.max_splits.value = 2


def _until_begun(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.is_busy and dock.session.run is not None, timeout=SECONDS)


def _until_ended(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.is_busy and dock.session.run is not None, timeout=SECONDS)
    qtbot.waitUntil(
        lambda: dock.session.run.state.has_ended and not dock.training.stop_button.isEnabled(),
        timeout=SECONDS,
    )


def test_training_shows_curves_and_held_out_dice_and_hands_the_ensemble_on(qtbot, ready, viewer, tmp_path):
    assert ready.training.train_button.isEnabled(), ready.training.train_button.toolTip()
    ready.training.train_button.click()
    _until_begun(qtbot, ready)
    assert not ready.training.train_button.isEnabled()
    assert "going on" in ready.training.train_button.toolTip()
    _until_ended(qtbot, ready)
    assert ready.session.run.state.phase == "finished", ready.message.text()
    cells = ready.training.held_out.contents.cells
    assert cells.index == ("fold 1", "fold 2")
    assert [float(row[0]) for row in cells.rows] == pytest.approx(
        list(ready.session.run.state.held_out_dice.values()), abs=1e-3
    )
    assert ready.training.going.curves.isVisibleTo(ready)
    assert session_of(viewer).ensemble_folder == tmp_path / "ensemble"
    assert (tmp_path / "ensemble" / "ensemble.json").is_file()


def _seconds_of(process):
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return None
    return times.user + times.system


def test_a_dock_or_viewer_opened_later_watches_stops_and_resumes_the_run(qtbot, ready, viewer, tmp_path):
    _set(ready, 100_000)
    ready.training.train_button.click()
    _until_begun(qtbot, ready)
    ready.close()
    # Another viewer stands for a napari that is started again: it shares nothing but the run on disk.
    qtbot.waitUntil(RunFolder(tmp_path / "ensemble").is_alive, timeout=SECONDS)
    later = _open(qtbot, ViewerModel())
    qtbot.waitUntil(lambda: later.session.run.state.progress is not None, timeout=SECONDS)
    assert later.training.out.value == tmp_path / "ensemble"
    # Sin 2, counted in the work of the process, so that a busy machine makes no difference.
    process = psutil.Process(RunFolder(tmp_path / "ensemble").owner()["pid"])
    before = last = _seconds_of(process)
    later.training.stop_button.click()
    while later.session.run.is_alive():
        last = _seconds_of(process) or last
        qtbot.wait(20)
    assert last - before < 2
    assert list((tmp_path / "ensemble" / "checkpoints").glob("*.checkpoint"))
    _until_ended(qtbot, later)
    assert not later.training.stop_button.isEnabled()
    assert later.session.run.state.phase == "stopped"
    assert later.training.resume_button.isEnabled(), later.training.resume_button.toolTip()
    done = later.session.run.state.progress.done
    later.training.resume_button.click()
    qtbot.waitUntil(lambda: later.session.run.state.phase == "running", timeout=SECONDS)
    qtbot.waitUntil(lambda: later.session.run.state.progress.done > done, timeout=SECONDS)
    later.training.stop_button.click()
    _until_ended(qtbot, later)
    assert not RunFolder(tmp_path / "ensemble").is_alive()


def test_the_viewer_stays_alive_while_training(qtbot, ready):
    beats = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(1))
    timer.start(20)
    _set(ready, 100_000)
    ready.training.train_button.click()
    _until_begun(qtbot, ready)
    qtbot.waitUntil(lambda: bool(ready.session.run.state.epochs), timeout=SECONDS)
    # Were the loop in this process, no beat would come between two looks at the run.
    beats.clear()
    done = ready.session.run.state.share
    qtbot.waitUntil(lambda: ready.session.run.state.share > done, timeout=SECONDS)
    assert len(beats) >= 3
    ready.training.stop_button.click()
    _until_ended(qtbot, ready)


def test_a_used_folder_is_refused_before_anything_is_written(ready, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    ready.training.out.value = tmp_path / "mine"
    ready.training.train_button.click()
    assert "is not empty" in ready.message.text()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_pairs_follow_the_layers(ready, viewer):
    assert ready.pairs.table.contents.cells.rows == (("cells", "truth", "", "2 × 48 × 48", ""),)
    viewer.layers["truth"].name = "consensus"
    assert ready.pairs.table.contents.cells.rows[0][1] == "consensus"
    ready.pairs.add_button.click()
    assert len(ready.session.pairs) == 1
    viewer.layers.remove("consensus")
    assert not ready.session.pairs
    assert ready.training.train_button.toolTip() == "Add images with their masks first."


def test_all_layers_are_paired_by_name_and_what_is_left_is_said(dock, viewer):
    for name in ("a", "b", "c"):
        viewer.add_image(np.zeros((48, 48)), name=name)
    for name in ("b mask", "a mask"):
        viewer.add_labels(np.zeros((48, 48), int), name=name)
    dock.pairs.names_button.click()
    assert [row[:2] for row in dock.pairs.table.contents.cells.rows] == [("a", "a mask"), ("b", "b mask")]
    assert '"c"' in dock.message.text()


def test_a_row_is_changed_by_choosing_another_layer(ready, viewer, monkeypatch, qtbot):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    other = viewer.add_labels(np.zeros((2, 48, 48), np.uint8), name="other")
    small = viewer.add_labels(np.zeros((2, 4, 4), np.uint8), name="small")
    assert [name for name, _ in ready.pairs.choices(0, 1)] == ["truth", "other", "small"]
    table = ready.pairs.table
    delegate, cell = table.itemDelegate(), table.model().index(0, 1)
    box = delegate.createEditor(table.viewport(), None, cell)
    qtbot.addWidget(box)
    box.setCurrentIndex(1)
    delegate.setModelData(box, table.model(), cell)
    assert ready.session.pairs[0].masks == (other,)
    assert table.contents.cells.rows[0][1] == "other"
    ready.pairs.change(0, 1, small)
    assert ready.session.pairs[0].masks == (other,)
    assert '"small"' in ready.message.text()


def test_the_level_of_a_multiscale_image_is_chosen_before_or_in_the_table(dock, viewer):
    data = np.zeros((64, 64))
    image = viewer.add_image([data, data[::2, ::2]], multiscale=True, name="slide", contrast_limits=(0, 1))
    fine = viewer.add_labels(np.zeros((64, 64), int), name="fine")
    coarse = viewer.add_labels(np.zeros((32, 32), int), name="coarse", scale=(2, 2))
    assert list(dock.pairs.options.level.choices) == [0, 1]
    dock.pairs.options.level.value = 1
    viewer.layers.selection = {image, coarse}
    dock.pairs.add_button.click()
    assert dock.pairs.table.contents.cells.rows == (("slide", "coarse", "", "32 × 32, level 1", ""),)
    dock.pairs.options.level.value = 0
    viewer.layers.selection = {image, fine}
    dock.pairs.add_button.click()
    assert dock.pairs.table.contents.cells.rows[1] == ("slide", "fine", "", "64 × 64", "")
    assert [value for _, value in dock.pairs.choices(1, 3)] == [0, 1]


def _typed(qtbot, table, row, column, text):
    cell, delegate = table.model().index(row, column), table.itemDelegate()
    line = delegate.createEditor(table.viewport(), QStyleOptionViewItem(), cell)
    qtbot.addWidget(line)
    line.setText(text)
    delegate.setModelData(line, table.model(), cell)


def test_a_group_is_typed_into_the_table_or_read_from_one(qtbot, ready, tmp_path):
    _typed(qtbot, ready.pairs.table, 0, 2, " mouse 1 ")
    assert ready.session.pairs[0].group == "mouse 1"
    assert ready.pairs.table.contents.cells.rows[0][2] == "mouse 1"
    (tmp_path / "groups.csv").write_text("image,group\ncells,mouse 2\nothers,mouse 3\n")
    ready.pairs.read_groups(tmp_path / "groups.csv")
    qtbot.waitUntil(lambda: not ready.is_busy, timeout=SECONDS)
    assert ready.session.pairs[0].group == "mouse 2"
    assert "others" in ready.message.text()


def test_ticked_experts_of_an_image_are_one_row_with_a_target(dock, viewer, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    dock.pairs.experts_button.click()
    assert "Select the image" in dock.message.text()
    viewer.add_image(np.zeros((48, 48)), name="cells")
    masks = [viewer.add_labels(np.ones((48, 48), int), name=name) for name in ("Ann", "Bob", "Cem")]
    dock.session.tick(masks[2], False)
    assert not dock.settings.experts.isVisibleTo(dock)
    dock.pairs.experts_button.click()
    assert dock.pairs.table.contents.cells.rows == (("cells", "2 experts", "", "48 × 48", ""),)
    assert dock.settings.experts.isVisibleTo(dock)
    dock.settings.target.target.value = "soft"
    assert dock.configuration().training.target == "soft"
    viewer.layers.remove("Bob")
    assert not dock.session.pairs
    assert not dock.settings.experts.isVisibleTo(dock)


def test_what_masks_mean_goes_into_the_settings(dock, viewer, qtbot):
    options = dock.pairs.options
    assert dock.configuration().data.ignore_label is None
    options.unpainted.value = "ignored"
    assert dock.configuration().data.ignore_label == 0
    assert not options.ignored.visible
    options.unpainted.value = "ignored by value"
    options.ignored.value = 7
    options.more.block_margin.value = 5
    options.more.not_finite.value = "background"
    options.stacks.stacks.value = "images"
    reopened = _open(qtbot, viewer)
    found = reopened.configuration().data
    assert (found.ignore_label, found.block_margin) == (7, 5)
    assert (found.not_finite, found.stacks) == ("background", "images")
    options.show_values(DataConfig(ignore_label=-1))
    assert options.values()["ignore_label"] == -1


def test_the_data_check_shows_findings_split_and_pictures(qtbot, ready, viewer):
    assert not ready.check.sheet_button.isEnabled()
    blank = np.zeros((48, 48), np.uint8)
    viewer.layers.selection = {
        viewer.add_image(blank + 3.0, name="<b>blank</b>"),
        viewer.add_labels(blank, name="none"),
    }
    ready.pairs.add_button.click()
    ready.check.check_button.click()
    qtbot.waitUntil(lambda: not ready.is_busy, timeout=SECONDS)
    assert "no foreground" in ready.pairs.table.contents.cells.tips[1, 4]
    assert 'layer "none" (row 2)' in ready.message.text()
    assert "&lt;b&gt;" not in ready.message.text()
    split = ready.check.split.contents.cells
    assert sum(int(row[0].split(":")[0]) for row in split.rows) == 3
    ready.check.sheet_button.click()
    [sheet] = ready.findChildren(ContactSheet)
    assert sheet.pictures.count() == 3
    assert len(sheet.table.contents.cells.rows) == 3
    sheet.close()
    ready.pairs.remove_button.click()
    assert not ready.check.sheet_button.isEnabled()
    assert not ready.check.split.isVisibleTo(ready)


def test_the_data_check_names_what_has_to_be_mended(qtbot, ready, viewer, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    viewer.layers["cells"].data[0, 0, 0] = np.inf
    ready.check.check_button.click()
    qtbot.waitUntil(lambda: not ready.is_busy, timeout=SECONDS)
    assert 'layer "cells" plane 000 (row 1)' in ready.message.text()
    assert "inf" in ready.pairs.table.contents.cells.rows[0][4].lower()


def test_layers_that_do_not_pair_are_refused(dock, viewer, monkeypatch):
    told = []
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", told.append)
    viewer.layers.selection = {viewer.add_image(np.zeros((48, 48)))}
    dock.pairs.add_button.click()
    assert "as many Labels as Image layers" in dock.message.text()
    assert len(told) == 1


def test_folders_are_paired_or_refused_with_the_files(qtbot, dock, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    images, masks = tmp_path / "images", tmp_path / "masks"
    for folder, names in ((images, ("1.tif", "10.tif")), (masks, ("1_mask.tif",))):
        folder.mkdir()
        for name in names:
            tifffile.imwrite(folder / name, np.ones((32, 32), np.uint8))
    dock.pairs.add_folders(images, masks)
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert "10.tif" in dock.message.text()
    assert not dock.session.pairs
    tifffile.imwrite(masks / "10_mask.tif", np.ones((32, 32), np.uint8))
    dock.pairs.add_folders(images, masks)
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)
    assert dock.pairs.table.contents.cells.rows[0][3] == "2 images"
    dock.pairs.remove_button.click()
    assert not dock.session.pairs


def test_the_forms_are_found_again_when_the_dock_is_reopened(qtbot, dock, viewer):
    _set(dock, 77)
    dock.configuration()
    reopened = _open(qtbot, viewer)
    assert reopened.settings.basic.iterations.value == 77
    assert reopened.settings.more.batch_size.value == 2
