"""Curves of a training: loss and Dice by fold, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..viewer.colours import expert_colour
from ..viewer.training import Epoch

HEIGHT = 170

Points = tuple[list[float], list[float]]


class Curves(QWidget):
    """Two plots over the iterations; pyqtgraph is loaded when there is first something to draw."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._plots: dict[str, Any] = {}
        self._lines: dict[tuple[str, int], Any] = {}
        self.setVisible(False)

    def show_epochs(self, epochs: Sequence[Epoch]) -> None:
        """Draw all epochs so far."""
        if not epochs:
            return
        if not self._plots:
            self._plots = {"loss": self._make_plot("Loss"), "dice": self._make_plot("Held-out Dice")}
            self._plots["dice"].setYRange(0, 1)
            self._plots["loss"].addLegend(offset=(-5, 5), labelTextColor=self._ink())
        self.setVisible(True)
        for fold in sorted({epoch.fold for epoch in epochs}):
            for what, (x, y) in points_of(epochs, fold).items():
                self._line(what, fold).setData(x, y)

    def clear(self) -> None:
        """Forget the curves of an earlier run."""
        for plot in self._plots.values():
            plot.clear()
        self._lines.clear()
        self.setVisible(False)

    def _line(self, what: str, fold: int) -> Any:
        if (what, fold) not in self._lines:
            import pyqtgraph

            colour = expert_colour(fold - 1)
            self._lines[what, fold] = self._plots[what].plot(
                pen=pyqtgraph.mkPen(colour, width=2),
                symbol="o" if what == "dice" else None,
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
                name=f"fold {fold}",
            )
        return self._lines[what, fold]

    def _ink(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.WindowText)

    def _make_plot(self, title: str) -> Any:
        import pyqtgraph

        ink = self._ink()
        plot = pyqtgraph.PlotWidget(background=self.palette().color(QPalette.ColorRole.Window))
        plot.setFixedHeight(HEIGHT)
        plot.setLabel("bottom", "iteration", color=ink.name())
        plot.setLabel("left", title, color=ink.name())
        for side in ("bottom", "left"):
            plot.getAxis(side).setPen(ink)
            plot.getAxis(side).setTextPen(ink)
        # The wheel scrolls the dock.
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        self._layout.addWidget(plot)
        return plot


def points_of(epochs: Sequence[Epoch], fold: int) -> dict[str, Points]:
    """Give iteration and value of the two curves of a fold."""
    own = [epoch for epoch in epochs if epoch.fold == fold]
    validated = [(float(epoch.iteration), epoch.dice) for epoch in own if epoch.dice is not None]
    return {
        "loss": ([float(epoch.iteration) for epoch in own], [epoch.loss for epoch in own]),
        "dice": ([x for x, _ in validated], [y for _, y in validated]),
    }
