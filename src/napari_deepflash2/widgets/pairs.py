"""The part of the training dock that lists images with their masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox, Container
from napari.layers import Image, Labels
from qtpy.QtWidgets import QDialog, QVBoxLayout, QWidget
from superqt import QCollapsible

from ..errors import InputError
from ..progress import ProgressCallback
from ..viewer.grids import levels_of
from ..viewer.pairs import (
    FolderPair,
    LayerPair,
    Pair,
    Taking,
    make_pair,
    pair_by_name,
    pair_folders,
    pair_selected,
)
from ..viewer.placing import role_of
from .dock import Dock, make_button, make_row, notes_text, set_ready
from .folders import FolderPairDialog
from .forms import keep_tame
from .pairs_table import PairsTable
from .pickers import NO_CHANNELS
from .tables import Cells

COLUMNS = ("image", "mask", "size")
IMAGE, MASK, SIZE = range(3)
MOST_AXES = 4
FULL = "full resolution"


class PairsPart(QWidget):
    """A table of pairs, buttons that fill it, and how layers with more axes or levels are taken.

    Parameters
    ----------
    dock : Dock
        Which it is a part of; runs the jobs and shows the messages.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._dock = dock
        self.table = PairsTable(COLUMNS, self.choices)
        self.table.setToolTip("Double-click a cell to change it.")
        self.table.model_of_pairs.edited.connect(self.change)
        self._make_buttons()
        self._make_options()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addWidget(make_row([self.add_button, self.names_button]))
        layout.addWidget(make_row([self.folders_button, self.remove_button]))
        layout.addWidget(self._folded())
        keep_tame(self)

    def refresh(self) -> None:
        """Bring table and choices in step with the pairs and the layers."""
        self.level.reset_choices()
        session, layers = self._dock.session, self._dock.viewer.layers
        session.keep_pairs(
            [
                pair
                for pair in session.pairs
                if isinstance(pair, FolderPair) or (pair.image in layers and pair.labels in layers)
            ]
        )
        rows = tuple(row_of(pair) for pair in session.pairs)
        self.table.show_cells(Cells(COLUMNS, tuple(str(number + 1) for number in range(len(rows))), rows))

    def update_buttons(self) -> None:
        """Say what can be done now."""
        set_ready(self.folders_button, "Wait for the job that runs." if self._dock.is_busy else "")
        set_ready(self.remove_button, "" if self._dock.session.pairs else "There are no pairs to remove.")

    def add_selected(self) -> None:
        """Add the selected layers as pairs."""
        try:
            pairs = pair_selected(self._dock.viewer, self.how())
        except InputError as error:
            self._dock.refuse(error)
            return
        self._add(pairs, "")

    def add_by_name(self) -> None:
        """Add all layers that go together by name."""
        try:
            pairs, left = pair_by_name(self._dock.viewer, self.how())
        except InputError as error:
            self._dock.refuse(error)
            return
        self._add(pairs, notes_text(left))

    def ask_for_folders(self) -> None:
        """Ask for two folders and add them."""
        dialog = FolderPairDialog(self)
        if dialog.exec() == QDialog.DialogCode.Accepted and (folders := dialog.folders()):
            self.add_folders(*folders)

    def add_folders(self, images: Path, masks: Path) -> None:
        """Add a folder of images and the folder of their masks."""

        def job(_: ProgressCallback) -> FolderPair:
            return pair_folders(images, masks)

        self._dock.run(job, lambda pair: self._dock.session.add_pairs([pair]), "reading the folders")

    def remove(self) -> None:
        """Remove the selected rows, or all where none is selected."""
        pairs = self._dock.session.pairs
        chosen = self.chosen_rows() or set(range(len(pairs)))
        self._dock.session.keep_pairs([pair for row, pair in enumerate(pairs) if row not in chosen])

    def how(self) -> Taking:
        """Say how layers that are added now are taken."""
        return Taking(self.channel_axis.value, self.one_specimen.value, self.level.value or 0)

    def chosen_rows(self) -> set[int]:
        """Give the rows that are selected in the table."""
        model = self.table.selectionModel()
        return set() if model is None else {index.row() for index in model.selectedRows()}

    def choices(self, row: int, column: int) -> Sequence[tuple[str, Any]]:
        """Tell what a cell may be changed to."""
        pair = self._dock.session.pairs[row]
        if isinstance(pair, FolderPair):
            return []
        if column == SIZE:
            return [(_level(number), number) for number in range(levels_of(pair.image))]
        kind = Image if column == IMAGE else Labels
        layers = [layer for layer in self._dock.viewer.layers if isinstance(layer, kind)]
        return [(layer.name, layer) for layer in layers if kind is Labels or role_of(layer) is None]

    def change(self, row: int, column: int, value: Any) -> None:
        """Put another layer or level into a row; what does not fit is refused and the row stays."""
        pair = self._dock.session.pairs[row]
        if isinstance(pair, FolderPair) or value is None:
            return
        image, labels, how = pair.image, pair.labels, pair.how
        match column:
            case 0:
                image = value
            case 1:
                labels = value
            case 2:
                how = replace(how, level=value)
        try:
            changed = make_pair(image, labels, how)
        except InputError as error:
            self._dock.refuse(error)
            return
        self._dock.session.replace_pair(row, changed)

    def _add(self, pairs: Sequence[LayerPair], said: str) -> None:
        self._dock.say(said)
        self._dock.session.add_pairs([*pairs])

    def _make_buttons(self) -> None:
        self.add_button = make_button(
            "Add selected layers",
            self.add_selected,
            "Pair the selected Image layers with the selected Labels, several by their names.",
        )
        self.names_button = make_button(
            "Pair by name",
            self.add_by_name,
            "Pair all Image layers with the Labels that are named after them, such as x and x mask.",
        )
        self.folders_button = make_button(
            "Add folders…", self.ask_for_folders, "Add a folder of images and the folder of their masks."
        )
        self.remove_button = make_button(
            "Remove", self.remove, "Remove the selected rows; all where none is selected."
        )

    def _make_options(self) -> None:
        self.channel_axis = ComboBox(
            name="channel_axis",
            label="Channels",
            choices=[(NO_CHANNELS, None), *((f"axis {axis}", axis) for axis in range(MOST_AXES))],
            tooltip="The axis of the image layers that holds channels; RGB layers are known as such.",
        )
        self.one_specimen = ComboBox(
            name="one_specimen",
            label="Planes",
            choices=[("as the axis says", None), ("separate images", False), ("one specimen", True)],
            tooltip="What the planes of a stack are. Those of one specimen stay together in one fold, else "
            "validation sees what training saw. Axes named z, t, time, depth, plane, slice or frame are "
            "taken as one specimen.",
        )
        self.level = ComboBox(
            name="level",
            label="Level",
            choices=self._levels,
            tooltip="The level of multiscale images that is learned from; the masks have to be drawn on its "
            "grid.",
        )

    def _levels(self, _: Any) -> list[tuple[str, int]]:
        images = [layer for layer in self._dock.viewer.layers if isinstance(layer, Image)]
        return [(_level(number), number) for number in range(max(map(levels_of, images), default=1))]

    def _folded(self) -> QCollapsible:
        options = Container(widgets=[self.channel_axis, self.one_specimen, self.level], labels=True)
        options.margins = (0, 0, 0, 0)
        folded = QCollapsible("Stacks, channels and levels")
        folded.addWidget(options.native)
        return folded


def row_of(pair: Pair) -> tuple[str, str, str]:
    """Describe a pair in the columns of the table."""
    if isinstance(pair, FolderPair):
        return str(pair.images), str(pair.masks), f"{pair.count} images"
    size = " × ".join(str(length) for length in pair.shape)
    specimen = "one specimen" if len(pair.shape) > 2 and pair.how.one_specimen else ""
    level = _level(pair.how.level) if pair.how.level else ""
    return pair.image.name, pair.labels.name, ", ".join(part for part in (size, specimen, level) if part)


def _level(number: int) -> str:
    return f"level {number}" if number else FULL
