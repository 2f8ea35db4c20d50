import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_deepflash2.widgets.tables import (
    UNKNOWN,
    Cells,
    Table,
    colour_on,
    contrast,
    heat_colour,
    luminance,
)


def test_a_table_shows_numbers_in_three_digits_and_the_unknown_as_a_dash(qtbot):
    frame = pd.DataFrame(
        {"dice": pd.array([0.12345, None], dtype="Float64"), "n_images": [3, 4]}, index=["<b>a</b>", "b"]
    )
    table = Table()
    qtbot.addWidget(table)
    table.show_cells(Cells.of(frame))
    model = table.model()
    assert [model.index(row, 0).data() for row in (0, 1)] == ["0.123", UNKNOWN]
    assert model.index(0, 1).data() == "3"
    headers = [model.headerData(n, Qt.Orientation.Horizontal) for n in (0, 1)]
    assert headers == ["dice", "n images"]
    assert model.headerData(0, Qt.Orientation.Vertical) == "<b>a</b>"


@pytest.mark.parametrize("value", [step / 20 for step in range(21)])
def test_a_heat_map_is_readable_whatever_the_value(value):
    paper = heat_colour(value)
    # WCAG 2 asks for a contrast of 4.5 of normal text.
    assert contrast(paper, colour_on(paper)) >= 4.5


def test_a_heat_map_gets_brighter_with_the_value_and_leaves_the_unknown_plain(qtbot):
    values = pd.array([0.0, 0.5, 1.0, None], dtype="Float64")
    table = Table()
    qtbot.addWidget(table)
    table.show_cells(Cells.heat_map(pd.DataFrame({"a": values})))
    model, role = table.model(), Qt.ItemDataRole
    paper = [model.index(row, 0).data(role.BackgroundRole) for row in range(4)]
    light = [luminance(brush.color()) for brush in paper[:3]]
    assert light == sorted(light)
    assert light[2] - light[0] > 0.5
    assert paper[3] is None
    assert model.index(0, 0).data() == "0.000"
    inks = [model.index(row, 0).data(role.ForegroundRole).color().name() for row in (0, 2)]
    assert inks == ["#ffffff", "#000000"]
    table.show_cells(Cells.of(pd.DataFrame({"a": values})))
    assert model.index(0, 0).data(role.BackgroundRole) is None
