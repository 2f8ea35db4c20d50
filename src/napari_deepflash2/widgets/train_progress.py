"""How a training run is getting on: the ensemble, the fold, the curves, and what the run has to say."""

from __future__ import annotations

from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from ..viewer.run_state import RunState
from .curves import Curves
from .dock import text_label
from .train_words import PERCENT, fold_text, notes_of_run, now_text


class RunProgress(QWidget):
    """Shows the state of a run; hidden where there is none.

    Attributes
    ----------
    bars : QWidget
        Where the run stands; to be put where it is always seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ensemble, self.fold = QProgressBar(), QProgressBar()
        self.now, self.notes = text_label(""), text_label("")
        self.curves = Curves()
        self.bars = QWidget()
        for place, widgets in (
            (self.bars, [self.ensemble, self.fold, self.now]),
            (self, [self.notes, self.curves]),
        ):
            layout = QVBoxLayout(place)
            layout.setContentsMargins(0, 0, 0, 0)
            for widget in widgets:
                layout.addWidget(widget)
        self.forget()

    def show_state(self, state: RunState) -> None:
        """Show where the run stands; curves and notes stay when it has ended."""
        self.bars.setVisible(not state.has_ended)
        self.ensemble.setRange(0, PERCENT if state.share else 0)
        self.ensemble.setValue(round(PERCENT * state.share))
        self.ensemble.setFormat("ensemble: %p %")
        step = state.progress
        self.fold.setRange(0, step.total if step else 1)
        self.fold.setValue(step.done if step else 0)
        self.fold.setFormat(fold_text(state))
        self.now.setText(now_text(state))
        self.notes.setText(notes_of_run(state))
        self.notes.setVisible(bool(state.notes))
        self.curves.show_epochs(state.epochs)

    def forget(self) -> None:
        """Hide everything of an earlier run."""
        for widget in (self.bars, self.notes):
            widget.setVisible(False)
        self.curves.clear()
