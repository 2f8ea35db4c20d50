"""Keys that a dock takes for a while, in the image and in the dock."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from ..viewer.key_ring import KeyRing


class DockKeys:
    """Takes keys and gives them back, at the latest when the dock is destroyed.

    Parameters
    ----------
    dock : QWidget
        In which the keys work too.
    viewer : napari.components.ViewerModel
        In whose image they work.
    """

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        self._dock, self._viewer = dock, viewer
        self._ring: KeyRing | None = None
        self._shortcuts: list[QShortcut] = []

    def take(self, actions: Mapping[str, Callable[[], None]]) -> None:
        """Take keys, as napari writes them, in place of those taken before."""
        self.drop()
        self._ring = KeyRing(self._viewer, actions)
        self._dock.destroyed.connect(self._ring.release)
        for key, act in actions.items():
            shortcut = QShortcut(QKeySequence(key), self._dock)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)
            self._shortcuts.append(shortcut)

    def drop(self) -> None:
        """Give all keys back."""
        if self._ring is not None:
            self._dock.destroyed.disconnect(self._ring.release)
            self._ring.release()
            self._ring = None
        while self._shortcuts:
            self._shortcuts.pop().deleteLater()
