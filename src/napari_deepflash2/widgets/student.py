"""The part of the dock *Predict* about the preview network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.widgets import Container
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from ..ensemble.manifest import Manifest
from ..ensemble.student import find_card
from ..errors import InputError
from ..progress import ProgressCallback
from ..viewer.reading import Snapshot
from ..viewer.student_preview import Aim, as_given, images_to_learn_from
from .dock import Dock, make_button, set_ready, text_label
from .folders import folder_edit
from .instant_preview import InstantPreview

if TYPE_CHECKING:
    from ..config import Configuration
    from ..ensemble import Student
    from ..ensemble.student_files import StudentCard

NONE = "None yet. It takes minutes to make, and shows at once about what the ensemble would say."
BUSY = "Wait until the job that runs has ended."


class StudentPart(QWidget):
    """Says whether there is a preview network, makes one, and switches the instant preview.

    Parameters
    ----------
    dock : Dock
        Which it is a part of, and which runs the making.
    aim : callable
        Says what is to be predicted; None where nothing can be now.
    configuration : callable
        Gives the settings; may raise `InputError`.
    """

    def __init__(
        self, dock: Dock, aim: Callable[[], Aim | None], configuration: Callable[[], Configuration]
    ) -> None:
        super().__init__()
        self._dock, self._aim, self._configuration = dock, aim, configuration
        self._folder: Path | None = None
        self._is_there = False
        self.about = text_label("")
        self.images = folder_edit(
            "images", "Learn from", "A folder of images; without one, the image layers. No masks are needed."
        )
        self.make_button = make_button(
            "Make preview network", self.make, "Distil the ensemble into one small network for previews."
        )
        self.tick = QCheckBox("Instant preview")
        self.tick.setToolTip(
            "Predict what is in view whenever it rests, by one small network: quick, and not the ensemble."
        )
        self.status = text_label("")
        self.status.setVisible(False)
        self.preview = InstantPreview(dock.viewer, self._aim_of_preview, self)
        dock.keep([self.images])
        self.tick.setChecked(dock.session.kept("Predict.instant_preview", False))
        self.tick.toggled.connect(self._toggled)
        self.preview.said.connect(self._say)
        form = Container(widgets=[self.images], labels=True)
        form.margins = (0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.about, self.tick, self.status, form.native, self.make_button):
            layout.addWidget(widget)

    def show_ensemble(self, folder: Path | None) -> None:
        """Say what there is in an ensemble's folder."""
        self._folder = folder
        self._is_there = False
        try:
            card = None if folder is None else find_card(folder, Manifest.load(folder))
            self._is_there = card is not None
            self.about.setText(NONE if card is None else about_text(card))
        except InputError as error:
            self.about.setText(str(error))
        if self.tick.isChecked():
            self.preview.switch(self._is_there)
        self.update_buttons()

    def update_buttons(self) -> None:
        """Say what can be done now; no preview is computed beside a job of the dock."""
        no_ensemble = "" if self._folder else "Choose the folder of an ensemble first."
        set_ready(self.make_button, BUSY if self._dock.is_busy else no_ensemble)
        self.tick.setEnabled(self._is_there)
        if self._dock.is_busy:
            self.preview.pause()
        else:
            self.preview.disturb()

    def make(self) -> None:
        """Make a preview network of the ensemble."""
        folder, aim = self._folder, self._aim()
        if folder is None:
            return
        try:
            settings, images = self._configuration(), self.images.value
            taken = None if images else self._taken(folder, aim)
        except InputError as error:
            self._dock.refuse(error)
            return
        self._dock.run(partial(_make, folder, images, taken, settings), self._made, "preview network")

    def _aim_of_preview(self) -> Aim | None:
        return None if self._dock.is_busy or not self._is_there else self._aim()

    def _taken(self, folder: Path, aim: Aim | None) -> list[Snapshot]:
        return images_to_learn_from(self._dock.viewer, aim, Manifest.load(folder).channels)

    def _made(self, student: Student) -> None:
        self.show_ensemble(self._folder)

    def _toggled(self, on: bool) -> None:
        self._dock.session.keep("Predict.instant_preview", on)
        self._say("")
        self.preview.switch(on)

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))


def about_text(card: StudentCard) -> str:
    """Say of a preview network how near it comes to the ensemble."""
    fidelity = card.fidelity
    known = "not known" if fidelity.uncertainty is None else f"{fidelity.uncertainty:.2f}"
    return (
        f"One network, distilled from {len(card.members)} models on {card.images} images. On "
        f"{fidelity.images} others it gives the same class on {fidelity.agreement:.1%} of the pixels; Dice "
        f"with the ensemble {fidelity.dice:.3f}, correlation of the uncertainty {known}."
    )


def _make(
    folder: Path,
    images: Path | None,
    taken: list[Snapshot] | None,
    settings: Configuration,
    progress: ProgressCallback,
) -> Student:
    """Make it; a job for a worker."""
    from ..ensemble import distil_student

    return distil_student(folder, images if taken is None else as_given(taken), settings, progress)
