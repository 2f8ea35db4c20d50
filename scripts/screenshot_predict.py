"""Screenshots of the dock *Predict*: a region, a stack in mid-growth, and an image that is flagged.

xvfb-run -a -s "-screen 0 1280x1024x24" python scripts/screenshot_predict.py ENSEMBLE OUT [--theme light]

An ensemble is trained on simulated cells where the folder ENSEMBLE is not there.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from driving import press, wait

SIZE, SIDE = (1280, 900), 192
SETTINGS = {
    "training": {
        "models": 2,
        "iterations": 200,
        "tile_size": 96,
        "batch_size": 4,
        "max_splits": 2,
        "architecture": "unet",
    }
}


def main() -> None:
    """Open the dock and predict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ensemble", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.ensemble.exists():
        train(options.ensemble)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        Walk(options).all()


def train(folder: Path) -> None:
    """Train on simulated cells."""
    from napari_deepflash2 import train_ensemble
    from napari_deepflash2.sample_data import make_cells

    fields = [make_cells((SIDE, SIDE), random_state=number) for number in range(24)]
    masks = [(truth > 0).astype(np.uint8) for _, truth in fields]
    train_ensemble([image for image, _ in fields], masks, folder, SETTINGS)


class Walk:
    """One walk through what the dock does."""

    def __init__(self, options: argparse.Namespace) -> None:
        import napari

        self.options = options
        self.viewer = napari.Viewer(show=False)
        self.viewer.theme = options.theme
        self.viewer.window.show()
        self.viewer.window.resize(*SIZE)
        self.dock = self.viewer.window.add_plugin_dock_widget("napari-deepflash2", "Predict")[1]
        self.dock.folder.value = options.ensemble
        self.dock.settings.tile_size.value = 96

    def all(self) -> None:
        """Predict what is in view, a stack, and two images that were never seen the like of."""
        from napari_deepflash2.sample_data import make_cells

        image = make_cells((1024, 1024), n_cells=340, random_state=100)[0]
        self.show(image, "field")
        self.viewer.scene.camera.zoom = 4
        self.dock.region.value = "visible region"
        press(self.dock, self.dock.predict_button)
        self.save("region")
        self.viewer.scene.camera.zoom = 0.7
        self.save("region-from-afar")
        self.dock.region.value = "all planes"
        stack = np.stack([make_cells((SIDE, SIDE), random_state=200 + number)[0] for number in range(6)])
        self.show(stack, "stack")
        self.viewer.dims.set_point(0, 2)
        self.dock.predict_button.click()
        wait(lambda: "plane 3" in self.dock.progress.format() and self.dock.progress.value() > 2)
        # The third plane that is predicted.
        self.viewer.dims.set_point(0, 3)
        self.save("stack-growing", seconds=0)
        self.dock.stop_button.click()
        wait(lambda: not self.dock.is_busy)
        self.save("stack-stopped", to_end=True)
        press(self.dock, self.dock.predict_button)
        self.save("stack", to_end=True)
        other = make_cells((SIDE, SIDE), random_state=300)[0]
        self.show(other.max() - other, "inverted")
        press(self.dock, self.dock.predict_button)
        self.save("flagged", to_end=True)
        self.viewer.close()

    def show(self, data: Any, name: str) -> None:
        """Have one image alone in the viewer."""
        self.viewer.layers.clear()
        self.dock.image.value = self.viewer.add_image(data, name=name)
        self.viewer.reset_view()

    def save(self, name: str, to_end: bool = False, seconds: float = 0.6) -> None:
        """Save the window once it is drawn; scrolled down too, if asked to."""
        from qtpy.QtWidgets import QScrollArea

        begun = time.monotonic()
        wait(lambda: time.monotonic() >= begun + seconds)
        self._shoot(name)
        if to_end:
            bar = self.dock.findChild(QScrollArea).verticalScrollBar()
            bar.setValue(bar.maximum())
            self._shoot(f"{name}-end")
            bar.setValue(0)

    def _shoot(self, name: str) -> None:
        path = self.options.out / f"predict-{name}-{self.options.theme}.png"
        self.viewer.window.screenshot(str(path), flash=False, canvas_only=False)
        print(path)


if __name__ == "__main__":
    main()
