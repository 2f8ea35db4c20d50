"""The part of the training dock that shows the present prediction of a run as layers."""

from __future__ import annotations

from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from ..viewer.preview import PreviewReader, RunPreview, go_to, hide_preview, show_preview
from .dock import make_button, make_row, set_ready, text_label


class PreviewPart(QWidget):
    """A tick for the preview layers, what they show, and a button that goes there.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where they are shown.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._reader: PreviewReader | None = None
        self._folder: Path | None = None
        self._layers: list[Layer] = []
        self._is_placing = False
        self.tick = QCheckBox("Preview layers")
        self.tick.setChecked(True)
        self.tick.setToolTip(
            "Show what the model predicts of a held-out image after each validation. Layers that you delete "
            "come back when this is ticked again."
        )
        self.tick.toggled.connect(self._toggled)
        self.go_button = make_button("Go there", self._go, "Move the sliders to the image that is shown.")
        self.about = text_label("")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(make_row([self.tick, self.go_button]))
        layout.addWidget(self.about)
        self._refresh()

    def watch(self, folder: Path) -> None:
        """Show the previews of this run from now on."""
        self._folder, self._reader = folder, PreviewReader(folder)
        self._layers = []
        self.about.setText("")
        self._refresh()

    def look(self) -> None:
        """Show what is new."""
        if self._reader is None or not self.tick.isChecked():
            return
        preview = self._reader.news()
        if preview is not None:
            self._show(preview)

    def layers_changed(self) -> None:
        """Leave it at that where a layer of the preview was deleted."""
        gone = any(layer not in self._viewer.layers for layer in self._layers)
        if gone and not self._is_placing:
            self.tick.setChecked(False)

    def _show(self, preview: RunPreview) -> None:
        assert self._folder is not None
        self._is_placing = True
        try:
            self._layers, name = show_preview(self._viewer, preview, self._folder)
        finally:
            self._is_placing = False
        self.about.setText(about_text(preview, name))
        self._refresh()

    def _toggled(self, on: bool) -> None:
        if on:
            if self._folder is not None:
                self._reader = PreviewReader(self._folder)
            self.look()
        else:
            self._layers = []
            hide_preview(self._viewer)
            self.about.setText("")
        self._refresh()

    def _go(self) -> None:
        if self._layers:
            go_to(self._viewer, self._layers)

    def _refresh(self) -> None:
        self.about.setVisible(bool(self.about.text()))
        set_ready(self.go_button, "" if self._layers else "There is no preview yet.")


def about_text(preview: RunPreview, name: str) -> str:
    """Say what the layers show."""
    return f"Fold {preview.fold} after {preview.iteration} iterations, on {name}."
