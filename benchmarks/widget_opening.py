"""How long each dock takes to open in a real napari, cold and again.

xvfb-run -a -s "-screen 0 1280x1024x24" python benchmarks/widget_opening.py
"""

from __future__ import annotations

import time

import napari
from qtpy.QtWidgets import QApplication

DOCKS = (
    "Compare annotations",
    "Adjudicate",
    "Compare two Labels layers",
    "Blind annotation kit",
    "Estimate ground truth",
    "Train ensemble",
    "Review training",
    "Predict",
)


def seconds_to_open(viewer: napari.Viewer, name: str) -> float:
    start = time.perf_counter()
    dock, _ = viewer.window.add_plugin_dock_widget("napari-deepflash2", name)
    QApplication.processEvents()
    took = time.perf_counter() - start
    viewer.window.remove_dock_widget(dock)
    return took


def main() -> None:
    viewer = napari.Viewer()
    viewer.open_sample("napari-deepflash2", "cells")
    QApplication.processEvents()
    print(f"{'dock':28s} {'first':>7s} {'again':>7s}  seconds")
    for name in DOCKS:
        first, again = seconds_to_open(viewer, name), seconds_to_open(viewer, name)
        print(f"{name:28s} {first:7.2f} {again:7.2f}")
    viewer.close()


if __name__ == "__main__":
    main()
