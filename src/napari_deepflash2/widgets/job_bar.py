"""How far a job is, and the button that stops it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from ..progress import Progress

STOP = "Stop"


class JobBar(QWidget):
    """A progress bar with *Stop* beside it; hidden while nothing runs.

    Parameters
    ----------
    parent : QWidget
        The dock.
    stop : callable
        What to do when *Stop* is pressed.

    Attributes
    ----------
    progress : QProgressBar
        A dock that has a Stop button of its own puts it elsewhere, and leaves this bar out.
    """

    def __init__(self, parent: QWidget, stop: Callable[[], None]) -> None:
        super().__init__(parent)
        self.progress = QProgressBar()
        self.stop_button = QPushButton(STOP)
        self.stop_button.setToolTip("Stop after the present step; no layer is changed.")
        self.stop_button.clicked.connect(lambda: stop())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.progress)
        layout.addWidget(self.stop_button)
        self.end()

    def begin(self, task: str) -> None:
        """Show that a job runs, of which nothing is known yet."""
        self.progress.setRange(0, 0)
        self.progress.setFormat(task)
        self._show(True)

    def show_progress(self, progress: Progress) -> None:
        """Show how far it is; a total of 0 is one that is not known."""
        self.progress.setRange(0, progress.total)
        self.progress.setValue(progress.done)
        self.progress.setFormat(f"{progress.task}: %v of %m" if progress.total else progress.task)

    def end(self) -> None:
        """Hide it."""
        self._show(False)

    def _show(self, on: bool) -> None:
        self.progress.setVisible(on)
        self.setVisible(on and self.progress.parentWidget() is self)
