"""Curves of a training: losses and Dice by fold, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ..viewer.colours import expert_colour
from ..viewer.run_state import Epoch
from .plots import ink_of, make_plot, paper_of, readable

CURVES = {"loss": "loss", "held_out_loss": "loss", "dice": "dice"}

Points = tuple[list[float], list[float]]


class Curves(QWidget):
    """Two plots over the iterations; pyqtgraph is loaded when there is first something to draw."""

    def __init__(self) -> None:
        super().__init__()
        # Plots would take the room that is left over, and leave it empty.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._plots: dict[str, Any] = {}
        self._lines: dict[tuple[str, int], Any] = {}
        self._epochs: Sequence[Epoch] = ()
        self.setVisible(False)

    def show_epochs(self, epochs: Sequence[Epoch]) -> None:
        """Draw all epochs so far."""
        if not epochs or epochs is self._epochs:
            return
        self._epochs = epochs
        if not self._plots:
            self._make_plots()
        self.setVisible(True)
        for fold in sorted({epoch.fold for epoch in epochs}):
            for what, (x, y) in points_of(epochs, fold).items():
                self._line(what, fold).setData(x, y)

    def clear(self) -> None:
        """Forget the curves of an earlier run."""
        self._epochs = ()
        self._remove_plots()
        self.setVisible(False)

    def changeEvent(self, event: QEvent | None) -> None:
        """Qt says that the theme has changed: draw in its colours."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and self._plots:
            epochs, self._epochs = self._epochs, ()
            self._remove_plots()
            self.show_epochs(epochs)

    def _remove_plots(self) -> None:
        for plot in self._plots.values():
            self._layout.removeWidget(plot)
            plot.deleteLater()
        self._plots.clear()
        self._lines.clear()

    def _line(self, what: str, fold: int) -> Any:
        if (what, fold) not in self._lines:
            import pyqtgraph

            colour = readable(QColor(expert_colour(fold - 1)), paper_of(self))
            held_out = what != "loss"
            style = Qt.PenStyle.DashLine if what == "held_out_loss" else Qt.PenStyle.SolidLine
            self._lines[what, fold] = self._plots[CURVES[what]].plot(
                pen=pyqtgraph.mkPen(colour, width=2, style=style),
                symbol="o" if held_out else None,
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
                name=None if held_out else f"fold {fold}",
            )
        return self._lines[what, fold]

    def _make_plots(self) -> None:
        titles = {"loss": "Loss (- - held out)", "dice": "Held-out Dice"}
        for name, title in titles.items():
            self._plots[name] = make_plot(self, "iteration", title)
            self._layout.addWidget(self._plots[name])
        self._plots["dice"].setYRange(0, 1)
        self._plots["loss"].addLegend(offset=(-5, 5), labelTextColor=ink_of(self))


def points_of(epochs: Sequence[Epoch], fold: int) -> dict[str, Points]:
    """Give iteration and value of the curves of a fold: ``loss``, ``held_out_loss`` and ``dice``."""
    own = [epoch for epoch in epochs if epoch.fold == fold]
    return {what: _points(own, what) for what in CURVES}


def _points(epochs: Sequence[Epoch], what: str) -> Points:
    known = [(float(epoch.iteration), getattr(epoch, what)) for epoch in epochs]
    return [x for x, y in known if y is not None], [y for _, y in known if y is not None]
