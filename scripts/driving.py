"""What the scripts that press docks' buttons in a real napari have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS = 900


def wait(is_so: Callable[[], bool]) -> None:
    """Let napari work until something is so."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit("waited too long")
        QApplication.processEvents()
        time.sleep(0.01)


def press(dock: Any, button: Any) -> None:
    """Press a button and wait for the job."""
    if not button.isEnabled():
        raise SystemExit(f"{button.text()}: {button.toolTip()}")
    button.click()
    wait(lambda: not dock.is_busy)
