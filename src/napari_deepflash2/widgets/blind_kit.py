"""Dock *Blind annotation kit*: packages of images to experts, and their masks back."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from magicgui.widgets import CheckBox, Container, FileEdit, FloatSpinBox, LineEdit
from napari.components import ViewerModel
from qtpy.QtWidgets import QPushButton

from ..data.blind_kit import BlindKit, make_blind_kit
from ..data.blind_return import BlindReport, read_back
from .dock import Dock, make_button, make_group, notes_text, set_ready
from .folders import folder_edit
from .forms import ignore_wheel
from .tables import Cells, Table


class BlindAnnotation(Dock):
    """Send images out blinded, and read back what returns.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari; no layer is read or written.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.images = folder_edit("images", "Images", "Folder of the images to annotate.")
        self.out = folder_edit("out", "Kit folder", "New or empty; gets a package per expert and the key.")
        self.experts = LineEdit(name="experts", label="Experts", tooltip="Names, separated by commas.")
        self.repeats = FloatSpinBox(
            name="repeats",
            label="Shown twice",
            value=0.1,
            min=0,
            max=0.99,
            step=0.05,
            tooltip="Share of the images.",
        )
        self.make_button = make_button("Make kit", self.make_kit, "Write one package per expert.")
        self.kit = folder_edit("kit", "Kit folder", "With key.json.")
        self.returned = folder_edit("returned", "Returned", "Folder with the packages that came back.")
        self.masks = folder_edit("masks", "Expert folder", "New or empty; gets one sub-folder per expert.")
        self.allow_missing = CheckBox(
            name="allow_missing", text="Take what is there", tooltip="Missing masks are then notes."
        )
        self.read_button = make_button(
            "Read back", self.read_kit, "Check all masks and give back their names."
        )
        self.own_error = Table()
        self.own_error.setVisible(False)
        self._lay_out()
        ignore_wheel(self)
        for edit in (*self._to_make(), *self._to_read(), self.experts):
            edit.changed.connect(self.update_buttons)
        self.keep([*self._to_make(), *self._to_read(), self.experts, self.repeats, self.allow_missing])
        self.update_buttons()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        self._set(self.make_button, self._to_make(), "" if self._names() else "Name the experts.")
        self._set(self.read_button, self._to_read(), "")

    def make_kit(self) -> None:
        """Write the packages."""
        images, out, names, repeats = self.images.value, self.out.value, self._names(), self.repeats.value
        self.run(
            lambda report: make_blind_kit(images, out, names, repeats, progress=report),
            self._made,
            "making the kit",
        )

    def read_kit(self) -> None:
        """Check the returned masks and write the experts' folder."""
        job = partial(
            read_back, self.kit.value, self.returned.value, self.masks.value, self.allow_missing.value
        )
        self.run(lambda report: job(progress=report), self._read, "reading the masks")

    def _made(self, kit: BlindKit) -> None:
        self.kit.value = self.out.value
        self.say(
            f"{len(kit.packages)} packages are in {self.out.value}. Keep key.json, and keep it to yourself."
        )

    def _read(self, report: BlindReport) -> None:
        table = report.own_error
        if len(table):
            self.own_error.show_cells(Cells.of(table.groupby("expert")[["dice"]].mean()))
        self.own_error.setVisible(bool(len(table)))
        self.say("\n".join(filter(None, [f"The masks are in {report.out}.", notes_text(report.notes)])))

    def _names(self) -> list[str]:
        return [name for part in self.experts.value.split(",") if (name := part.strip())]

    def _to_make(self) -> tuple[FileEdit, ...]:
        return self.images, self.out

    def _to_read(self) -> tuple[FileEdit, ...]:
        return self.kit, self.returned, self.masks

    def _set(self, button: QPushButton, folders: tuple[FileEdit, ...], otherwise: str) -> None:
        unchosen = [edit.label for edit in folders if edit.value in (None, Path())]
        why_not = f"Choose: {', '.join(unchosen)}." if unchosen else otherwise
        set_ready(button, "Working." if self.is_busy else why_not)

    def _lay_out(self) -> None:
        making = Container(widgets=[self.images, self.out, self.experts, self.repeats], labels=True)
        reading = Container(widgets=[self.kit, self.returned, self.masks, self.allow_missing], labels=True)
        for form in (making, reading):
            form.margins = (0, 0, 0, 0)
        for widget in (
            make_group("Make", [making.native, self.make_button]),
            make_group("Read back", [reading.native, self.read_button]),
            self.job_bar,
            self.message,
            self.own_error,
        ):
            self.page.addWidget(widget)
