import numpy as np
import pytest
from qtpy.QtCore import Qt

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
    assert role_of(pair.labels) == "consensus"
