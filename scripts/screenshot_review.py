"""Screenshots of the dock *Review training* with a finished ensemble, in a real napari.

xvfb-run -a -s "-screen 0 1280x1024x24" python scripts/screenshot_review.py ENSEMBLE OUT [--theme light]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from driving import press, wait

SIZE = (1280, 1000)


def main() -> None:
    """Open the dock and go through its tabs."""
    import napari
    from qtpy.QtWidgets import QScrollArea

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ensemble", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(show=False)
    viewer.theme = options.theme
    viewer.window.show()
    viewer.window.resize(*SIZE)
    _, dock = viewer.window.add_plugin_dock_widget("napari-deepflash2", "Review training")
    dock.folder.value = options.ensemble
    press(dock, dock.open_button)
    dock.images.choose(0)
    press(dock, dock.show_button)
    save(viewer, options, "images")
    dock.tabs.setCurrentWidget(dock.regions)
    for _ in range(3):
        press(dock, dock.regions.next_button)
    save(viewer, options, "label-check")
    for index, name in ((2, "reliability"), (3, "experts")):
        dock.tabs.setCurrentIndex(index)
        save(viewer, options, name)
    if dock.hesitation.isVisible():
        bar = dock.findChild(QScrollArea).verticalScrollBar()
        bar.setValue(bar.maximum())
        press(dock, dock.hesitation.regions.next_button)
        save(viewer, options, "hesitation-region")
        press(dock, dock.hesitation.side_button)
        save(viewer, options, "hesitation-side-by-side")
    viewer.close()


def save(viewer: Any, options: argparse.Namespace, name: str) -> None:
    """Save the window once it is drawn."""
    begun = time.monotonic()
    wait(lambda: time.monotonic() > begun + 0.8)
    path = options.out / f"review-{name}-{options.theme}.png"
    viewer.window.screenshot(str(path), flash=False, canvas_only=False)
    print(path)


if __name__ == "__main__":
    main()
