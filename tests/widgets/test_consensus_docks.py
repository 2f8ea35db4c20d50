import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_deepflash2.consensus import dice, estimate_consensus
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.session import session_of
from napari_deepflash2.widgets.compare import CompareAnnotations
from napari_deepflash2.widgets.ground_truth import EstimateGroundTruth

SECONDS = 60_000


def _layers(viewer, role):
    return [layer for layer in viewer.layers if role_of(layer) == role]


def _finish(qtbot, dock, button):
    assert button.isEnabled()
    button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)


@pytest.fixture
def compare(qtbot, annotated):
    dock = CompareAnnotations(annotated)
    qtbot.addWidget(dock)
    return dock


@pytest.fixture
def ground_truth(qtbot, annotated):
    dock = EstimateGroundTruth(annotated)
    qtbot.addWidget(dock)
    return dock


def test_comparing_shows_maps_where_the_experts_are_and_a_table(qtbot, compare, annotated):
    _finish(qtbot, compare, compare.compare_button)
    [agreement] = _layers(annotated, "agreement")
    [disagreement] = _layers(annotated, "disagreement")
    expert = annotated.layers["expert 1"]
    for layer in (agreement, disagreement):
        np.testing.assert_allclose(layer.extent.world, expert.extent.world)
        assert layer.units == expert.units
        assert layer.axis_labels == ("y", "x")
    votes = np.sum([annotated.layers[f"expert {number}"].data for number in (1, 2, 3)], axis=0)
    np.testing.assert_array_equal(agreement.data, np.maximum(votes, 3 - votes))
    np.testing.assert_array_equal(disagreement.data > 0, (votes == 1) | (votes == 2))
    cells = compare.pairwise.contents.cells
    assert cells.columns == cells.index == ("expert 1", "expert 2", "expert 3")
    one, three = annotated.layers["expert 1"].data > 0, annotated.layers["expert 3"].data > 0
    assert cells.rows[0][2] == f"{dice(one, three):.3f}"
    assert "kappa" in compare.summary.text()


def test_comparing_gives_the_consensus_that_a_later_estimate_updates(qtbot, compare, ground_truth, annotated):
    _finish(qtbot, compare, compare.compare_button)
    [consensus] = _layers(annotated, "consensus")
    masks = {f"expert {number}": annotated.layers[f"expert {number}"].data for number in (1, 2, 3)}
    np.testing.assert_array_equal(consensus.data, estimate_consensus(masks).labels)
    ground_truth.method.method.value = "union"
    _finish(qtbot, ground_truth, ground_truth.estimate_button)
    assert _layers(annotated, "consensus") == [consensus]
    np.testing.assert_array_equal(consensus.data, estimate_consensus(masks, method="union").labels)


def test_comparing_is_by_staple_whatever_the_other_dock_is_set_to(qtbot, compare, annotated):
    session_of(annotated).configure("consensus", {"method": "intersection", "max_iterations": 1})
    _finish(qtbot, compare, compare.compare_button)
    masks = {f"expert {number}": annotated.layers[f"expert {number}"].data for number in (1, 2, 3)}
    expected = estimate_consensus(masks, max_iterations=1, require_convergence=False).labels
    np.testing.assert_array_equal(_layers(annotated, "consensus")[0].data, expected)
    assert session_of(annotated).configuration.consensus.method == "intersection"


def test_the_pairwise_table_is_a_heat_map_and_the_other_is_plain(qtbot, compare):
    _finish(qtbot, compare, compare.compare_button)
    shades = compare.pairwise.contents.cells.shades
    assert shades[0][0] == 1.0
    assert f"{shades[0][2]:.3f}" == compare.pairwise.contents.cells.rows[0][2]
    assert not compare.leave_one_out.contents.cells.shades
    assert "No expert stands out." in compare.summary.text()


@pytest.mark.parametrize(("axis", "images"), [("field", 3), ("z", 1)])
def test_the_interval_is_over_the_images_of_a_stack_but_not_over_one_specimen(
    qtbot, viewer, compare, annotated, axis, images
):
    experts = [annotated.layers[f"expert {number}"].data for number in (1, 2, 3)]
    annotated.layers.clear()
    for number, mask in enumerate(experts, start=1):
        stack = np.stack([mask, np.roll(mask, number, 0), mask])
        annotated.add_labels(stack, name=f"expert {number}", axis_labels=(axis, "y", "x"))
    _finish(qtbot, compare, compare.compare_button)
    columns = compare.leave_one_out.contents.cells.columns
    assert ({"dice low", "dice high"} <= set(columns)) == (images > 1)
    assert (f"over {images} images" in compare.others.text()) == (images > 1)


def test_who_stands_out_is_named_in_words(qtbot, compare, annotated):
    elsewhere = np.zeros((64, 64), np.uint8)
    elsewhere[:6, :6] = 1
    annotated.layers["expert 2"].data = elsewhere
    _finish(qtbot, compare, compare.compare_button)
    assert "expert 2 stands out" in compare.summary.text()


def test_tables_and_figures_are_exported_to_the_chosen_folder(
    qtbot, compare, annotated, tmp_path, monkeypatch
):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    _finish(qtbot, compare, compare.compare_button)
    for answer in ("", str(tmp_path / "report")):
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, answer=answer: answer)
        compare.export_button.click()
        qtbot.waitUntil(lambda: not compare.is_busy, timeout=SECONDS)
    table = pd.read_csv(tmp_path / "report" / "pairwise_dice.csv", index_col=0)
    assert f"{table.loc['expert 1', 'expert 3']:.3f}" == compare.pairwise.contents.cells.rows[0][2]
    assert {".csv", ".xlsx", ".png", ".svg"} <= {path.suffix for path in (tmp_path / "report").iterdir()}
    assert str(tmp_path / "report") in compare.message.text()
    (tmp_path / "file").touch()
    compare.export(tmp_path / "file")
    qtbot.waitUntil(lambda: not compare.is_busy, timeout=SECONDS)
    assert "cannot be written" in compare.message.text()


def test_running_twice_leaves_as_many_layers(qtbot, compare, ground_truth, annotated):
    _finish(qtbot, compare, compare.compare_button)
    _finish(qtbot, ground_truth, ground_truth.estimate_button)
    before = list(annotated.layers)
    _finish(qtbot, compare, compare.compare_button)
    _finish(qtbot, ground_truth, ground_truth.estimate_button)
    assert list(annotated.layers) == before


@pytest.mark.parametrize("method", ["staple", "majority", "union", "intersection", "at_least"])
def test_the_consensus_layer_holds_what_the_science_estimates(qtbot, ground_truth, annotated, method):
    ground_truth.method.method.value = method
    _finish(qtbot, ground_truth, ground_truth.estimate_button)
    [consensus] = _layers(annotated, "consensus")
    masks = {f"expert {number}": annotated.layers[f"expert {number}"].data for number in (1, 2, 3)}
    np.testing.assert_array_equal(consensus.data, estimate_consensus(masks, method=method).labels)
    assert tuple(consensus.get_color(1)[:3].round(2)) == (0, 0.71, 0.85)
    np.testing.assert_allclose(consensus.extent.world, annotated.layers["cells"].extent.world)
    assert ground_truth.table.contents.cells.index == ("expert 1", "expert 2", "expert 3")


def test_objects_count_as_foreground(qtbot, ground_truth, annotated):
    for number in (1, 2, 3):
        layer = annotated.layers[f"expert {number}"]
        halves = layer.data.astype(int)
        halves[32:][halves[32:] > 0] = 2
        layer.data = halves
    ground_truth.experts.meaning.mask_kind.value = "instances"
    _finish(qtbot, ground_truth, ground_truth.estimate_button)
    [consensus] = _layers(annotated, "consensus")
    assert set(np.unique(consensus.data)) == {0, 1}


def test_only_ticked_layers_vote_and_ours_and_hidden_ones_are_no_experts(qtbot, ground_truth, annotated):
    annotated.add_labels(np.zeros((64, 64), int), name="truth", visible=False)
    _finish(qtbot, ground_truth, ground_truth.estimate_button)
    assert [layer.name for layer in ground_truth.experts.layers()] == ["expert 1", "expert 2", "expert 3"]
    session_of(annotated).tick(annotated.layers["expert 2"], False)
    reopened = EstimateGroundTruth(annotated)
    qtbot.addWidget(reopened)
    assert [layer.name for layer in reopened.experts.layers()] == ["expert 1", "expert 3"]


def test_a_disabled_button_says_why(qtbot, compare, annotated):
    for number in (1, 2, 3):
        annotated.layers.remove(f"expert {number}")
    assert not compare.compare_button.isEnabled()
    assert "at least 2 experts" in compare.compare_button.toolTip()


def test_layers_that_do_not_fit_are_refused_in_dock_and_notification(qtbot, compare, annotated, monkeypatch):
    told = []
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", told.append)
    annotated.layers["expert 2"].scale = (1, 1)
    compare.compare_button.click()
    assert not compare.is_busy
    assert '"expert 1" and "expert 2"' in compare.message.text()
    assert told == [compare.message.text()]
    assert compare.message.isVisibleTo(compare)


def test_outlines_give_each_expert_one_colour(compare, annotated):
    compare.experts.outline.click()
    colours = {tuple(annotated.layers[f"expert {number}"].get_color(1).round(3)) for number in (1, 2, 3)}
    assert len(colours) == 3
    assert all(annotated.layers[f"expert {number}"].contour for number in (1, 2, 3))


def test_a_layer_name_with_markup_is_shown_as_it_is(qtbot, compare, annotated, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    layer = annotated.layers["expert 2"]
    layer.name = "<b>expert</b> &"
    item = compare.experts.list.findItems(layer.name, Qt.MatchFlag.MatchExactly)[0]
    assert "&lt;b&gt;" in item.toolTip()
    layer.scale = (1, 1)
    compare.compare_button.click()
    assert "<b>expert</b> &" in compare.message.text()


def test_masks_painted_while_the_job_runs_do_not_change_it(qtbot, ground_truth, annotated):
    expected = {f"expert {n}": annotated.layers[f"expert {n}"].data.copy() for n in (1, 2, 3)}
    ground_truth.estimate_button.click()
    for number in (1, 2, 3):
        annotated.layers[f"expert {number}"].data[:] = 1
    qtbot.waitUntil(lambda: not ground_truth.is_busy, timeout=SECONDS)
    [consensus] = _layers(annotated, "consensus")
    np.testing.assert_array_equal(consensus.data, estimate_consensus(expected).labels)


def test_continue_to_training_makes_image_and_consensus_a_pair(qtbot, ground_truth, annotated):
    assert not ground_truth.continue_button.isEnabled()
    ground_truth.experts.image_box.value = annotated.layers["cells"]
    _finish(qtbot, ground_truth, ground_truth.estimate_button)
    ground_truth.continue_button.click()
    [pair] = session_of(annotated).pairs
    assert pair.image is annotated.layers["cells"]
    assert role_of(pair.masks[0]) == "consensus"
