"""The line of the training dock that tells time and room before a training is started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..config import Configuration
from ..errors import InputError
from ..progress import Progress
from ..viewer.estimating import Planned, Told, estimate, plan_of, room_text
from ..viewer.pairs import Pair
from .dock import text_label
from .workers import Running, make_worker

MILLISECONDS_OF_REST = 1200
ESTIMATING = "Estimating time and room…"

Asked = tuple[Sequence[Pair], Configuration]


class EstimatePart(QWidget):
    """Estimates anew a while after anything has changed, as long as it is seen.

    Parameters
    ----------
    asked : callable
        Gives the pairs and all settings; raises `InputError` where they are not fit to be trained with.
    is_quiet : callable
        Whether nothing is being trained here, which would spoil the measurement, and be disturbed by it.
    """

    def __init__(self, asked: Callable[[], Asked], is_quiet: Callable[[], bool]) -> None:
        super().__init__()
        self._asked, self._is_quiet = asked, is_quiet
        self._known: dict[Planned, Told] = {}
        self._measuring = Running()
        self._planned: Planned | None = None
        self._out: Path | None = None
        self.line = text_label("")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(MILLISECONDS_OF_REST)
        self._rest.timeout.connect(self.look)
        # No lambda, which Python may have cleared by then.
        self.destroyed.connect(self._measuring.quit)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Qt says that it is seen now."""
        super().showEvent(event)
        self.changed()

    def changed(self, out: Path | None = None) -> None:
        """Hear that something has changed; with a folder, that this is the output now."""
        self._out = out or self._out
        self._rest.start()

    def look(self) -> None:
        """Estimate what is asked about now, unless it is known."""
        if not self.isVisible():
            return
        try:
            pairs, config = self._asked()
            self._planned = plan_of(pairs, config) if pairs else None
        except InputError:
            # Said when a button is pressed.
            self._planned = None
        if self._planned is None:
            self.line.setText("")
        elif self._planned in self._known:
            self._tell(self._known[self._planned])
        elif self._measuring.worker is not None:
            # Its end asks again.
            self._measuring.quit()
        elif self._is_quiet():
            self._start(self._planned)
        else:
            self._rest.start()

    def _start(self, planned: Planned) -> None:
        self.line.setText(ESTIMATING)
        worker = make_worker(partial(estimate, planned))
        worker.says.progressed.connect(self._show_step)
        worker.says.done.connect(lambda told: self._found(planned, told))
        worker.says.refused.connect(lambda error: self._not_known(planned, error))
        worker.errored.connect(lambda error: self._not_known(planned, error))
        worker.finished.connect(self._ended)
        self._measuring.worker = worker
        worker.start()

    def _show_step(self, step: Progress) -> None:
        if step.total and self._measuring.worker is not None:
            self.line.setText(f"{ESTIMATING} step {step.done} of {step.total}")

    def _found(self, planned: Planned, told: Told) -> None:
        self._known[planned] = told

    def _not_known(self, planned: Planned, error: Exception) -> None:
        self._known[planned] = Told(f"Time and room are not known: {error}", 0)

    def _ended(self) -> None:
        self._measuring.worker = None
        self.look()

    def _tell(self, told: Told) -> None:
        self.line.setText(" ".join(part for part in (f"{told.text}.", room_text(told, self._out)) if part))
