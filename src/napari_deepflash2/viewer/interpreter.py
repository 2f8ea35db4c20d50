"""The Python interpreter that runs this napari."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import InputError


def python_executable() -> str:
    """Find the Python that runs this napari; in a bundle `sys.executable` may be napari itself."""
    candidates = [
        Path(sys.executable or ""),
        Path(sys.prefix) / ("python.exe" if os.name == "nt" else "bin/python3"),
        Path(sys.exec_prefix) / ("python.exe" if os.name == "nt" else "bin/python"),
    ]
    for path in candidates:
        if path.name.lower().startswith("python") and path.is_file():
            return str(path)
    raise InputError.one(
        "this napari",
        "brings no Python interpreter that can be started",
        "Train by command line (napari-deepflash2 train).",
        "no-python",
    )
