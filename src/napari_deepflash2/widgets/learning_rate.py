"""The part of the training dock that finds a learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..viewer.colours import expert_colour
from ..viewer.learning_rate import find_rate
from .collecting import Collect, run_on_data
from .dock import Dock, make_button, make_row, set_ready
from .plots import ink_of, make_plot, paper_of, readable

if TYPE_CHECKING:
    from ..ensemble.learning_rate import LearningRateCurve


class LearningRatePart(QWidget):
    """A button, the curve that it finds, and a button that takes the suggestion over.

    Parameters
    ----------
    dock : Dock
        Which it is a part of; runs the job and shows the messages.
    collect : callable
        Gives what to train on and all settings; raises `InputError`.
    take : callable
        Takes a learning rate over.
    """

    def __init__(self, dock: Dock, collect: Collect, take: Callable[[float], None]) -> None:
        super().__init__()
        self._dock, self._collect, self._take = dock, collect, take
        self._plot: Any = None
        self._found: LearningRateCurve | None = None
        self.find_button = make_button(
            "Find learning rate",
            self.find,
            "Train shortly while the learning rate grows, and suggest one. It takes a hundred steps.",
        )
        self.take_button = make_button("Take over", self._take_over, "Train with the suggestion.")
        self.said = QLabel("")
        self.result = make_row([self.said, self.take_button])
        self.result.setVisible(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.result)

    def update_buttons(self, why_not: str) -> None:
        """Say what can be done now."""
        set_ready(self.find_button, why_not)

    def find(self) -> None:
        """Start the search."""
        run_on_data(self._dock, self._collect, find_rate, self.show_curve, "finding the learning rate")

    def show_curve(self, curve: LearningRateCurve) -> None:
        """Draw what was found."""
        import pyqtgraph

        self._found = curve
        if self._plot is not None:
            self._layout.removeWidget(self._plot)
            self._plot.deleteLater()
        self._plot = plot = make_plot(self, "learning rate", "Loss")
        plot.setLogMode(x=True)
        grey = QColor(ink_of(self))
        grey.setAlphaF(0.35)
        plot.plot(curve.rates, curve.losses, pen=pyqtgraph.mkPen(grey))
        line = readable(QColor(expert_colour(0)), paper_of(self))
        plot.plot(curve.rates, curve.smoothed, pen=pyqtgraph.mkPen(line, width=2))
        mark = pyqtgraph.InfiniteLine(
            math.log10(curve.suggestion), pen=pyqtgraph.mkPen(ink_of(self), dash=[4, 4])
        )
        plot.addItem(mark)
        self._layout.insertWidget(0, plot)
        self.said.setText(f"Suggestion: {curve.suggestion:.1e}")
        self.result.setVisible(True)

    def _take_over(self) -> None:
        if self._found is not None:
            self._take(self._found.suggestion)
