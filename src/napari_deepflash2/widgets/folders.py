"""Choosing a folder, and asking for a pair of them."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import Container, FileEdit
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from .dock import text_label


def folder_edit(name: str, label: str, tip: str) -> FileEdit:
    """Make a line for a folder, with a button to browse; empty at first."""
    edit = FileEdit(name=name, label=label, mode="d", nullable=True, tooltip=tip)
    edit.choose_btn.text = "…"
    edit.choose_btn.tooltip = "Choose a folder."
    return edit


class FolderPairDialog(QDialog):
    """Asks for a folder of images and the folder of their masks."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add folders")
        self.images = folder_edit("images", "Images", "The name of an image without extension is its ID.")
        self.masks = folder_edit("masks", "Masks", "Named ID plus one suffix for all, such as 0001_mask.png.")
        form = Container(widgets=[self.images, self.masks], labels=True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(
            text_label(
                "A folder of images, such as 0001.tif, and the folder of their masks, such as 0001_mask.png "
                "or 0001.png."
            )
        )
        layout.addWidget(form.native)
        layout.addWidget(buttons)
        self.resize(420, self.sizeHint().height())

    def folders(self) -> tuple[Path, Path] | None:
        """Give both folders, or None where one was not chosen."""
        images, masks = self.images.value, self.masks.value
        return (images, masks) if images and masks else None
