"""Plots of a review: reliability, and the models among the experts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..viewer.colours import expert_colour
from .curves import readable

if TYPE_CHECKING:
    import pandas as pd

    from ..prediction import Reliability

HEIGHT = 240
# Of a point by its place among the experts, told apart by colour-blind people too.
PLACES = {"below": "#D55E00", "within": "#0072B2", "above": "#009E73"}


class Plot(QWidget):
    """One plot in the colours of the theme; pyqtgraph is loaded when there is first something to draw."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._draw: Callable[[Any], None] | None = None
        self._plot: Any = None

    def show_reliability(self, reliabilities: Mapping[str, Reliability], titles: Mapping[str, str]) -> None:
        """Draw how often that which was given a probability is so; `titles` name the lines."""
        self._show(lambda plot: self._reliability(plot, reliabilities, titles))

    def show_against_experts(self, table: pd.DataFrame) -> None:
        """Draw each image's range of experts and where the model is; see `Review.against_experts`."""
        self._show(lambda plot: self._against_experts(plot, table.sort_values("ceiling", ignore_index=True)))

    def changeEvent(self, event: QEvent | None) -> None:
        """Qt says that the theme has changed: draw in its colours."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and self._draw is not None:
            self._show(self._draw)

    def _show(self, draw: Callable[[Any], None]) -> None:
        if self._plot is not None:
            self._layout.removeWidget(self._plot)
            self._plot.deleteLater()
        self._draw, self._plot = draw, self._new_plot()
        self._layout.addWidget(self._plot)
        draw(self._plot)

    def _new_plot(self) -> Any:
        import pyqtgraph

        plot = pyqtgraph.PlotWidget(background=self._paper())
        plot.setFixedHeight(HEIGHT)
        for side in ("bottom", "left"):
            plot.getAxis(side).setPen(self._ink())
            plot.getAxis(side).setTextPen(self._ink())
        # The wheel scrolls the dock.
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        plot.setYRange(0, 1)
        plot.addLegend(offset=(5, 5), labelTextColor=self._ink())
        return plot

    def _reliability(
        self, plot: Any, reliabilities: Mapping[str, Reliability], titles: Mapping[str, str]
    ) -> None:
        plot.setLabel("bottom", "predicted probability", color=self._ink().name())
        plot.setLabel("left", "share that is so", color=self._ink().name())
        plot.setXRange(0, 1)
        plot.plot([0, 1], [0, 1], pen=self._pen(self._ink(), Qt.PenStyle.DashLine))
        for number, (name, one) in enumerate(reliabilities.items()):
            table = one.table[one.table["count"] > 0]
            x, y = (table[column].to_numpy(float) for column in ("confidence", "accuracy"))
            colour = self._readable(expert_colour(number))
            plot.plot(x, y, pen=self._pen(colour), name=titles[name], **_dots(colour))

    def _against_experts(self, plot: Any, table: pd.DataFrame) -> None:
        plot.setLabel("bottom", "image, by what experts reach", color=self._ink().name())
        plot.setLabel("left", "Dice with the others' consensus", color=self._ink().name())
        ends = table[["lowest", "highest"]].to_numpy(float).ravel()
        places = np.repeat(np.arange(1, len(table) + 1), 2)
        bars = self._pen(QColor("#909090"), width=5)
        plot.plot(places, ends, pen=bars, connect="pairs", name="experts")
        for place, colour in PLACES.items():
            chosen = np.flatnonzero(table["place"] == place)
            dots = _dots(self._readable(colour), size=8)
            if len(chosen):
                plot.plot(chosen + 1, table["dice"].to_numpy(float)[chosen], pen=None, name=place, **dots)
        ceiling = float(table["ceiling"].mean())
        line = plot.addLine(y=ceiling, pen=self._pen(self._ink(), Qt.PenStyle.DashLine))
        line.setZValue(10)
        plot.getPlotItem().legend.addItem(_sample(self._pen(self._ink(), Qt.PenStyle.DashLine)), "ceiling")

    def _ink(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.WindowText)

    def _paper(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.Window)

    def _readable(self, colour: str) -> QColor:
        return readable(QColor(colour), self._paper())

    def _pen(self, colour: QColor, style: Any = Qt.PenStyle.SolidLine, width: int = 2) -> Any:
        import pyqtgraph

        return pyqtgraph.mkPen(colour, width=width, style=style)


def _dots(colour: QColor, size: int = 6) -> dict[str, Any]:
    return {"symbol": "o", "symbolSize": size, "symbolBrush": colour, "symbolPen": None}


def _sample(pen: Any) -> Any:
    import pyqtgraph

    return pyqtgraph.PlotDataItem(pen=pen)
