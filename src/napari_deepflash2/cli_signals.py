"""Ctrl-C, SIGTERM and a closed terminal, turned into a stop after the step that is being done."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

from .progress import Cancelled

# SIGHUP is sent when a terminal closes, SIGTERM by schedulers and containers; Windows has SIGBREAK.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class StopSignals:
    """Signals that ask for the end, while the block lasts.

    The handler only takes a note, and `check` raises `Cancelled` when the job comes to ask. Before the job
    has asked once there is nothing to finish, and the handler raises it itself. A second signal ends the
    process at once, as if there were no handler.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._asked = self._at_work = False

    def __enter__(self) -> StopSignals:
        for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
            # A process that was started with nohup ignores SIGHUP, and shall.
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise `Cancelled` where a signal came."""
        self._at_work = True
        if self._asked:
            raise Cancelled

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._asked = True
        if not self._at_work:
            raise Cancelled
