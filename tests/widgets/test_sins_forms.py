"""Sins 12 to 15 over all docks: what opening a dock costs, how it looks, and what it finds again."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollBar,
    QTableView,
)

import napari_deepflash2

SOURCE = Path(napari_deepflash2.__file__).parent
HEAVY = {"torch", "monai", "sklearn", "pandas", "skimage", "pyqtgraph", "matplotlib.pyplot"}
PROGRAM = """
import sys
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication
before = set(sys.modules)
application = QApplication([])
for dock in {docks}:
    module, name = dock.split(":")
    getattr(__import__(module, fromlist=[name]), name)(ViewerModel())
    print(dock, *sorted(({heavy!r} & set(sys.modules)) - before))
"""


def test_sin_12_opening_the_docks_loads_nothing_heavy(docks):
    program = PROGRAM.format(docks=list(docks.values()), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == list(docks.values())


def test_sin_13_no_style_and_no_width_is_fixed():
    called = {
        (path.name, node.func.attr)
        for room in ("widgets", "viewer")
        for path in (SOURCE / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not [one for one in called if one[1] in {"setStyleSheet", "setFixedWidth", "setFixedSize"}]


def _wheel_over(widget):
    middle = QPointF(widget.width() / 2, widget.height() / 2)
    event = QWheelEvent(
        middle,
        QPointF(widget.mapToGlobal(middle.toPoint())),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def _editable(dock):
    """All that a user can set, in order: spin boxes, choices, ticks and lines."""
    kinds = (QAbstractSpinBox, QComboBox, QCheckBox, QLineEdit, QAbstractSlider)
    return [
        one
        for kind in kinds
        for one in dock.findChildren(kind)
        if not isinstance(one, QScrollBar)
        and not isinstance(one.parent(), QAbstractSpinBox | QComboBox)
        and not (isinstance(one, QLineEdit) and one.isReadOnly())
    ]


def _state(dock):
    return [_value(one) for one in _editable(dock)]


def _value(widget):
    if isinstance(widget, QCheckBox):
        return widget.isChecked()
    return widget.currentText() if isinstance(widget, QComboBox) else widget.text()


def test_sin_14_the_wheel_changes_nothing(annotated, start_work, dock_name):
    dock = start_work(annotated, dock_name).dock
    before = _state(dock)
    for widget in _editable(dock):
        widget.setFocus()
        _wheel_over(widget)
    assert _state(dock) == before
    # A box that takes the focus of the wheel would take its next turn.
    for kind in (QAbstractSpinBox, QComboBox):
        assert all(one.focusPolicy() != Qt.FocusPolicy.WheelFocus for one in dock.findChildren(kind))


def _change(widget, text):
    if isinstance(widget, QAbstractSpinBox):
        widget.stepUp()
    elif isinstance(widget, QCheckBox):
        widget.setChecked(not widget.isChecked())
    elif isinstance(widget, QComboBox):
        widget.setCurrentIndex((widget.currentIndex() + 1) % max(widget.count(), 1))
    else:
        widget.setText(text)
        widget.editingFinished.emit()


def test_sin_15_what_was_set_is_found_again(annotated, start_work, dock_name, ensemble_folder, tmp_path):
    # Fit for a folder as well as for a name.
    other = shutil.copytree(ensemble_folder, tmp_path / "other")
    annotated.add_image(annotated.layers["cells"].data, name="other cells")
    work = start_work(annotated, dock_name)
    for widget in _editable(work.dock):
        if widget.isEnabled():
            _change(widget, str(other))
    before = _state(work.dock)
    work.dock.deleteLater()
    work.open()
    assert _state(work.dock) == before


def _results(dock):
    tables = [
        [[one.model().index(row, column).data() for column in range(one.model().columnCount())]
         for row in range(one.model().rowCount())]
        for one in dock.findChildren(QTableView)
    ]  # fmt: skip
    labels = [one.text() for one in dock.findChildren(QLabel) if one.isVisibleTo(dock)]
    return tables, sorted(label for label in labels if label != dock.message.text())


def test_sin_15_what_came_out_is_found_again(annotated, start_work, dock_name):
    work = start_work(annotated, dock_name)
    work.press()
    before = _results(work.dock)
    layers = list(annotated.layers)
    work.dock.deleteLater()
    work.open()
    assert _results(work.dock) == before
    assert list(annotated.layers) == layers
