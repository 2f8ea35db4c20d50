import pandas as pd
from qtpy.QtCore import Qt

from napari_deepflash2.widgets.tables import UNKNOWN, Cells, Table


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
