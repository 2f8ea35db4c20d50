"""Short computations in a process of their own, so that neither their memory nor their end is napari's."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..progress import Progress, ProgressCallback
from ..told_progress import VARIABLE, read_progress
from .interpreter import python_executable

SECONDS_BETWEEN_LOOKS = 0.1
TAIL = 1500
# The exit status of the command line for input that a user can mend.
REFUSED = 2


def run_child(
    arguments: Sequence[str], task: str, progress: ProgressCallback, question: str | None = None
) -> str:
    """Run a command of ours to its end; a job for a worker.

    Parameters
    ----------
    arguments : sequence of str
        What follows ``python -m``.
    task : str
        What to call it in the progress until it tells by `tell_progress` how far it is.
    progress : callable
        Called ten times a second; where it raises, the process is ended.
    question : str, optional
        What to write to its standard input.

    Returns
    -------
    str
        What it wrote to its standard output.

    Raises
    ------
    InputError
        Where it refused the data, in its words, or was ended from outside.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        tempfile.TemporaryDirectory(prefix="napari-deepflash2-") as folder,
    ):
        told = Path(folder) / "progress.json"
        process = subprocess.Popen(
            [python_executable(), "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            encoding="utf-8",
            env=os.environ | {"TQDM_DISABLE": "1", VARIABLE: str(told)},
        )
        try:
            answer = _answer(process, Progress(task, 0, 0), told, progress, question)
        finally:
            # Not after its end: then this does nothing.
            process.kill()
            process.wait()
        said.seek(0)
        words = said.read().strip()
    if process.returncode == REFUSED:
        raise InputError.one(task, f"was refused: {words[-TAIL:]}", "Mend this, then try again.", "refused")
    if process.returncode:
        raise InputError.one(
            task,
            f"was ended from outside or crashed (status {process.returncode}): {words[-TAIL:]}",
            "Where memory was short, choose smaller tiles or batches, or a smaller network.",
            "child-died",
        )
    return answer


def _answer(
    process: subprocess.Popen[str],
    step: Progress,
    told: Path,
    progress: ProgressCallback,
    question: str | None,
) -> str:
    while True:
        try:
            return process.communicate(question, timeout=SECONDS_BETWEEN_LOOKS)[0]
        except subprocess.TimeoutExpired:
            question = None
            step = read_progress(told) or step
            progress(step)
