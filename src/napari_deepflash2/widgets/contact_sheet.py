"""Pictures of all training pairs, and the figures of the data check, in a window of their own."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QDialog, QListView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ..viewer.checking import CheckedData
from ..viewer.thumbnails import SIDE, Thumbnail
from .dock import text_label
from .tables import Cells, Table

SIZE = (720, 640)
PADDING, TEXT_HEIGHT = 16, 40


class ContactSheet(QDialog):
    """The mask of each image as outlines, and below what is in each.

    Parameters
    ----------
    parent : QWidget
        The dock, whose theme it takes.
    found : CheckedData
        What to show.
    """

    def __init__(self, parent: QWidget, found: CheckedData) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Training data")
        self.pictures = QListWidget()
        self.pictures.setViewMode(QListView.ViewMode.IconMode)
        self.pictures.setResizeMode(QListView.ResizeMode.Adjust)
        self.pictures.setMovement(QListView.Movement.Static)
        self.pictures.setIconSize(QSize(SIDE, SIDE))
        self.pictures.setGridSize(QSize(SIDE + PADDING, SIDE + TEXT_HEIGHT))
        for thumbnail in found.pictures:
            self.pictures.addItem(_item(thumbnail))
        self.table = Table()
        if found.table is not None:
            self.table.show_cells(Cells.of(found.table.set_index("id")))
        layout = QVBoxLayout(self)
        layout.addWidget(text_label("The outlines are those of the mask. What is in each image:"))
        layout.addWidget(self.pictures)
        layout.addWidget(self.table)
        self.resize(*SIZE)


def _item(thumbnail: Thumbnail) -> QListWidgetItem:
    height, width, _ = thumbnail.pixels.shape
    image = QImage(thumbnail.pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QListWidgetItem(QIcon(QPixmap.fromImage(image)), thumbnail.name)
