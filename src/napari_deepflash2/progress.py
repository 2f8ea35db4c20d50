"""The one callback through which the science reports progress and is cancelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class Cancelled(Exception):
    """Raised by a progress callback to end a job; the job cleans up and lets it pass."""


@dataclass(frozen=True)
class Progress:
    """How far a job has come.

    Attributes
    ----------
    task : str
        What is going on, such as ``"fold 2"``.
    done, total : int
        Steps finished and steps in all, of this task.
    values : mapping of str to float
        Figures of this step, such as ``{"loss": 0.31, "dice": 0.78}``.
    """

    task: str
    done: int
    total: int
    values: Mapping[str, float] = field(default_factory=dict)


ProgressCallback = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """Report nothing and never cancel."""
