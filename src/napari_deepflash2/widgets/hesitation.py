"""The part of the review dock that tells whether models hesitate where experts disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox, QVBoxLayout

from .dock import Dock, make_button, set_ready, text_label
from .regions import RegionKind, RegionsPart
from .review_plots import Plot
from .review_words import HESITATION_HINT, NOTHING_DIFFERS, difference_text, hesitation_text

if TYPE_CHECKING:
    from ..ensemble import Review

DIFFERENCES = RegionKind(
    "hesitation",
    ("image", "undecided", "area", "weight", "margin"),
    HESITATION_HINT,
    NOTHING_DIFFERS,
    difference_text,
)


class HesitationPart(QGroupBox):
    """The figure in words, uncertainty by votes, both maps side by side, and where they differ most.

    Hidden while there are no experts.

    Parameters
    ----------
    dock : Dock
        Which it is a part of.
    """

    beside = Signal(bool)

    def __init__(self, dock: Dock) -> None:
        super().__init__("Hesitation and disagreement")
        self.text, self.plot, self.regions = text_label(""), Plot(), RegionsPart(dock, DIFFERENCES)
        self.side_button = make_button(
            "Side by side",
            lambda: self.beside.emit(self.side_button.isChecked()),
            "Show the experts' disagreement (left) and the model's uncertainty alone, beside each other.",
        )
        self.side_button.setCheckable(True)
        layout = QVBoxLayout(self)
        for widget in (self.text, self.plot, self.side_button, self.regions):
            layout.addWidget(widget)
        self.setVisible(False)

    def show_review(self, review: Review) -> None:
        """Show what there is of an ensemble."""
        found = review.hesitation
        self.setVisible(found is not None)
        self.regions.show_regions(review.hesitation_regions)
        if found is not None:
            self.text.setText(hesitation_text(found))
            self.plot.show_hesitation(found.curve)

    def update_buttons(self, why_not: str) -> None:
        """Say what can be done now; what is beside each other can always be put back."""
        set_ready(self.side_button, "" if self.side_button.isChecked() else why_not)
