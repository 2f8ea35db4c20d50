"""The table of training pairs, whose cells can be changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QAbstractItemModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from .tables import CellsModel, Table

# What a cell may be changed to, by its row and column, as texts and what they stand for; None for any text.
Choices = Callable[[int, int], Sequence[tuple[str, Any]] | None]


class EditableModel(CellsModel):
    """Cells that ask to be changed; whoever listens shows the table anew."""

    edited = Signal(int, int, object)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Qt asks what can be done with a cell."""
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt asks for a cell, also to begin a change with."""
        return super().data(index, Qt.ItemDataRole.DisplayRole if role == Qt.ItemDataRole.EditRole else role)

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Qt hands over what was chosen."""
        self.edited.emit(index.row(), index.column(), value)
        return True


class PairsTable(Table):
    """A table in which a double click on a cell offers what else may stand there.

    Parameters
    ----------
    columns : sequence of str
        Headers.
    choices : callable
        Called with row and column when a cell is double-clicked; no choice leaves it as it is.
    """

    def __init__(self, columns: Sequence[str], choices: Choices) -> None:
        self.model_of_pairs = EditableModel()
        super().__init__(columns, self.model_of_pairs)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setItemDelegate(_ChoiceDelegate(self, choices))


class _ChoiceDelegate(QStyledItemDelegate):
    def __init__(self, parent: QWidget, choices: Choices) -> None:
        super().__init__(parent)
        self._choices = choices

    def createEditor(
        self, parent: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget | None:
        choices = self._choices(index.row(), index.column())
        if choices is None:
            return super().createEditor(parent, option, index)
        if not choices:
            return None
        box = QComboBox(parent)
        for text, value in choices:
            box.addItem(text, value)
        # One click chooses: the list opens with the editor and closes it.
        box.activated.connect(lambda _: self.commitData.emit(box))
        return box

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(editor.findText(index.data()))
            editor.showPopup()
        else:
            super().setEditorData(editor, index)

    def setModelData(
        self, editor: QWidget | None, model: QAbstractItemModel | None, index: QModelIndex
    ) -> None:
        if isinstance(editor, QComboBox) and model is not None:
            model.setData(index, editor.currentData())
        else:
            super().setModelData(editor, model, index)
