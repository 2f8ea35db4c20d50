"""Go through the whole work in napari by pressing the docks' buttons, and save a picture of each step.

xvfb-run -a -s "-screen 0 1280x1024x24" python scripts/screenshots.py OUT [--theme light] [--sample cells]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from driving import press, wait

PLUGIN = "napari-deepflash2"
SIZE = (1280, 800)


def main() -> None:
    """Parse, walk, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    parser.add_argument("--sample", choices=["nuclei", "cells"], default="nuclei")
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--ensemble", type=Path, help="Only predict, with this one.")
    parser.add_argument("--train-only", action="store_true", help="No picture of the other docks.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # Neither napari's settings nor the memory of the last run of this user are touched.
        os.environ["XDG_STATE_HOME"] = folder
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        Walk(options, Path(folder) / "ensemble").all()


class Walk:
    """One walk through the docks."""

    def __init__(self, options: argparse.Namespace, ensemble: Path) -> None:
        import napari

        self.options, self.ensemble = options, ensemble
        self.viewer = napari.Viewer(show=False)
        self.viewer.theme = options.theme
        self.viewer.window.show()
        self.viewer.window.resize(*SIZE)
        self.number = 0

    def all(self) -> None:
        """Sample, compare, ground truth, train, predict."""
        layers = self.viewer.open_sample(PLUGIN, self.options.sample)
        self.viewer.reset_view()
        self.save("sample")
        image = layers[0]
        if not self.options.train_only and self.options.ensemble is None:
            self.compare()
        if self.options.ensemble is None:
            self.ground_truth(image)
            self.train()
        if not self.options.train_only:
            self.predict(image)
        self.viewer.close()

    def compare(self) -> None:
        """Compare annotations."""
        dock = self.open("Compare annotations")
        dock.experts.outline.click()
        self.save("compare-before")
        press(dock, dock.compare_button)
        self.viewer.layers["disagreement (entropy of votes, 0 to 1)"].visible = True
        self.save("compare", dock)
        self.close("Compare annotations")

    def ground_truth(self, image: Any) -> None:
        """Estimate the ground truth."""
        dock = self.open("Estimate ground truth")
        dock.experts.image_box.value = image
        press(dock, dock.estimate_button)
        self.show_only(image.name, "consensus")
        self.save("ground-truth", dock)
        dock.continue_button.click()
        self.close("Estimate ground truth")

    def train(self) -> None:
        """Check the data, train a small ensemble, stop and resume it on the way."""
        dock = self.open("Train ensemble")
        dock.settings.preset.value = "quick look"
        dock.settings.basic.tile_size.value = 128
        dock.settings.basic.iterations.value = self.options.iterations
        press(dock, dock.check.check_button)
        dock.training.out.value = self.ensemble
        wait(lambda: "models of" in dock.estimate.line.text())
        self.save("train-before", dock)
        dock.check.show_sheet()
        self.save_dialog("train-pictures", dock)
        press(dock, dock.trials.augmentation_button)
        press(dock, dock.trials.rate.find_button)
        self.save("train-trials", dock.trials.rate.take_button)
        for layer in self.viewer.layers[-2:]:
            layer.visible = False
        dock.training.train_button.click()
        wait(lambda: dock.session.run is not None and dock.training.preview.about.text() != "")
        wait(lambda: len(dock.session.run.state.epochs) > 8)
        self.save("train-running", dock.training.preview)
        dock.training.stop_button.click()
        wait(lambda: dock.session.run.state.has_ended and dock.training.resume_button.isEnabled())
        self.save("train-stopped", dock.training.result)
        dock.training.resume_button.click()
        wait(lambda: dock.session.run.state.phase == "finished")
        wait(lambda: dock.training.result.isVisible())
        dock.training.preview.tick.setChecked(False)
        self.save("train-done", dock)
        dock.training.continue_button.click()
        self.close("Train ensemble")

    def predict(self, image: Any) -> None:
        """Predict the sample."""
        dock = self.open("Predict")
        if self.options.ensemble is not None:
            dock.folder.value = self.options.ensemble
        dock.image.value = image
        dock.outputs["objects"].value = True
        press(dock, dock.predict_button)
        self.show_only(image.name, f"{image.name} prediction", f"{image.name} uncertainty (0 to 1)")
        self.save("predict", dock)
        self.objects(image, dock.objects)

    def objects(self, image: Any, part: Any) -> None:
        """Colour the objects, and go to the most uncertain one."""
        self.show_only(image.name, f"{image.name} objects")
        for by in ("uncertainty", "expected overlap"):
            part.colouring.value = by
            self.save(f"objects-by-{by.replace(' ', '-')}", part)
        part.table.choose(part.table.neighbour(1))
        self.save("objects-gone-to", part)

    def open(self, name: str) -> Any:
        """Open a dock, wide enough to read."""
        dock, widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        dock.show()
        dock.raise_()
        return widget

    def close(self, name: str) -> None:
        """Close a dock, so that the next has the room."""
        self.viewer.window.dock_widgets.get(f"{name} ({PLUGIN})").hide()
        dock, _ = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        dock.close()

    def show_only(self, *names: str) -> None:
        """Hide all other layers."""
        for layer in self.viewer.layers:
            layer.visible = layer.name in names

    def save(self, name: str, to: Any = None) -> None:
        """Save the window; with a dock, scrolled to its end too, with a part of one, scrolled to that."""
        from qtpy.QtWidgets import QScrollArea

        self.number += 1
        self._shoot(f"{self.number:02d}-{name}")
        if to is None:
            return
        area = to.findChild(QScrollArea)
        if area is not None:
            area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
        else:
            area = next(parent for parent in _parents(to) if isinstance(parent, QScrollArea))
            area.ensureWidgetVisible(to)
        self._shoot(f"{self.number:02d}-{name}-end")

    def save_dialog(self, name: str, dock: Any) -> None:
        """Save the dialog that a dock has opened, and close it."""
        from qtpy.QtWidgets import QDialog

        self.number += 1
        begun = time.monotonic()
        wait(lambda: time.monotonic() > begun + 0.6)
        path = self.options.out / f"{self.number:02d}-{name}-{self.options.theme}.png"
        dialog = dock.findChild(QDialog)
        dialog.grab().save(str(path))
        print(path)
        dialog.close()

    def _shoot(self, name: str) -> None:
        begun = time.monotonic()
        wait(lambda: time.monotonic() > begun + 0.6)
        path = self.options.out / f"{name}-{self.options.theme}.png"
        self.viewer.window.screenshot(str(path), flash=False, canvas_only=False)
        print(path)


def _parents(widget: Any) -> Iterator[Any]:
    while widget is not None:
        widget = widget.parent()
        yield widget


if __name__ == "__main__":
    main()
