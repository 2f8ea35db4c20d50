"""The dock *Review training* on a viewer model."""

import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_deepflash2.ensemble import load_review, train_ensemble
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.review import DISAGREEMENT, IMAGE, MARK, MASK, MODEL, UNCERTAINTY
from napari_deepflash2.viewer.session import session_of
from napari_deepflash2.widgets.frame_table import FrameTable
from napari_deepflash2.widgets.review import ReviewTraining
from napari_deepflash2.widgets.review_words import NO_EXPERTS, NOTHING_CONTRADICTS, region_text

SECONDS = 120_000
SETTINGS = {
    "training": {
        "architecture": "unet",
        "iterations": 2,
        "models": 3,
        "tile_size": 32,
        "batch_size": 1,
        "max_splits": 4,
    }
}


@pytest.fixture(scope="module")
def reviewed_once(tmp_path_factory):
    """Four images, one of which is left out by none of three models."""
    folder = tmp_path_factory.mktemp("reviewed") / "ensemble"
    rng = np.random.default_rng(0)
    masks = []
    for number in range(4):
        mask = np.zeros((48, 48), np.uint8)
        mask[8 * number : 8 * number + 16, 16:32] = 1
        masks.append(mask)
    train_ensemble([rng.normal(mask * 100.0, 20) for mask in masks], masks, folder, SETTINGS)
    return folder


@pytest.fixture
def reviewed(reviewed_once, tmp_path):
    return shutil.copytree(reviewed_once, tmp_path / "ensemble")


@pytest.fixture
def dock(qtbot, viewer, reviewed, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    session_of(viewer).use_ensemble(reviewed)
    dock = ReviewTraining(viewer)
    qtbot.addWidget(dock)
    return dock


def _press(qtbot, dock, button):
    assert button.isEnabled(), button.toolTip()
    button.click()
    _wait(qtbot, dock)


def _wait(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)


def _roles(viewer):
    return {role_of(layer): layer for layer in viewer.layers if role_of(layer)}


def _shown(table):
    """Texts of the first column, in the order they are shown."""
    return [table.model().index(row, 0).data() for row in range(table.model().rowCount())]


def test_it_opens_with_the_ensemble_of_the_session_and_says_what_came_of_it(qtbot, dock, reviewed):
    assert dock.folder.value == reviewed
    assert dock.tabs.isHidden()
    _press(qtbot, dock, dock.open_button)
    assert not dock.tabs.isHidden()
    text = dock.summary.text()
    assert "3 of 4 images" in text
    assert f"mean Dice {load_review(reviewed).images['dice'].mean():.3f}" in text
    assert "left out by no finished model" in dock.message.text()


def test_images_come_worst_first_and_those_without_figures_last(qtbot, dock, reviewed):
    _press(qtbot, dock, dock.open_button)
    table = load_review(reviewed).images
    known = table.dropna(subset="dice").sort_values("dice", kind="stable")["image"].tolist()
    unknown = table["image"][table["dice"].isna()].tolist()
    assert _shown(dock.images) == [*known, *unknown]
    dock.images.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert _shown(dock.images) == [*reversed(known), *unknown]


def test_show_layers_puts_the_chosen_image_into_the_viewer(qtbot, dock, viewer, reviewed):
    _press(qtbot, dock, dock.open_button)
    assert "Choose an image" in dock.show_button.toolTip()
    row = int(np.flatnonzero(dock.review.images["dice"].notna())[-1])
    dock.images.choose(row)
    name = dock.review.images["image"][row]
    _press(qtbot, dock, dock.show_button)
    assert [role_of(layer) for layer in viewer.layers] == [IMAGE, UNCERTAINTY, MODEL, MASK]
    np.testing.assert_array_equal(_roles(viewer)[MASK].data, load_review(reviewed).mask(name))


def test_an_image_that_no_model_left_out_says_so(qtbot, dock):
    _press(qtbot, dock, dock.open_button)
    (missing,) = np.flatnonzero(dock.review.images["score"].isna())
    dock.images.choose(int(missing))
    assert not dock.show_button.isEnabled()
    assert "No finished model" in dock.show_button.toolTip()


def test_the_label_check_goes_from_region_to_region_and_from_image_to_image(qtbot, dock, viewer):
    _press(qtbot, dock, dock.open_button)
    regions = dock.review.label_check.head(6)
    assert regions["image"].nunique() > 1
    dock.tabs.setCurrentWidget(dock.regions)
    for number, row in regions.iterrows():
        dock.regions.next_button.click()
        _wait(qtbot, dock)
        assert dock.regions.table.row == number
        mark = _roles(viewer)[MARK]
        middle = ((row["top"] + row["bottom"] - 1) / 2, (row["left"] + row["right"] - 1) / 2)
        assert tuple(viewer.scene.camera.center[-2:]) == pytest.approx(middle)
        assert mark.data.shape == (row["bottom"] - row["top"] + 2, row["right"] - row["left"] + 2)
        np.testing.assert_array_equal(_roles(viewer)[MASK].data, dock.review.mask(row["image"]))
        assert f"image {row['image']}" in dock.regions.text.text()
    dock.regions.back_button.click()
    _wait(qtbot, dock)
    assert dock.regions.table.row == len(regions) - 2


def test_going_on_faster_than_images_are_read_ends_at_the_last_one(qtbot, dock, viewer):
    _press(qtbot, dock, dock.open_button)
    regions = dock.review.label_check
    far = int(np.flatnonzero(regions["image"] != regions["image"][0])[-1])
    dock.regions.table.choose(0)
    assert dock.is_busy
    dock.regions.table.choose(far)
    qtbot.waitUntil(lambda: not dock.is_busy and MARK in _roles(viewer), timeout=SECONDS)
    np.testing.assert_array_equal(_roles(viewer)[MASK].data, dock.review.mask(regions["image"][far]))


def test_keys_work_while_the_label_check_is_looked_at_only(qtbot, dock, viewer):
    _press(qtbot, dock, dock.open_button)
    assert not viewer.keymap
    dock.tabs.setCurrentWidget(dock.regions)
    assert len(viewer.keymap) == 2
    dock.show()
    with qtbot.waitActive(dock):
        dock.activateWindow()
    dock.regions.table.setFocus()
    dock.regions.table.choose(0)
    qtbot.keyClick(dock.regions.table, Qt.Key.Key_N)
    assert dock.regions.table.row == 1
    qtbot.keyClick(dock.regions.table, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert dock.regions.table.row == 0
    _wait(qtbot, dock)
    dock.tabs.setCurrentIndex(0)
    assert not viewer.keymap


def test_the_first_and_the_last_region_are_ends(qtbot, dock):
    _press(qtbot, dock, dock.open_button)
    dock.regions.table.choose(0)
    assert not dock.regions.back_button.isEnabled()
    assert "first" in dock.regions.back_button.toolTip()
    dock.regions.table.choose(len(dock.review.label_check) - 1)
    _wait(qtbot, dock)
    assert not dock.regions.next_button.isEnabled()


def test_masks_and_models_that_agree_leave_nothing_to_click(qtbot, dock):
    _press(qtbot, dock, dock.open_button)
    dock.regions.show_regions(dock.review.label_check.head(0))
    assert dock.regions.text.text() == NOTHING_CONTRADICTS
    assert not dock.regions.next_button.isEnabled()


def test_experts_are_compared_when_their_folder_is_given(qtbot, dock, reviewed, tmp_path):
    _press(qtbot, dock, dock.open_button)
    assert not dock.no_experts.isHidden()
    assert dock.against.isHidden()
    review = load_review(reviewed)
    for expert, shift in (("ann", 0), ("bob", 1), ("cleo", 3)):
        (tmp_path / "experts" / expert).mkdir(parents=True)
        for name in review.records:
            mask = np.roll(review.mask(name), shift, axis=0)
            tifffile.imwrite(tmp_path / "experts" / expert / f"{name}.tif", mask)
    dock.compare_with_experts(tmp_path / "experts")
    _wait(qtbot, dock)
    assert dock.no_experts.isHidden()
    assert "experts' mean" in dock.against.legend.text().replace("&nbsp;", " ").replace("&#x27;", "'")
    assert "models against experts" in dock.summary.text()
    assert not dock.against.isHidden()
    assert sorted(_shown(dock.experts)) == sorted(review.records)
    assert (reviewed / "against_experts.csv").is_file()


@pytest.fixture
def hesitating(qtbot, dock, reviewed, tmp_path):
    """A dock that has compared the models with two experts, who differ in one square of each image."""
    _press(qtbot, dock, dock.open_button)
    review = load_review(reviewed)
    for expert, width in (("ann", 0), ("bob", 10)):
        (tmp_path / "experts" / expert).mkdir(parents=True)
        for name in review.records:
            mask = review.mask(name).copy()
            mask[36:46, 2 : 2 + width] = 1
            tifffile.imwrite(tmp_path / "experts" / expert / f"{name}.tif", mask)
    dock.compare_with_experts(tmp_path / "experts")
    _wait(qtbot, dock)
    dock.tabs.setCurrentWidget(dock.expert_page)
    return dock


def test_whether_models_hesitate_where_experts_disagree_is_said_and_drawn(qtbot, hesitating):
    found = hesitating.review.hesitation
    assert f"AUROC {found.auroc:.3f}" in hesitating.hesitation.text.text()
    assert f"AUROC of the experts' disagreement by uncertainty {found.auroc:.3f}" in hesitating.summary.text()
    assert not hesitating.hesitation.isHidden()
    assert "mean over pixels" in hesitating.hesitation.plot.legend.text().replace("&nbsp;", " ")


def test_without_experts_there_is_only_how_to_have_it(qtbot, dock):
    _press(qtbot, dock, dock.open_button)
    assert dock.no_experts.text() == NO_EXPERTS
    assert dock.hesitation.isHidden()


def test_disagreement_and_uncertainty_are_shown_alike_and_side_by_side(qtbot, hesitating, viewer):
    button, regions = hesitating.hesitation.side_button, hesitating.hesitation.regions
    assert not button.isEnabled()
    row = hesitating.review.hesitation_regions.iloc[0]
    regions.next_button.click()
    _wait(qtbot, hesitating)
    assert f"image {row['image']}" in regions.text.text()
    layers = _roles(viewer)
    assert layers[MARK].data.shape == (row["bottom"] - row["top"] + 2, row["right"] - row["left"] + 2)
    pair = [layers[DISAGREEMENT], layers[UNCERTAINTY]]
    assert pair[0].colormap == pair[1].colormap
    assert [layer.contrast_limits for layer in pair] == [[0, 1], [0, 1]]
    np.testing.assert_array_equal(pair[0].data[36:46, 2:12], 1)
    assert not any(layer.visible for layer in pair)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 500, 500), 90
    button.click()
    assert [layer for layer in viewer.layers if layer.visible] == pair
    # All of both is seen.
    assert tuple(viewer.scene.camera.center[-2:]) == pytest.approx((23.5, 23.5), abs=1)
    # Another image comes into the same two places.
    other = next(
        number
        for number, image in enumerate(hesitating.review.hesitation_regions["image"])
        if image != row["image"]
    )
    regions.table.choose(other)
    _wait(qtbot, hesitating)
    assert [role_of(layer) for layer in viewer.layers if layer.visible] == [DISAGREEMENT, UNCERTAINTY]
    assert button.isChecked()
    button.click()
    assert _roles(viewer)[MASK].visible
    assert MARK in _roles(viewer)
    assert not viewer.canvas.grid.enabled


def test_keys_go_through_the_list_that_is_looked_at(qtbot, hesitating, viewer):
    assert len(viewer.keymap) == 2
    hesitating.tabs.setCurrentWidget(hesitating.regions)
    assert len(viewer.keymap) == 2
    hesitating.tabs.setCurrentIndex(0)
    assert not viewer.keymap


def test_masks_that_do_not_fit_are_refused_in_the_dock(qtbot, dock, tmp_path):
    _press(qtbot, dock, dock.open_button)
    (tmp_path / "experts").mkdir()
    dock.compare_with_experts(tmp_path / "experts")
    _wait(qtbot, dock)
    assert "no sub-folder" in dock.message.text()
    assert not dock.no_experts.isHidden()


def test_a_map_that_is_gone_is_named_once(qtbot, dock, reviewed):
    _press(qtbot, dock, dock.open_button)
    name = dock.review.label_check["image"][0]
    (reviewed / "out_of_fold" / "labels" / f"{name}.tif").unlink()
    dock.regions.table.choose(0)
    _wait(qtbot, dock)
    assert f"{name}.tif" in dock.message.text()


def test_a_folder_without_a_review_is_refused(qtbot, dock, tmp_path):
    dock.folder.value = tmp_path
    _press(qtbot, dock, dock.open_button)
    assert "is missing" in dock.message.text()
    assert dock.tabs.isHidden()


def test_a_table_tells_its_rows_by_their_number_in_the_frame(qtbot):
    table = FrameTable()
    qtbot.addWidget(table)
    told = []
    table.chosen.connect(told.append)
    frame = pd.DataFrame({"name": list("abc"), "value": pd.array([2, None, 1], dtype="Int64")})
    table.show_frame(frame, "value", ascending=True)
    assert told == []
    assert _shown(table) == ["c", "a", "b"]
    assert (table.row, table.neighbour(1)) == (None, 2)
    table.choose(0)
    assert (told, table.neighbour(1), table.neighbour(-1)) == ([0], 1, 2)
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert _shown(table) == ["a", "c", "b"]
    assert (table.row, table.neighbour(-1)) == (0, None)


def test_a_region_in_words():
    row = pd.Series({"image": "a", "mask": 0, "model": 255, "area": 40, "margin": 0.5})
    assert region_text(row, 2, 9) == (
        "2 of 9, image a: the mask says 0, the model 255, on 40 pixels (margin 0.50)"
    )
