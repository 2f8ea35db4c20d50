"""Plots in the colours of the theme; pyqtgraph is loaded when there is first something to draw."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QWidget

from .tables import contrast

HEIGHT, MARGIN = 170, 8
# WCAG 2 asks for this of lines that carry meaning.
LEAST_CONTRAST = 3.0


def make_plot(parent: QWidget, x: str, y: str) -> Any:
    """Make an empty plot with titles of its axes, as wide as the dock; the wheel scrolls the dock."""
    import pyqtgraph

    ink = ink_of(parent)
    plot = pyqtgraph.PlotWidget(parent, background=paper_of(parent))
    plot.setFixedHeight(HEIGHT)
    for side, title in (("bottom", x), ("left", y)):
        plot.setLabel(side, title, color=ink.name())
        plot.getAxis(side).setPen(ink)
        plot.getAxis(side).setTextPen(ink)
    # pyqtgraph moves the title of an axis some pixels out of its room.
    plot.getPlotItem().layout.setContentsMargins(0, 0, MARGIN, MARGIN)
    plot.setMouseEnabled(False, False)
    plot.hideButtons()
    return plot


def ink_of(widget: QWidget) -> QColor:
    """Colour of text in the widget's theme."""
    return widget.palette().color(QPalette.ColorRole.WindowText)


def paper_of(widget: QWidget) -> QColor:
    """Colour behind text in the widget's theme."""
    return widget.palette().color(QPalette.ColorRole.Window)


def readable(colour: QColor, paper: QColor) -> QColor:
    """Make a colour darker, or lighter, until it is told from the paper."""
    for _ in range(20):
        if contrast(colour, paper) >= LEAST_CONTRAST:
            break
        colour = colour.darker(110) if paper.lightnessF() > 0.5 else colour.lighter(115)
    return colour
