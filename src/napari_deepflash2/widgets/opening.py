"""Opening one dock from another."""

from __future__ import annotations

from napari.components import ViewerModel


def open_dock(viewer: ViewerModel, name: str) -> None:
    """Open a dock of ours, or bring it to the front; a viewer without a window has none to open."""
    window = getattr(viewer, "window", None)
    if window is not None:
        dock, _ = window.add_plugin_dock_widget("napari-deepflash2", name, tabify=True)
        dock.show()
        dock.raise_()
