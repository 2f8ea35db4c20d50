"""Dock *Compare annotations*: how far several experts agree."""

from __future__ import annotations

from functools import partial

from napari.components import ViewerModel

from ..config import Configuration
from ..errors import InputError
from ..viewer.experts import Comparison, compare, show_comparison, take_annotations
from .agreement_words import summary
from .dock import Dock, make_button, make_group, notes_text, set_ready, text_label
from .experts import ExpertsPart
from .tables import Cells, Table

FEWEST_EXPERTS = 2


class CompareAnnotations(Dock):
    """Choose the experts' Labels layers; get agreement maps and tables.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.experts = ExpertsPart(self)
        self.compare_button = make_button(
            "Compare", self.compare, "Measure how far the ticked experts agree, and where they do not."
        )
        self.summary = text_label("")
        self.pairwise = Table()
        self.leave_one_out = Table()
        self.result = make_group(
            "Agreement",
            [
                self.summary,
                text_label("Dice of each two experts"),
                self.pairwise,
                text_label("Each expert against the consensus of the others"),
                self.leave_one_out,
            ],
        )
        self.result.setVisible(False)
        for widget in (self.experts, self.compare_button, self.progress, self.message, self.result):
            self.page.addWidget(widget)
        self.experts.changed.connect(self.update_buttons)
        self.remember_changes([self.experts.meaning], self.configuration)
        self.update_buttons()

    def layers_changed(self) -> None:
        """Bring the pickers in step with the layers."""
        self.experts.refresh()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        self.experts.show_busy(self.is_busy)
        busy = "Comparing." if self.is_busy else ""
        set_ready(self.compare_button, busy or self.experts.why_not(FEWEST_EXPERTS))

    def compare(self) -> None:
        """Start the comparison."""
        try:
            config = self.configuration()
            taken = take_annotations(self.experts.layers(), self.experts.image(), FEWEST_EXPERTS)
        except InputError as error:
            self.refuse(error)
            return
        self.run(partial(compare, taken, config), self._show, "comparing")

    def configuration(self) -> Configuration:
        """Take over what the form holds."""
        return self.session.configure("data", self.experts.meaning.values())

    def _show(self, comparison: Comparison) -> None:
        show_comparison(self.viewer, comparison)
        self.summary.setText(summary(comparison))
        self.pairwise.show_cells(Cells.of(comparison.pairwise_dice))
        self.leave_one_out.show_cells(Cells.of(comparison.leave_one_out))
        self.result.setVisible(True)
        self.say(notes_text(comparison.notes))
