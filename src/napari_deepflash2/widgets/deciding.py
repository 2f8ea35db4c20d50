"""The page of a dock on which disputed regions are decided: table, experts, buttons with their keys."""

from __future__ import annotations

import getpass
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QGridLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ..consensus.adjudication import Adjudication
from ..viewer.colours import expert_colour
from .disputes_table import DisputesTable, opinion_text
from .dock import make_button, text_label

MOST_EXPERT_KEYS = 9
HINT = (
    "The keys work in the image and in this dock. P paints (napari's own key), K keeps what was painted in "
    "the region, Z goes back to moving the image, V hides or shows the chosen layer."
)


@dataclass(frozen=True)
class Action:
    """What a button and a key do."""

    label: str
    key: str
    act: Callable[[], None]
    tip: str


class DecidingPage(QWidget):
    """Shows the regions of an adjudication and what can be done with the current one.

    Parameters
    ----------
    actions : sequence of Action
        One button each; the experts get their own with `show_experts`.
    """

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        self.decided = QProgressBar()
        self.table = DisputesTable()
        self.expert_buttons: dict[str, QPushButton] = {}
        self.buttons = {
            one.label: make_button(f"{one.key}  {one.label}", one.act, one.tip) for one in actions
        }
        self.who = QLineEdit(_login())
        self.who.setToolTip("Goes into the log with every decision.")
        self.go_on = QCheckBox("Go on when decided")
        self.go_on.setToolTip("After a decision, go to the next region that is undecided.")
        self.go_on.setChecked(True)
        self._experts = QVBoxLayout()
        grid, form = QGridLayout(), QFormLayout()
        for place, button in enumerate(self.buttons.values()):
            _let_shrink(button)
            grid.addWidget(button, place // 2, place % 2)
        form.addRow("Decided by", self.who)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.decided)
        layout.addWidget(self.table)
        layout.addLayout(self._experts)
        layout.addLayout(grid)
        layout.addLayout(form)
        layout.addWidget(self.go_on)
        layout.addWidget(text_label(HINT))

    def show_experts(self, experts: Sequence[str], decide: Callable[[str], None]) -> None:
        """Make a button for each expert, with the expert's colour."""
        for button in self.expert_buttons.values():
            button.deleteLater()
        self.expert_buttons = {}
        for index, expert in enumerate(experts):
            tip = f"Give the region the pixels of {html.escape(expert)}."
            button = make_button(expert, partial(decide, expert), tip)
            button.setIcon(_swatch(expert_colour(index)))
            _let_shrink(button)
            self.expert_buttons[expert] = button
            self._experts.addWidget(button)

    def show_current(self, adjudication: Adjudication) -> None:
        """Show the current region and how far it has come."""
        dispute = adjudication.current
        if dispute is None:
            return
        self.table.show_row(adjudication.position)
        self.decided.setMaximum(len(adjudication.disputes))
        self.decided.setValue(adjudication.n_decided)
        self.decided.setFormat(f"{adjudication.progress} decided")
        for number, (expert, button) in enumerate(self.expert_buttons.items(), start=1):
            key = f"{number}  " if number <= MOST_EXPERT_KEYS else ""
            # An ampersand in a name would become a mnemonic.
            button.setText(f"{key}{expert}: {opinion_text(dispute, expert)}".replace("&", "&&"))


def _let_shrink(button: QPushButton) -> None:
    # A long name is cut, rather than the dock made wider.
    button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)


def _swatch(colour: str) -> QIcon:
    swatch = QPixmap(12, 12)
    swatch.fill(QColor(colour))
    return QIcon(swatch)


def _login() -> str:
    try:
        return getpass.getuser()
    except (
        OSError,
        KeyError,
        ImportError,
    ):  # which one, where no name is known, depends on Python and system
        return ""
