"""The button *Open expert folder...* in a dock."""

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog, QInputDialog
from roifile import ImagejRoi, roiwrite

from napari_deepflash2.widgets.compare import CompareAnnotations

SECONDS = 60_000


@pytest.fixture
def dock(qtbot, viewer):
    dock = CompareAnnotations(viewer)
    qtbot.addWidget(dock)
    return dock


@pytest.fixture
def folder(tmp_path):
    for expert in (1, 2):
        (tmp_path / "experts" / f"expert{expert}").mkdir(parents=True)
        for image, size in (("a", 16), ("b", 20)):
            mask = np.zeros((size, size), np.uint8)
            mask[2 : 6 + expert, 3:9] = 255
            tifffile.imwrite(tmp_path / "experts" / f"expert{expert}" / f"{image}.tif", mask)
    return tmp_path / "experts"


def _press(qtbot, dock, button):
    assert button.isEnabled()
    button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)


def _choose(monkeypatch, folder, image=None):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder or ""))
    asked = []

    def get_item(_parent, _title, _question, names, *_):
        asked.append(names)
        return (image or names[0], image is not None)

    monkeypatch.setattr(QInputDialog, "getItem", get_item)
    return asked


def test_the_experts_of_the_chosen_image_open_ticked_and_are_compared(
    qtbot, dock, viewer, folder, monkeypatch
):
    asked = _choose(monkeypatch, folder, "b.tif")
    _press(qtbot, dock, dock.experts.folder_button)
    assert asked == [["a.tif", "b.tif"]]
    assert [layer.name for layer in dock.experts.layers()] == ["expert1", "expert2"]
    assert viewer.layers["expert1"].data.shape == (20, 20)
    assert "Opened the masks of 2 experts" in dock.message.text()
    _press(qtbot, dock, dock.compare_button)
    assert dock.pairwise.contents.cells.index == ("expert1", "expert2")


def test_who_cancels_gets_nothing(qtbot, dock, viewer, folder, monkeypatch):
    _choose(monkeypatch, None)
    dock.experts.folder_button.click()
    assert not dock.is_busy
    asked = _choose(monkeypatch, folder, None)
    _press(qtbot, dock, dock.experts.folder_button)
    assert asked
    assert not viewer.layers


def test_what_is_no_folder_of_experts_is_refused_in_the_dock(qtbot, dock, viewer, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    _choose(monkeypatch, tmp_path / "missing")
    _press(qtbot, dock, dock.experts.folder_button)
    assert "cannot be opened as a folder" in dock.message.text()
    assert not viewer.layers


def test_roi_sets_open_on_the_chosen_image_as_objects(qtbot, dock, viewer, tmp_path, monkeypatch):
    viewer.add_image(np.zeros((16, 16)), name="cells", scale=(0.5, 0.5))
    for expert in ("ann", "bob"):
        (tmp_path / "rois" / expert).mkdir(parents=True)
        square = ImagejRoi.frompoints(np.array([(1, 1), (5, 1), (5, 5), (1, 5)], float))
        roiwrite(tmp_path / "rois" / expert / "cells.roi", [square])
    _choose(monkeypatch, tmp_path / "rois")
    _press(qtbot, dock, dock.experts.folder_button)
    assert dock.experts.meaning.mask_kind.value == "instances"
    assert tuple(viewer.layers["ann"].scale) == (0.5, 0.5)
    _press(qtbot, dock, dock.compare_button)
    assert dock.pairwise.contents.cells.rows[0] == ("1.000", "1.000")
