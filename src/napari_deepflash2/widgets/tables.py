"""Small tables in a dock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableView

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = "–"
MOST_ROWS_SHOWN = 8


@dataclass(frozen=True)
class Cells:
    """Texts of a table: headers of rows and columns, and what is between them."""

    columns: tuple[str, ...] = ()
    index: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Cells:
        """Take a data frame; numbers get three digits, what is unknown a dash."""
        known = frame.astype(object).where(frame.notna(), None)
        return cls(
            tuple(str(column).replace("_", " ") for column in frame.columns),
            tuple(str(name) for name in frame.index),
            tuple(tuple(text_of(value) for value in row) for row in known.itertuples(index=False)),
        )


def text_of(value: Any) -> str:
    """Write a cell as text."""
    if value is None:
        return UNKNOWN
    return f"{value:.3f}" if isinstance(value, float) else str(value)


class CellsModel(QAbstractTableModel):
    """Gives the texts to a view."""

    def __init__(self, cells: Cells | None = None) -> None:
        super().__init__()
        self.cells = cells or Cells()

    def show(self, cells: Cells) -> None:
        """Replace all texts."""
        self.beginResetModel()
        self.cells = cells
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Qt asks for the number of rows."""
        return len(self.cells.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Qt asks for the number of columns."""
        return len(self.cells.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt asks for a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self.cells.rows[index.row()][index.column()]
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Qt asks for a header."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (self.cells.columns if orientation == Qt.Orientation.Horizontal else self.cells.index)[section]


class Table(QTableView):
    """A read-only table that is as high as its few rows."""

    def __init__(self, columns: Sequence[str] = ()) -> None:
        super().__init__()
        self.contents = CellsModel(Cells(columns=tuple(columns)))
        self.setModel(self.contents)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        header = self.horizontalHeader()
        if header is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.show_cells(self.contents.cells)

    def show_cells(self, cells: Cells) -> None:
        """Show these texts."""
        self.contents.show(cells)
        rows = min(max(len(cells.rows), 1), MOST_ROWS_SHOWN)
        header, side = self.horizontalHeader(), self.verticalHeader()
        if header is not None and side is not None:
            # One row more leaves room for the horizontal scroll bar.
            self.setFixedHeight(header.sizeHint().height() + (rows + 1) * side.defaultSectionSize())
