"""The table of disputed regions: a model that makes only the texts that are looked at."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QHeaderView

from ..consensus.adjudication import Adjudication, Choice, Decision
from ..consensus.disputes import Dispute
from .row_table import RowTable

COLUMNS = ("area", "key", "who says what")
# The key that decides so; an expert's is the expert's number.
KEYS: dict[Choice, str] = {"consensus": "C", "all": "A", "none": "0", "painted": "K"}


class DisputesModel(QAbstractTableModel):
    """Gives the regions of an adjudication to a view."""

    def __init__(self) -> None:
        super().__init__()
        self.adjudication: Adjudication | None = None

    def show(self, adjudication: Adjudication | None) -> None:
        """Give other regions from now on."""
        self.beginResetModel()
        self.adjudication = adjudication
        self.endResetModel()

    def decided(self, row: int) -> None:
        """Say that the decision on a row has changed."""
        self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Qt asks for the number of rows."""
        return len(self.adjudication.disputes) if self.adjudication else 0

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Qt asks for the number of columns."""
        return len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt asks for a cell."""
        if self.adjudication is None:
            return None
        dispute = self.adjudication.disputes[index.row()]
        decision, experts = self.adjudication.decision_on(dispute), self.adjudication.experts
        if role == Qt.ItemDataRole.ToolTipRole:
            return html.escape(opinions_text(dispute) + decision_text(decision))
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (dispute.area, key_text(decision, experts), numbers_text(dispute, experts))[index.column()]

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Qt asks for a header."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return COLUMNS[section] if orientation == Qt.Orientation.Horizontal else section + 1


class DisputesTable(RowTable):
    """The regions, largest first."""

    def __init__(self) -> None:
        self.contents = DisputesModel()
        super().__init__(self.contents)
        header = self.horizontalHeader()
        if header is not None:
            # Fitting columns to contents would ask for all rows at every change.
            header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
            header.setStretchLastSection(True)
            for column, widest in enumerate(("00000  ", "key  ")):
                self.setColumnWidth(column, self.fontMetrics().horizontalAdvance(widest))

    def show_row(self, row: int) -> None:
        """Select a row and scroll to it, without saying so."""
        self.blockSignals(True)
        self.selectRow(row)
        self.blockSignals(False)
        self.scrollTo(self.contents.index(row, 0))


def decision_text(decision: Decision | None) -> str:
    """Say what was decided, to follow after `opinions_text`; empty while nothing is."""
    return "" if decision is None else f"; decided: {decision.expert or decision.choice}"


def key_text(decision: Decision | None, experts: Sequence[str]) -> str:
    """Give the key of a decision; empty while there is none."""
    if decision is None:
        return ""
    return KEYS.get(decision.choice) or str(experts.index(decision.expert) + 1)


def opinions_text(dispute: Dispute) -> str:
    """Name the experts by the label that they give most of the region, the label of most experts first."""
    return "; ".join(f"{label}: {', '.join(experts)}" for label, experts in _by_label(dispute))


def numbers_text(dispute: Dispute, experts: Sequence[str]) -> str:
    """Say `opinions_text` shorter, with the experts' numbers, which are their keys."""
    number = {expert: str(place) for place, expert in enumerate(experts, start=1)}
    groups = [(label, [number[name] for name in names]) for label, names in _by_label(dispute)]
    return "   ".join(f"{label}: {' '.join(numbers)}" for label, numbers in groups)


def opinion_text(dispute: Dispute, expert: str) -> str:
    """Say what one expert gives a region: the labels with their shares, the largest first."""
    return ", ".join(f"{label} ({dispute.share_of(expert, label):.0%})" for label in dispute.votes[expert])


def _by_label(dispute: Dispute) -> list[tuple[int, list[str]]]:
    by_label: dict[int, list[str]] = {}
    for expert in dispute.votes:
        by_label.setdefault(dispute.label_of(expert), []).append(expert)
    return sorted(by_label.items(), key=lambda item: (-len(item[1]), item[0]))
