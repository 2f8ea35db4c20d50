"""A table of a data frame that is sorted by a click on a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QHeaderView

from .row_table import RowTable
from .tables import text_of

if TYPE_CHECKING:
    import pandas as pd

# Rows by whose texts columns are made wide enough; all of thousands would take long.
_MEASURED = 100


class FrameModel(QAbstractTableModel):
    """Gives the cells of a data frame to a view, in the order of a column."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[str, ...] = ()
        self._rows: tuple[tuple[Any, ...], ...] = ()
        self._order: list[int] = []

    def show(self, frame: pd.DataFrame) -> None:
        """Give another frame from now on."""
        known = frame.astype(object).where(frame.notna(), None)
        self.beginResetModel()
        self._columns = tuple(str(column).replace("_", " ") for column in frame.columns)
        self._rows = tuple(known.itertuples(index=False, name=None))
        self._order = list(range(len(self._rows)))
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Qt asks to sort: by values; what is not known comes last, either way."""
        # A proxy model would ask Python for two cells at each comparison.
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        numbers = [self.number_at(index.row()) for index in kept]
        values = [row[column] for row in self._rows] if self._columns else []
        known = [number for number, value in enumerate(values) if value is not None]
        known.sort(key=values.__getitem__, reverse=order == Qt.SortOrder.DescendingOrder)
        self._order = known + [number for number, value in enumerate(values) if value is None]
        places = {number: place for place, number in enumerate(self._order)}
        moved = [
            self.index(places[number], index.column()) for number, index in zip(numbers, kept, strict=True)
        ]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def number_at(self, place: int) -> int:
        """Give the number in the frame of the row at a place."""
        return self._order[place]

    def place_of(self, number: int) -> int:
        """Give the place of a row of the frame."""
        return self._order.index(number)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Qt asks for the number of rows."""
        return len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Qt asks for the number of columns."""
        return len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt asks for a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return text_of(self._rows[self._order[index.row()]][index.column()])
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


class FrameTable(RowTable):
    """A read-only table; a click on a header sorts, a chosen row is told by its number in the frame."""

    def __init__(self) -> None:
        self._contents = FrameModel()
        super().__init__(self._contents)
        self.setSortingEnabled(True)
        header, side = self.horizontalHeader(), self.verticalHeader()
        if header is not None and side is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setResizeContentsPrecision(_MEASURED)
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
        return self._contents.number_at(place) if 0 <= place < self._contents.rowCount() else None

    def choose(self, number: int) -> None:
        """Choose a row by its number in the frame, as a click does."""
        index = self._contents.index(self._contents.place_of(number), 0)
        self.setCurrentIndex(index)
        self.scrollTo(index)

    def number_at(self, index: QModelIndex) -> int:
        """Give the number of a row in the frame."""
        return self._contents.number_at(index.row())
