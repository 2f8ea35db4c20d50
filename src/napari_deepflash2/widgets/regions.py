"""The part of the review dock that goes through a list of regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from .dock import Dock, make_button, make_row, set_ready, text_label
from .dock_keys import DockKeys
from .frame_table import FrameTable
from .review_words import region_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RegionKind:
    """What the regions of a list are.

    Attributes
    ----------
    of : {"labels", "hesitation"}
        In which maps they are regions.
    columns : tuple of str
        Those that are shown; ``weight`` is among them.
    hint : str
        How the list is read.
    none : str
        What is said where it is empty.
    text : callable
        Says in words what there is in a row, by the row, its number from 1, and how many there are.
    """

    of: Literal["labels", "hesitation"]
    columns: tuple[str, ...]
    hint: str
    none: str
    text: Callable[[pd.Series, int, int], str]


class RegionsPart(QWidget):
    """A list of regions to click through.

    Parameters
    ----------
    dock : Dock
        Which it is a part of.
    kind : RegionKind
        What they are.
    """

    wanted = Signal(object)

    def __init__(self, dock: Dock, kind: RegionKind) -> None:
        super().__init__()
        self._kind = kind
        self._keys = DockKeys(dock, dock.viewer)
        self._frame: pd.DataFrame | None = None
        self.table = FrameTable()
        self.text = text_label("")
        self.back_button = make_button("Back", partial(self.go, -1), "Go to the region before (Shift+N).")
        self.next_button = make_button("Next", partial(self.go, 1), "Go to the next region (N).")
        self.table.chosen.connect(self._chosen)
        layout = QVBoxLayout(self)
        for widget in (
            text_label(kind.hint),
            self.table,
            make_row([self.back_button, self.next_button]),
            self.text,
        ):
            layout.addWidget(widget)

    def show_regions(self, frame: pd.DataFrame) -> None:
        """Give other regions from now on; none is chosen yet."""
        self._frame = frame
        self.table.show_frame(frame[list(self._kind.columns)], "weight", ascending=False)
        self._say()

    def hold_keys(self, hold: bool) -> None:
        """Take the keys while this part is what the user looks at, else give them back."""
        if hold:
            self._keys.take({"N": partial(self.go, 1), "Shift+N": partial(self.go, -1)})
        else:
            self._keys.drop()

    def go(self, step: int) -> None:
        """Go some rows down, in the order of the table."""
        number = self.table.neighbour(step)
        if number is not None:
            self.table.choose(number)

    def _chosen(self, number: int) -> None:
        self._say()
        if self._frame is not None and 0 <= number < len(self._frame):
            self.wanted.emit(region_of(self._frame.iloc[number], self._kind.of))

    def _say(self) -> None:
        number, total = self.table.row, 0 if self._frame is None else len(self._frame)
        if self._frame is None or number is None:
            self.text.setText("" if total else self._kind.none)
        else:
            self.text.setText(self._kind.text(self._frame.iloc[number], number + 1, total))
        none = "" if total else self._kind.none
        for button, step in ((self.back_button, -1), (self.next_button, 1)):
            end = "This is the last one." if step > 0 else "This is the first one."
            set_ready(button, none or ("" if self.table.neighbour(step) is not None else end))
