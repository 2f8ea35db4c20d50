import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_deepflash2.widgets.frame_table import FrameTable

ASCENDING, DESCENDING = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


@pytest.fixture
def table(qtbot):
    table = FrameTable()
    qtbot.addWidget(table)
    dice = pd.array([0.5, None, 0.1, 0.9], dtype="Float64")
    table.show_frame(pd.DataFrame({"name": list("abcd"), "dice": dice}), "dice", ascending=True)
    return table


def _names(table):
    return "".join(table.model().index(row, 0).data() for row in range(table.model().rowCount()))


def test_rows_are_sorted_by_value_and_what_is_not_known_comes_last_either_way(table):
    assert _names(table) == "cadb"
    table.sortByColumn(1, DESCENDING)
    assert _names(table) == "dacb"
    table.sortByColumn(0, DESCENDING)
    assert _names(table) == "dcba"


def test_a_chosen_row_is_told_by_its_number_in_the_frame_and_stays_chosen_when_sorted(qtbot, table):
    told = []
    table.chosen.connect(told.append)
    table.choose(3)
    assert told == [3]
    table.sortByColumn(1, DESCENDING)
    assert table.row == 3
    assert table.currentIndex().row() == 0
    assert table.neighbour(1) == 0
    assert table.neighbour(-1) is None
    assert told == [3]


def test_another_frame_is_shown_sorted_without_a_word(table):
    told = []
    table.chosen.connect(told.append)
    table.show_frame(pd.DataFrame({"name": ["x", "y"], "dice": [0.2, 0.1]}), "dice", ascending=True)
    assert _names(table) == "yx"
    assert table.row is None
    assert told == []
