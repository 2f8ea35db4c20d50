"""A table of a data frame that is sorted by a click on a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtWidgets import QHeaderView

from .row_table import RowTable
from .tables import text_of

if TYPE_CHECKING:
    import pandas as pd

_VALUE = Qt.ItemDataRole.UserRole


class FrameModel(QAbstractTableModel):
    """Gives the cells of a data frame to a view."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[str, ...] = ()
        self._rows: tuple[tuple[Any, ...], ...] = ()

    def show(self, frame: pd.DataFrame) -> None:
        """Give another frame from now on."""
        known = frame.astype(object).where(frame.notna(), None)
        self.beginResetModel()
        self._columns = tuple(str(column).replace("_", " ") for column in frame.columns)
        self._rows = tuple(known.itertuples(index=False, name=None))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Qt asks for the number of rows."""
        return len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Qt asks for the number of columns."""
        return len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt asks for a cell: its text, or its value to sort by."""
        value = self._rows[index.row()][index.column()]
        if role == _VALUE:
            return value
        if role == Qt.ItemDataRole.DisplayRole:
            return text_of(value)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Qt asks for a header."""
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return self._columns[section]


class _Sorted(QSortFilterProxyModel):
    """Sorts by values; what is not known comes last, either way."""

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Qt asks which of two cells comes first in ascending order."""
        one, other = left.data(_VALUE), right.data(_VALUE)
        if one is None or other is None:
            return (other is None) == (self.sortOrder() == Qt.SortOrder.AscendingOrder) and one is not other
        return bool(one < other)


class FrameTable(RowTable):
    """A read-only table; a click on a header sorts, a chosen row is told by its number in the frame."""

    def __init__(self) -> None:
        self._contents, self._sorted = FrameModel(), _Sorted()
        self._sorted.setSourceModel(self._contents)
        super().__init__(self._sorted)
        self.setSortingEnabled(True)
        header, side = self.horizontalHeader(), self.verticalHeader()
        if header is not None and side is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            side.setVisible(False)

    def show_frame(self, frame: pd.DataFrame, by: str, ascending: bool) -> None:
        """Show a frame, sorted by a column."""
        self.blockSignals(True)
        self._contents.show(frame)
        order = Qt.SortOrder.AscendingOrder if ascending else Qt.SortOrder.DescendingOrder
        self.sortByColumn(list(frame.columns).index(by), order)
        self.blockSignals(False)

    @property
    def row(self) -> int | None:
        """Number of the chosen row in the frame; None where none is."""
        index = self.currentIndex()
        return self.number_at(index) if index.isValid() else None

    def neighbour(self, step: int) -> int | None:
        """Give the number in the frame of the row that many below the chosen one; None beyond the ends."""
        index = self.currentIndex()
        place = index.row() + step if index.isValid() else 0
        if not 0 <= place < self._sorted.rowCount():
            return None
        return self.number_at(self._sorted.index(place, 0))

    def choose(self, number: int) -> None:
        """Choose a row by its number in the frame, as a click does."""
        index = self._sorted.mapFromSource(self._contents.index(number, 0))
        self.setCurrentIndex(index)
        self.scrollTo(index)

    def number_at(self, index: QModelIndex) -> int:
        """Give the number of a row in the frame."""
        return self._sorted.mapToSource(index).row()
