"""The part of a dock in which image and experts are chosen."""

from __future__ import annotations

from magicgui.widgets import Container
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..config import DataConfig
from ..viewer.colours import outline_experts
from ..viewer.session import Session
from .dock import make_button, make_group, set_ready
from .forms import SectionForm, keep_tame
from .pickers import ExpertList, image_picker


class ExpertsPart(QWidget):
    """Image, ticked Labels layers, and what their values mean."""

    changed = Signal()

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        super().__init__()
        self.image_box = image_picker(
            viewer, True, "The image that the experts annotated; it ties results to it and may be left out."
        )
        self.list = ExpertList(viewer, session)
        self.outline = make_button(
            "Outline in colours",
            self._outline,
            "Show each ticked layer as outlines in the expert's colour.",
        )
        self.meaning = SectionForm(DataConfig, ["mask_kind"], session.configuration.data)
        image_row = Container(widgets=[self.image_box], labels=True)
        image_row.margins = (0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(image_row.native)
        layout.addWidget(make_group("Annotations", [self.list, self.outline, self.meaning.native]))
        keep_tame(self)
        self.list.ticked.connect(self.refresh_buttons)
        self._propose_image()
        self.refresh_buttons()

    def refresh(self) -> None:
        """Bring the pickers in step with the viewer."""
        self.image_box.reset_choices()
        self._propose_image()
        self.list.refresh()
        self.refresh_buttons()

    def refresh_buttons(self) -> None:
        """Say what can be done with the ticked layers."""
        set_ready(self.outline, "" if self.layers() else "Tick the Labels layers of the experts first.")
        self.changed.emit()

    def layers(self) -> list[Labels]:
        """Give the ticked Labels layers."""
        return self.list.layers()

    def image(self) -> Image | None:
        """Give the chosen image."""
        return self.image_box.value

    def why_not(self, at_least: int) -> str:
        """Why nothing can be done yet; empty where it can."""
        ticked = len(self.layers())
        if ticked >= at_least:
            return ""
        return f"Tick the Labels layers of at least {at_least} experts; {ticked} are ticked."

    def _propose_image(self) -> None:
        images = [choice for choice in self.image_box.choices if choice is not None]
        if self.image_box.value is None and len(images) == 1:
            self.image_box.value = images[0]

    def _outline(self) -> None:
        outline_experts(self.layers())
