"""Pictures of all training pairs, and the figures of the data check, in a window of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QDialog, QListView, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ..viewer.checking import PICTURE_SIDE, CheckedData
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
        self.pictures.setIconSize(QSize(PICTURE_SIDE, PICTURE_SIDE))
        self.pictures.setGridSize(QSize(PICTURE_SIDE + PADDING, PICTURE_SIDE + TEXT_HEIGHT))
        self.table = Table()
        if found.table is not None:
            for name, pixels in zip(found.table["id"], found.pictures, strict=True):
                self.pictures.addItem(_item(str(name), pixels))
            self.table.show_cells(Cells.of(found.table.set_index("id")))
        layout = QVBoxLayout(self)
        layout.addWidget(text_label("The outlines are those of the mask. What is in each image:"))
        layout.addWidget(self.pictures)
        layout.addWidget(self.table)
        self.resize(*SIZE)


def _item(name: str, pixels: NDArray[np.uint8]) -> QListWidgetItem:
    height, width, _ = pixels.shape
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QListWidgetItem(QIcon(QPixmap.fromImage(image)), name)
