import numpy as np
import pytest

from napari_deepflash2.viewer.compare_two import ROLE
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.widgets.compare_two import CompareTwo

SECONDS = 60_000


@pytest.fixture
def dock(qtbot, annotated):
    dock = CompareTwo(annotated)
    qtbot.addWidget(dock)
    return dock


def _compare(qtbot, dock):
    dock.compare_button.click()
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)


def _results(viewer):
    return [layer for layer in viewer.layers if role_of(layer) == ROLE]


def test_the_first_two_layers_are_chosen_and_compared_with_a_legend(qtbot, dock, annotated):
    _compare(qtbot, dock)
    [layer] = _results(annotated)
    one, two = (annotated.layers[f"expert {number}"].data for number in (1, 2))
    np.testing.assert_array_equal(layer.data, one + 2 * two)
    assert [label.text() for label in dock.legend.values()] == [
        "only expert 1: 64 pixels (5.9%)", "only expert 2: 64 pixels (5.9%)", "both: 960 pixels (88.2%)",
    ]  # fmt: skip
    assert dock.dice.text() == "Dice 0.938"
    assert not dock.result.isHidden()
    assert layer not in dock.first.choices


def test_comparing_twice_leaves_one_layer(qtbot, dock, annotated):
    _compare(qtbot, dock)
    _compare(qtbot, dock)
    assert len(_results(annotated)) == 1


def test_what_cannot_be_compared_is_said(qtbot, dock, annotated):
    dock.second.value = dock.first.value
    assert not dock.compare_button.isEnabled()
    assert "different" in dock.compare_button.toolTip()
    dock.second.value = annotated.layers["expert 2"]
    annotated.layers["expert 2"].scale = (1, 1)
    dock.compare_button.click()
    assert "differ in scale" in dock.message.text()
    for name in ("expert 1", "expert 2", "expert 3"):
        annotated.layers.remove(name)
    assert not dock.side_button.isEnabled()


def test_side_by_side_goes_on_and_off_also_from_a_dock_opened_anew(qtbot, dock, annotated):
    before = list(annotated.layers)
    dock.image.value = annotated.layers["cells"]
    dock.side_button.click()
    assert annotated.canvas.grid.enabled
    assert len(annotated.layers) == len(before) + 1
    again = CompareTwo(annotated)
    qtbot.addWidget(again)
    again.side_button.click()
    assert not annotated.canvas.grid.enabled
    assert list(annotated.layers) == before
