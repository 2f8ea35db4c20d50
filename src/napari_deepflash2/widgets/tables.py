"""Small tables in a dock."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableView

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = "–"
MOST_ROWS_SHOWN = 8
HEAT_COLORMAP = "viridis"


@dataclass(frozen=True)
class Cells:
    """Texts of a table: headers of rows and columns, and what is between them.

    Attributes
    ----------
    columns, index : tuple of str
        Headers.
    rows : tuple of tuple of str
        Texts.
    shades : tuple of tuple of (float or None)
        Values in [0, 1] that colour the cells as a heat map; none leave the table plain.
    tips : dict of (int, int) to str
        More about the cell in a row and column, shown where the mouse rests on it.
    """

    columns: tuple[str, ...] = ()
    index: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    shades: tuple[tuple[float | None, ...], ...] = ()
    tips: Mapping[tuple[int, int], str] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Cells:
        """Take a data frame; numbers get three digits, what is unknown a dash."""
        known = frame.astype(object).where(frame.notna(), None)
        return cls(
            tuple(str(column).replace("_", " ") for column in frame.columns),
            tuple(str(name) for name in frame.index),
            tuple(tuple(text_of(value) for value in row) for row in known.itertuples(index=False)),
        )

    @classmethod
    def heat_map(cls, frame: pd.DataFrame) -> Cells:
        """Take a matrix of values in [0, 1], each coloured by what it is."""
        known = frame.astype(object).where(frame.notna(), None)
        shades = tuple(tuple(row) for row in known.itertuples(index=False))
        return replace(cls.of(frame), shades=shades)


def text_of(value: Any) -> str:
    """Write a cell as text."""
    if value is None:
        return UNKNOWN
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def heat_colour(value: float) -> QColor:
    """Colour of a value in [0, 1]: perceptually even, dark to bright, the same in every theme."""
    from napari.utils.colormaps import ensure_colormap

    return QColor.fromRgbF(*(float(part) for part in ensure_colormap(HEAT_COLORMAP).map(value)[0]))


def colour_on(background: QColor) -> QColor:
    """Black or white, whichever is told better from the background."""
    light = luminance(background)
    # Equal contrast by WCAG 2: (1 + 0.05) / (light + 0.05) to white, (light + 0.05) / 0.05 to black.
    return QColor("black" if (light + 0.05) ** 2 > 1.05 * 0.05 else "white")


def contrast(one: QColor, other: QColor) -> float:
    """Contrast of two colours as WCAG 2 defines it, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: QColor) -> float:
    """Relative luminance in [0, 1] as WCAG 2 defines it."""
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


HEAT_ROLES: dict[int, Callable[[float], QColor]] = {
    Qt.ItemDataRole.BackgroundRole: heat_colour,
    Qt.ItemDataRole.ForegroundRole: lambda value: colour_on(heat_colour(value)),
}


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
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            # Qt takes a tooltip for HTML where it looks like it, and names may.
            return html.escape(self.cells.tips.get((index.row(), index.column()), "")) or None
        if self.cells.shades and role in HEAT_ROLES:
            shade = self.cells.shades[index.row()][index.column()]
            return None if shade is None else QBrush(HEAT_ROLES[role](shade))
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

    def __init__(self, columns: Sequence[str] = (), model: CellsModel | None = None) -> None:
        super().__init__()
        self.contents = model or CellsModel()
        self.contents.show(Cells(columns=tuple(columns)))
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
        # The colour of a selection would hide that of the value.
        mode = QAbstractItemView.SelectionMode
        self.setSelectionMode(mode.NoSelection if cells.shades else mode.ExtendedSelection)
        self.contents.show(cells)
        rows = min(max(len(cells.rows), 1), MOST_ROWS_SHOWN)
        header, side = self.horizontalHeader(), self.verticalHeader()
        if header is not None and side is not None:
            # One row more leaves room for the horizontal scroll bar.
            self.setFixedHeight(header.sizeHint().height() + (rows + 1) * side.defaultSectionSize())
