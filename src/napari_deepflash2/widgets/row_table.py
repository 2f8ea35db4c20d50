"""Tables of which one row is chosen at a time."""

from __future__ import annotations

from qtpy.QtCore import QAbstractItemModel, QModelIndex, Signal
from qtpy.QtWidgets import QAbstractItemView, QSizePolicy, QTableView

ROWS_SHOWN = 8


class RowTable(QTableView):
    """A read-only table, at least eight rows high; choosing a row says so.

    Parameters
    ----------
    model : QAbstractItemModel
        What it shows.
    """

    chosen = Signal(int)

    def __init__(self, model: QAbstractItemModel) -> None:
        super().__init__()
        self.setModel(model)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setWordWrap(False)
        header, side = self.horizontalHeader(), self.verticalHeader()
        if header is not None and side is not None:
            self.setMinimumHeight(header.sizeHint().height() + ROWS_SHOWN * side.defaultSectionSize())
        selection = self.selectionModel()
        if selection is not None:
            selection.currentRowChanged.connect(lambda now, _: self.chosen.emit(self.number_at(now)))

    def number_at(self, index: QModelIndex) -> int:
        """Give the number by which a row is told; where the view sorts it is not its place."""
        return index.row()
