"""Where the progress of a run goes: into its log, to who started it, and back as a wish to stop."""

from __future__ import annotations

import errno
from pathlib import Path

from ..progress import Cancelled, Progress, ProgressCallback
from .run import LOCK, EventLog, RunFolder


class Reporter:
    """The progress callback of all that a run does.

    Parameters
    ----------
    folder : path
        The ensemble's folder, held by this run.
    log : EventLog
        Of that folder.
    progress : callable
        Of who started the run.
    """

    def __init__(self, folder: Path, log: EventLog, progress: ProgressCallback) -> None:
        self._folder, self._log, self._progress = folder, log, progress

    def __call__(self, progress: Progress) -> None:
        """Pass a step on.

        Raises
        ------
        Cancelled
            Where a file ``stop`` is there, or the callback raised it.
        FileNotFoundError
            Where the folder, or the lock in it, has vanished: files would be written to a new folder of that
            name, or beside those of another run.
        """
        if not (self._folder / LOCK).exists():
            raise FileNotFoundError(errno.ENOENT, "the lock has vanished", str(self._folder / LOCK))
        self._log.write_progress(progress)
        self._progress(progress)
        if RunFolder(self._folder).stop_is_requested():
            raise Cancelled
