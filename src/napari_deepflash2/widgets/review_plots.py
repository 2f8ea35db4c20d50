"""Plots of a review: reliability, the models among the experts, and whether they hesitate alike."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..viewer.colours import expert_colour
from .plots import ink_of, make_plot, paper_of, readable

if TYPE_CHECKING:
    import pandas as pd

    from ..prediction import Reliability

HEIGHT = 240
EXPERTS_COLOUR = "#909090"
# Of a point by its place among the experts, told apart by colour-blind people too.
PLACES = {"below": "#D55E00", "within": "#0072B2", "above": "#009E73"}


class Plot(QWidget):
    """One plot in the colours of the theme; pyqtgraph is loaded when there is first something to draw."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.legend)
        self._draw: Callable[[], Any] | None = None
        self._plot: Any = None

    def show_reliability(self, reliabilities: Mapping[str, Reliability], titles: Mapping[str, str]) -> None:
        """Draw how often that which was given a probability is so; `titles` name the lines."""
        self._show(lambda: self._reliability(reliabilities, titles))

    def show_against_experts(self, table: pd.DataFrame) -> None:
        """Draw each image's range of experts and where the model is; see `Review.against_experts`."""
        self._show(lambda: self._against_experts(table.sort_values("dice", ignore_index=True)))

    def show_hesitation(self, curve: pd.DataFrame) -> None:
        """Draw the uncertainty by the share of experts who marked a pixel; see `Hesitation.curve`."""
        self._show(lambda: self._hesitation(curve))

    def changeEvent(self, event: QEvent | None) -> None:
        """Qt says that the theme has changed: draw in its colours."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and self._draw is not None:
            self._show(self._draw)

    def _show(self, draw: Callable[[], Any]) -> None:
        if self._plot is not None:
            self._layout.removeWidget(self._plot)
            self._plot.deleteLater()
        self._draw, self._plot = draw, draw()
        self._plot.setFixedHeight(HEIGHT)
        self._plot.setYRange(0, 1)
        self._layout.addWidget(self._plot)

    def _reliability(self, reliabilities: Mapping[str, Reliability], titles: Mapping[str, str]) -> Any:
        plot = make_plot(self, "predicted probability", "share that is so")
        plot.setXRange(0, 1)
        plot.plot([0, 1], [0, 1], pen=self._pen(ink_of(self), Qt.PenStyle.DashLine))
        entries = []
        for number, (name, one) in enumerate(reliabilities.items()):
            table = one.table[one.table["count"] > 0]
            x, y = (table[column].to_numpy(float) for column in ("confidence", "accuracy"))
            colour = self._readable(expert_colour(number))
            plot.plot(x, y, pen=self._pen(colour), **_dots(colour))
            entries.append(_entry("●", colour, titles[name]))
        self.legend.setText("<br>".join(entries))
        return plot

    def _against_experts(self, table: pd.DataFrame) -> Any:
        plot = make_plot(self, "images, as in the table by Dice", "Dice with the others' consensus")
        ends = table[["lowest", "highest"]].to_numpy(float).ravel()
        places, grey = np.repeat(np.arange(1, len(table) + 1), 2), QColor(EXPERTS_COLOUR)
        plot.plot(places, ends, pen=self._pen(grey, width=5), connect="pairs")
        entries = [_entry("▮", grey, "experts")]
        for place, name in PLACES.items():
            chosen, colour = np.flatnonzero(table["place"] == place), self._readable(name)
            dots = _dots(colour, size=8)
            plot.plot(chosen + 1, table["dice"].to_numpy(float)[chosen], pen=None, **dots)
            entries.append(_entry("●", colour, f"{place}: {len(chosen)}"))
        ceiling = float(table["ceiling"].mean())
        plot.addLine(y=ceiling, pen=self._pen(ink_of(self), Qt.PenStyle.DashLine))
        mean = _entry("- -", ink_of(self), f"experts' mean {ceiling:.3f}")
        self.legend.setText(f"{' '.join(entries)}<br>{mean}")
        return plot

    def _hesitation(self, curve: pd.DataFrame) -> Any:
        plot = make_plot(self, "share of experts who marked the pixel", "uncertainty of the model")
        shares, grey = curve["share"].to_numpy(float), QColor(EXPERTS_COLOUR)
        ends = curve[["low", "high"]].to_numpy(float).ravel()
        plot.plot(np.repeat(shares, 2), ends, pen=self._pen(grey, width=5), connect="pairs")
        colour = self._readable(expert_colour(0))
        plot.plot(shares, curve["mean"].to_numpy(float), pen=self._pen(colour), **_dots(colour, size=8))
        plot.setXRange(0, 1)
        entries = (_entry("●", colour, "mean over pixels"), _entry("▮", grey, "nine in ten"))
        self.legend.setText(" ".join(entries))
        return plot

    def _readable(self, colour: str) -> QColor:
        return readable(QColor(colour), paper_of(self))

    def _pen(self, colour: QColor, style: Any = Qt.PenStyle.SolidLine, width: int = 2) -> Any:
        import pyqtgraph

        return pyqtgraph.mkPen(colour, width=width, style=style)


def _dots(colour: QColor, size: int = 6) -> dict[str, Any]:
    return {"symbol": "o", "symbolSize": size, "symbolBrush": colour, "symbolPen": None}


def _entry(mark: str, colour: QColor, text: str) -> str:
    kept = html.escape(text).replace(" ", "&nbsp;")
    return f'<span style="color: {colour.name()}">{mark}</span>&nbsp;{kept}'
