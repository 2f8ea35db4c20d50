"""Adjudicates some disputed regions by keys and saves screenshots.

With a folder of one image's experts, as published sets have them (`images/` and `expert*/`, one file name):

    scripts/with_display.sh python scripts/screenshot_adjudication.py OUT --set FOLDER --image 0001.png

Without, on simulated cells.
"""

import argparse
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_deepflash2.data import read_image, read_labels
from napari_deepflash2.sample_data import make_cells, simulate_experts
from napari_deepflash2.widgets.adjudicate import Adjudicate
from napari_deepflash2.widgets.compare_two import CompareTwo

NO_KEY, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


def annotated(folder: Path | None, image: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Read one image with its experts, or simulate them."""
    if folder is None:
        cells = make_cells((512, 512), n_cells=40, random_state=3)
        return cells.image, {one.profile.name: one.mask for one in simulate_experts(cells.truth)}
    experts = sorted(
        (path for path in folder.glob("expert*") if (path / image).is_file()),
        key=lambda path: (len(path.name), path.name),
    )
    return read_image(folder / "images" / image).data, {
        path.name: read_labels(path / image).data for path in experts
    }


def main() -> None:
    """Press the keys and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", type=Path)
    parser.add_argument("--image", default="0001.png")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    image, experts = annotated(options.set, options.image)

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 960)
    viewer.add_image(image, name="image", colormap="gray")
    for name, mask in experts.items():
        viewer.add_labels(mask, name=name)
    dock = Adjudicate(viewer)
    viewer.window.add_dock_widget(dock, name="Adjudicate", area="right")
    dock.deciding.who.setText("A. Nonymous")

    def shot(name: str) -> None:
        for _ in range(5):
            QApplication.processEvents()
            QTest.qWait(100)
        viewer.screenshot(options.out / f"{name}.png", canvas_only=False, flash=False)

    def press(key: Qt.Key, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        QTest.keyClick(dock.window(), key, modifier)
        QApplication.processEvents()

    shot("1_choosing")
    dock.start()
    while dock.is_busy:
        QTest.qWait(50)
    shot("2_first_region")
    for key in (Qt.Key.Key_C, Qt.Key.Key_2, Qt.Key.Key_A, Qt.Key.Key_0, Qt.Key.Key_N, Qt.Key.Key_1):
        press(key)
    shot("3_after_five_decisions")
    press(Qt.Key.Key_N, SHIFT)
    press(Qt.Key.Key_U)
    shot("4_undone")
    dock.finish(options.out / "log.csv")
    shot("5_finished")

    viewer.window.remove_dock_widget(dock)
    two = CompareTwo(viewer)
    viewer.window.add_dock_widget(two, name="Compare two", area="right")
    two.image.value = viewer.layers["image"]
    two.compare()
    while two.is_busy:
        QTest.qWait(50)
    shot("6_compare_two")
    two.side_button.click()
    shot("7_side_by_side")
    viewer.close()


if __name__ == "__main__":
    main()
