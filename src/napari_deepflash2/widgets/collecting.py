"""What the parts of the training dock do with the pairs and settings that it collects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..config import Configuration
from ..errors import InputError
from ..progress import ProgressCallback
from ..viewer.training_data import Taken
from .dock import Dock

Collect = Callable[[], tuple[Sequence[Taken], Configuration]]
JobOnData = Callable[[Sequence[Taken], Configuration, ProgressCallback], Any]


def run_on_data(
    dock: Dock, collect: Collect, job: JobOnData, on_done: Callable[[Any], None], task: str
) -> None:
    """Start a job on what is collected now; what is missing or out of range is said instead."""
    try:
        taken, config = collect()
    except InputError as error:
        dock.refuse(error)
        return
    dock.run(partial(job, taken, config), on_done, task)
