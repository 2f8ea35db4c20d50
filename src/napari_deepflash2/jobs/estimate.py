"""What a training will take, for viewers, which ask a process of its own and need not load torch themselves.

``python -m napari_deepflash2.jobs.estimate`` reads ``{"shapes": [[Y, X], ...], "channels": C, "classes": L,
"settings": {...}}`` from its standard input and writes the fields of a `RunEstimate` and its ``text``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from ..config import Configuration
from ..ensemble.estimate import estimate_run
from ..told_progress import tell_progress


def answer(question: str) -> str:
    """Estimate the run that is asked about, both as JSON."""
    asked = json.loads(question)
    found = estimate_run(
        [(int(y), int(x)) for y, x in asked["shapes"]],
        Configuration.of(asked["settings"]),
        asked["channels"],
        asked["classes"],
        progress=tell_progress,
    )
    return json.dumps({**asdict(found), "text": found.text})


if __name__ == "__main__":
    sys.stdout.write(answer(sys.stdin.read()))
