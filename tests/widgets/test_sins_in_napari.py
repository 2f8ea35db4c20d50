"""Sins 10, 11, 13 and 14 over all docks in a real napari, as plugins get it."""

import ast
from pathlib import Path

import numpy as np
from qtpy.QtWidgets import QApplication, QLabel

import napari_deepflash2
from napari_deepflash2.widgets.plots import ink_of, paper_of
from napari_deepflash2.widgets.tables import contrast

SOURCE = Path(napari_deepflash2.__file__).parent
PATHS = [path for room in ("viewer", "widgets") for path in sorted((SOURCE / room).glob("*.py"))]


def _nodes(path, kind):
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kind)]


def test_sin_10_nothing_private_of_another_object_is_used():
    private = [
        f"{path.name}:{node.lineno} {ast.unparse(node)}"
        for path in PATHS
        for node in _nodes(path, ast.Attribute)
        if _is_private(node.attr) and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    ]
    imported = [
        f"{path.name}:{node.lineno} {ast.unparse(node)}"
        for path in PATHS
        for node in _nodes(path, ast.ImportFrom)
        if any(map(_is_private, [*(node.module or "").split("."), *(name.name for name in node.names)]))
    ]
    assert private + imported == []


def _is_private(name):
    return name.startswith("_") and not name.startswith("__")


def test_sin_11_no_job_is_handed_the_viewer_and_no_other_thread_is_made():
    jobs = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in PATHS
        for node in _nodes(path, ast.FunctionDef)
        if {"viewer", "progress"} <= {argument.arg for argument in node.args.args}
    ]
    makers = {"Thread", "QThread", "ThreadPoolExecutor", "create_worker", "thread_worker"}
    made = {
        path.name
        for path in PATHS
        for node in _nodes(path, ast.Call)
        if ast.unparse(node.func).split(".")[-1] in makers
    }
    assert jobs == []
    assert made == {"workers.py"}


def test_sins_10_11_and_13_every_dock_works_by_public_means_fits_and_follows_the_theme(
    real_viewer, start_work, fill, dock_name
):
    fill(real_viewer, "stack")
    real_viewer.window.resize(1280, 800)
    work = start_work(real_viewer, dock_name)
    # What is private of napari warns, what another thread does to it raises.
    work.press()
    assert "should not have happened" not in work.dock.message.text()
    lightness = {}
    for theme in ("light", "dark"):
        real_viewer.theme = theme
        QApplication.processEvents()
        lightness[theme] = _lightness(work.dock)
        for label in work.dock.findChildren(QLabel):
            if label.isVisibleTo(work.dock) and label.text() and label.isEnabled():
                assert contrast(ink_of(label), paper_of(label)) >= 4.5, (theme, label.text())
    assert lightness["light"] > 0.5 > lightness["dark"]
    # The rest of the window needs some of the 800 pixels too.
    assert work.dock.minimumSizeHint().height() <= 500
    assert work.dock.minimumSizeHint().width() <= 400


def _lightness(dock):
    picture = dock.grab().toImage().scaled(64, 64)
    return np.mean([picture.pixelColor(x, y).lightnessF() for x in range(64) for y in range(64)])
