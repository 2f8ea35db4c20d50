"""The part of a dock in which image and experts are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from magicgui.widgets import Container
from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QInputDialog, QVBoxLayout, QWidget

from ..config import DataConfig
from ..errors import InputError
from ..viewer.colours import outline_experts
from ..viewer.expert_folder import ExpertsFound, read_experts, show_experts
from ..viewer.grids import grid_of
from .dock import Dock, make_button, make_group, notes_text, set_ready
from .forms import SectionForm, keep_tame
from .pickers import ExpertList, image_picker


class ExpertsPart(QWidget):
    """Image, ticked Labels layers, and what their values mean.

    Parameters
    ----------
    dock : Dock
        Which it is a part of; runs the jobs and shows the messages.
    """

    changed = Signal()

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._dock = dock
        viewer, session = dock.viewer, dock.session
        self.image_box = image_picker(
            viewer, True, "The image that the experts annotated; it ties results to it and may be left out."
        )
        self.list = ExpertList(viewer, session)
        self.outline = make_button(
            "Outline in colours",
            self._outline,
            "Show each ticked layer as outlines in the expert's colour.",
        )
        self.folder_button = make_button(
            "Open expert folder...",
            self.ask_folder,
            "Open a folder that holds one sub-folder for each expert: of masks, or of ImageJ ROI sets.",
        )
        self.meaning = SectionForm(DataConfig, ["mask_kind"], session.configuration.data)
        image_row = Container(widgets=[self.image_box], labels=True)
        image_row.margins = (0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(image_row.native)
        layout.addWidget(
            make_group(
                "Annotations",
                [self.list, self.folder_button, self.outline, self.meaning.native],
            )
        )
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

    def show_busy(self, busy: bool) -> None:
        """Open no folder while a job of the dock runs."""
        set_ready(self.folder_button, "Wait for the job that runs." if busy else "")

    def ask_folder(self) -> None:
        """Ask for a folder of experts and open it."""
        path = QFileDialog.getExistingDirectory(self, "Folder with one sub-folder for each expert")
        if path:
            self.open_folder(Path(path))

    def open_folder(self, folder: Path) -> None:
        """Read the masks of all experts and show each as a layer."""
        image = self.image()
        try:
            grid = None if image is None else grid_of(image)
            config = self._dock.session.configure("data", self.meaning.values()).data
        except InputError as error:
            self._dock.refuse(error)
            return
        self._dock.run(
            partial(read_experts, folder, grid, config), partial(self._opened, image), "reading experts"
        )

    def ask_image(self, names: Sequence[str]) -> str:
        """Ask which image to open; an empty name opens none."""
        name, chosen = QInputDialog.getItem(
            self, "Open expert folder", "Masks of which image?", list(names), 0, False
        )
        return str(name) if chosen else ""

    def _opened(self, image: Image | None, found: ExpertsFound) -> None:
        names: Sequence[str] = found.to_open(image)
        if not names:
            name = self.ask_image(list(found.masks))
            names = [name] if name else []
        if names:
            self._show(found, names, image)

    def _show(self, found: ExpertsFound, names: Sequence[str], image: Image | None) -> None:
        if found.are_objects:
            self.meaning.mask_kind.value = "instances"
        layers = show_experts(self._dock.viewer, found, names, image)
        for layer in layers:
            self._dock.session.tick(layer, True)
        self.refresh()
        said = opened_text([layer.name for layer in layers], names)
        notes = notes_text([*found.left_out(names), *found.notes])
        self._dock.say("\n".join(text for text in (said, notes) if text))

    def _propose_image(self) -> None:
        images = [choice for choice in self.image_box.choices if choice is not None]
        if self.image_box.value is None and len(images) == 1:
            self.image_box.value = images[0]

    def _outline(self) -> None:
        outline_experts(self.layers())


def opened_text(experts: Sequence[str], names: Sequence[str]) -> str:
    """Say whose masks were opened, and in which order the planes of a stack are."""
    of = names[0] if len(names) == 1 else f"{len(names)} images, in the order {', '.join(names)}"
    return f"Opened the masks of {len(experts)} experts ({', '.join(experts)}) of {of}."
