"""Jobs in a thread of their own, with progress on the main thread and a stop that the science hears."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from napari.qt.threading import FunctionWorker, create_worker
from qtpy.QtCore import QObject, Signal

from ..errors import InputError
from ..progress import Cancelled, Progress, ProgressCallback

_log = logging.getLogger(__name__)

Job = Callable[[ProgressCallback], Any]


class JobSignals(QObject):
    """What a job says while it runs; delivered on the main thread."""

    progressed = Signal(object)
    refused = Signal(object)
    stopped = Signal()
    done = Signal(object)


class JobWorker(FunctionWorker):
    """Runs a job that takes a progress callback.

    `quit`, which napari calls too when the viewer closes, makes the callback raise `Cancelled` at the
    job's next report. An `InputError` is an answer, not a failure; all else is a bug and goes to napari, and
    with its traceback to the log.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._job = job
        self.says = JobSignals()

    def work(self) -> None:
        """Run the job in this thread."""
        try:
            result = self._job(self._report)
        except Cancelled:
            self.says.stopped.emit()
        except InputError as error:
            self.says.refused.emit(error)
        else:
            self.says.done.emit(result)

    def _report(self, progress: Progress) -> None:
        if self.abort_requested:
            raise Cancelled
        self.says.progressed.emit(progress)


class Running:
    """The worker that runs, if any; known beyond a widget, which can soon be asked nothing.

    Attributes
    ----------
    worker : JobWorker or None
    outlives : bool
        Whether it goes on when its widget is destroyed.
    """

    def __init__(self) -> None:
        self.worker: JobWorker | None = None
        self.outlives = False

    def quit(self, *_: object) -> None:
        """Ask it to end at its next step."""
        if self.worker is not None:
            self.worker.quit()

    def leave(self, *_: object) -> None:
        """Ask it to end unless it goes on by itself; for Qt to call when the widget is destroyed."""
        if not self.outlives:
            self.quit()


def make_worker(job: Job) -> JobWorker:
    """Make a worker that napari knows of, so that closing the viewer asks first and then stops the job."""
    worker: JobWorker = create_worker(job, _worker_class=JobWorker, _start_thread=False)
    worker.errored.connect(_log_bug)
    worker.warned.connect(_log_warning)
    return worker


def bug_text(error: Exception) -> str:
    """Say that a job has failed by a fault of ours, and where there is more for a report."""
    return (
        f"This should not have happened ({type(error).__name__}: {error}). Please report it, with what "
        "napari shows under Help, Show logs."
    )


def _log_bug(error: Exception) -> None:
    _log.error("A job has failed", exc_info=error)


def _log_warning(warning: tuple[Warning, type[Warning], str, int]) -> None:
    message, category, path, line = warning[:4]
    _log.warning("%s: %s (%s, line %s)", category.__name__, message, path, line)
