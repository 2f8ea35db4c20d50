import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_deepflash2.progress import Cancelled
from napari_deepflash2.viewer import predicting
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.session import session_of
from napari_deepflash2.widgets.objects import shown, summary_of
from napari_deepflash2.widgets.predict import Predict

SECONDS = 120_000


@pytest.fixture
def dock(qtbot, viewer, ensemble_folder):
    session_of(viewer).use_ensemble(ensemble_folder)
    dock = Predict(viewer)
    qtbot.addWidget(dock)
    dock.outputs["objects"].value = True
    return dock


def _stack():
    """Squares as in training, one on the first plane and two on the second."""
    stack = np.random.default_rng(0).normal(0, 10, (2, 64, 64)).astype(np.float32)
    stack[0, 8:24, 8:24] += 100
    stack[1, 8:24, 8:24] += 100
    stack[1, 40:56, 36:52] += 60
    return stack


def _predict(qtbot, dock):
    assert dock.predict_button.isEnabled(), dock.predict_button.toolTip()
    dock.predict_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)


def _layer(viewer):
    return next(layer for layer in viewer.layers if role_of(layer) == "objects")


def test_objects_are_found_where_they_are_asked_for_and_listed_the_most_uncertain_first(qtbot, dock, viewer):
    viewer.add_image(_stack(), name="stack")
    _predict(qtbot, dock)
    layer, table = _layer(viewer), dock.objects.table.model()
    assert len(layer.features) == len(np.unique(layer.data)) - 1 == table.rowCount() > 1
    columns = [table.headerData(n, Qt.Orientation.Horizontal) for n in range(table.columnCount())]
    assert (columns[:2], columns[-1]) == (["object", "uncertainty"], "plane")
    told = [float(table.index(row, 1).data()) for row in range(table.rowCount())]
    assert told == sorted(told, reverse=True)
    assert not dock.objects.isHidden()


def test_a_click_goes_to_the_object_and_selects_it(qtbot, dock, viewer):
    viewer.add_image(_stack(), name="stack")
    _predict(qtbot, dock)
    layer = _layer(viewer)
    features = layer.features
    for number in (0, len(features) - 1):
        dock.objects.table.choose(number)
        row = features.iloc[number]
        assert layer.selected_label == row["index"]
        assert viewer.dims.current_step[0] == row["plane"]
        y, x = viewer.scene.camera.center[-2:]
        assert row["top"] <= y <= row["bottom"]
        assert row["left"] <= x <= row["right"]


def test_a_removed_layer_is_no_harm_and_the_next_run_brings_it_back(qtbot, dock, viewer):
    viewer.add_image(_stack(), name="stack")
    _predict(qtbot, dock)
    viewer.layers.remove(_layer(viewer))
    dock.objects.table.choose(0)
    dock.objects.colouring.value = "class"
    before = len(viewer.layers)
    _predict(qtbot, dock)
    assert len(viewer.layers) == before + 1
    _predict(qtbot, dock)
    assert len(viewer.layers) == before + 1


def test_other_colours_are_given_at_once(qtbot, dock, viewer):
    viewer.add_image(_stack(), name="stack")
    _predict(qtbot, dock)
    before = _layer(viewer).colormap.colors.copy()
    dock.objects.colouring.value = "class"
    assert not np.array_equal(_layer(viewer).colormap.colors, before)


def test_objects_of_all_regions_that_were_predicted_are_together(qtbot, dock, viewer):
    image = viewer.add_image(np.concatenate([_stack()[1]] * 2, axis=1), name="wide")
    shapes = viewer.add_shapes([np.array([[0, 0], [63, 63]])], shape_type="rectangle")
    dock.image.value, dock.shapes.value, dock.region.value = image, shapes, "shape"
    _predict(qtbot, dock)
    assert not _layer(viewer).data[:, 64:].any()
    left = _layer(viewer).features.query("right < 62")["uncertainty"].tolist()
    assert left
    shapes.data = [np.array([[0, 64], [63, 127]])]
    _predict(qtbot, dock)
    assert _layer(viewer).data[:, 64:].any()
    assert set(np.round(left, 5)) <= set(np.round(_layer(viewer).features["uncertainty"], 5))
    dock.objects.table.choose(len(_layer(viewer).features) - 1)
    assert _layer(viewer).selected_label == len(_layer(viewer).features)


def test_without_being_asked_for_there_are_no_objects(qtbot, dock, viewer):
    dock.outputs["objects"].value = False
    viewer.add_image(_stack(), name="stack")
    _predict(qtbot, dock)
    assert "objects" not in {role_of(layer) for layer in viewer.layers}
    assert dock.objects.isHidden()


def test_stopped_while_objects_are_looked_for_the_prediction_stays(qtbot, dock, viewer, monkeypatch):
    def stopped(*_):
        raise Cancelled

    monkeypatch.setattr(predicting, "find_layer_objects", stopped)
    viewer.add_image(_stack(), name="stack")
    _predict(qtbot, dock)
    assert {"prediction", "uncertainty"} <= {role_of(layer) for layer in viewer.layers}
    assert dock.objects.isHidden()
    assert not dock.result.isHidden()


def _table(**columns):
    known = {"label": [1, 2], "class": [1, 1], "uncertainty": [0.1, 0.2], "area": [10, 20]}
    unknown = pd.array([None, None], "Float64")
    return pd.DataFrame({**known, "area_um2": unknown, "expected_iou": unknown, "unlike": unknown, **columns})


def test_columns_of_which_nothing_is_known_are_left_out():
    assert list(shown(_table())) == ["object", "uncertainty", "pixels"]
    full = _table(expected_iou=[0.5, 0.7], area_um2=[1.0, 2.0], unlike=[0.0, 0.0], **{"class": [1, 2]})
    assert list(shown(full)) == ["object", "uncertainty", "overlap", "µm²", "unlike", "class"]


def test_the_summary_says_what_is_known():
    assert "not known" in summary_of(_table())
    assert "0.60 on average" in summary_of(_table(expected_iou=[0.5, 0.7]))
    assert summary_of(_table().iloc[:0]) == "No objects."
