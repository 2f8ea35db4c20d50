"""How far a job is, told by the process that does it to the one that has started it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from .progress import Progress

VARIABLE = "NAPARI_DEEPFLASH2_PROGRESS"


def tell_progress(progress: Progress) -> None:
    """Write the present step to the file that the environment names; nothing where it names none.

    Parameters
    ----------
    progress : Progress
        All but its values is told.
    """
    path = os.environ.get(VARIABLE)
    if path:
        # Not aside and renamed: it is of no use later, and Windows renames nothing onto what is being read.
        Path(path).write_text(json.dumps([progress.task, progress.done, progress.total]), encoding="utf-8")


def read_progress(path: Path) -> Progress | None:
    """Read what was told last; None where nothing was yet, or it is being written just now."""
    try:
        task, done, total = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Progress(task, done, total)
