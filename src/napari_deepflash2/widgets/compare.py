"""Dock *Compare annotations*: how far several experts agree."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog

from ..config import Configuration
from ..errors import InputError
from ..viewer.experts import Comparison, compare, export, show_comparison, take_annotations
from .agreement_words import leave_one_out_title, summary
from .dock import Dock, make_button, make_group, make_row, notes_text, set_ready, text_label
from .experts import ExpertsPart
from .opening import open_dock
from .tables import Cells, Table

FEWEST_EXPERTS = 2


class CompareAnnotations(Dock):
    """Choose the experts' Labels layers; get the consensus, agreement maps and tables.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self._last: Comparison | None = None
        self.experts = ExpertsPart(self)
        self.compare_button = make_button(
            "Compare",
            self.compare,
            "Measure how far the ticked experts agree, and where they do not; fuse them by STAPLE.",
        )
        self.summary = text_label("")
        self.pairwise = Table()
        self.others = text_label("")
        self.leave_one_out = Table()
        self.adjudicate_button = make_button(
            "Adjudicate...",
            partial(open_dock, self.viewer, "Adjudicate"),
            "Decide the regions that the experts dispute, one by one.",
        )
        self.export_button = make_button(
            "Export...", self.ask_export, "Write all tables (CSV, XLSX) and figures (PNG, SVG) to a folder."
        )
        self.result = make_group(
            "Agreement",
            [
                self.summary,
                text_label("Dice of each two experts"),
                self.pairwise,
                self.others,
                self.leave_one_out,
                make_row([self.adjudicate_button, self.export_button]),
            ],
        )
        self.result.setVisible(False)
        for widget in (self.experts, self.compare_button, self.job_bar, self.message, self.result):
            self.page.addWidget(widget)
        self.experts.changed.connect(self.update_buttons)
        self.remember_changes([self.experts.meaning], self.configuration)
        self.keep([self.experts.image_box])
        if self.kept_result is not None:
            self._tell(self.kept_result)
        self.update_buttons()

    def layers_changed(self) -> None:
        """Bring the pickers in step with the layers."""
        self.experts.refresh()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        self.experts.show_busy(self.is_busy)
        busy = "Comparing." if self.is_busy else ""
        set_ready(self.compare_button, busy or self.experts.why_not(FEWEST_EXPERTS))
        set_ready(self.export_button, busy)

    def compare(self) -> None:
        """Start the comparison."""
        try:
            config = self.configuration()
            taken = take_annotations(self.experts.layers(), self.experts.image(), FEWEST_EXPERTS)
        except InputError as error:
            self.refuse(error)
            return
        self.run(partial(compare, taken, config), self._show, "comparing")

    def ask_export(self) -> None:
        """Ask for a folder and write tables and figures to it."""
        path = QFileDialog.getExistingDirectory(self, "Folder for tables and figures")
        if path:
            self.export(Path(path))

    def export(self, folder: Path) -> None:
        """Write tables and figures of the last comparison."""
        if self._last is not None:
            self.run(partial(export, self._last, folder), self._exported, "tables and figures")

    def configuration(self) -> Configuration:
        """Take over what the form holds."""
        return self.session.configure("data", self.experts.meaning.values())

    def _show(self, comparison: Comparison) -> None:
        show_comparison(self.viewer, comparison)
        self._tell(comparison)
        self.keep_result(comparison)
        self.say(notes_text(comparison.notes))

    def _tell(self, comparison: Comparison) -> None:
        self._last = comparison
        self.summary.setText(summary(comparison))
        self.pairwise.show_cells(Cells.heat_map(comparison.pairwise_dice))
        self.others.setText(leave_one_out_title(comparison))
        self.leave_one_out.show_cells(Cells.of(comparison.leave_one_out))
        self.result.setVisible(True)

    def _exported(self, files: Sequence[Path]) -> None:
        self.say(f"{len(files)} tables and figures are in {files[0].parent}.")
