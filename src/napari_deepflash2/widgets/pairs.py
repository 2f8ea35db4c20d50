"""The part of the training dock that lists images with their masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtWidgets import QDialog, QFileDialog, QVBoxLayout, QWidget

from ..errors import InputError, Problem
from ..progress import ProgressCallback
from ..viewer.grids import levels_of
from ..viewer.pair_groups import with_groups
from ..viewer.pairs import (
    FolderPair,
    LayerPair,
    Pair,
    make_pair,
    pair_by_name,
    pair_folders,
    pair_selected,
    pair_with_experts,
)
from ..viewer.placing import role_of
from .dock import Dock, make_button, make_row, notes_text, set_ready
from .folders import FolderPairDialog
from .forms import keep_tame
from .pair_options import PairOptions, level_text
from .pairs_table import PairsTable
from .tables import Cells

COLUMNS = ("image", "mask", "group", "size", "findings")
IMAGE, MASK, GROUP, SIZE, FINDINGS = range(5)


class PairsPart(QWidget):
    """A table of pairs, buttons that fill it, and how what is added is taken.

    Parameters
    ----------
    dock : Dock
        Which it is a part of; runs the jobs and shows the messages.
    """

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self._dock = dock
        # What the last data check found in each pair; of other pairs than these nothing is known.
        self._findings: list[tuple[Pair, Sequence[str]]] = []
        self.table = PairsTable(COLUMNS, self.choices)
        self.table.setToolTip("Double-click a cell to change it.")
        self.table.model_of_pairs.edited.connect(self.change)
        self.options = PairOptions(dock.viewer, dock.session.configuration.data)
        self._make_buttons()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addWidget(make_row([self.add_button, self.names_button]))
        layout.addWidget(make_row([self.folders_button, self.experts_button]))
        layout.addWidget(make_row([self.groups_button, self.remove_button]))
        layout.addWidget(self.options)
        keep_tame(self)

    def refresh(self) -> None:
        """Bring table and choices in step with the pairs and the layers."""
        self.options.refresh()
        session, layers = self._dock.session, self._dock.viewer.layers
        session.keep_pairs(
            [
                pair
                for pair in session.pairs
                if isinstance(pair, FolderPair) or all(layer in layers for layer in pair.layers)
            ]
        )
        known = [self._known(pair) for pair in session.pairs]
        rows = tuple(
            (*row_of(pair), findings_text(found)) for pair, found in zip(session.pairs, known, strict=True)
        )
        tips = {(row, FINDINGS): "\n".join(found) for row, found in enumerate(known) if found}
        self.table.show_cells(Cells(COLUMNS, tuple(map(str, range(1, len(rows) + 1))), rows, tips=tips))

    def show_findings(self, pairs: Sequence[Pair], findings: Sequence[Sequence[str]]) -> None:
        """Show what a data check found in each pair."""
        self._findings = list(zip(pairs, findings, strict=True))
        self.refresh()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        pairs = self._dock.session.pairs
        wait = "Wait for the job that runs." if self._dock.is_busy else ""
        set_ready(self.folders_button, wait)
        set_ready(self.groups_button, wait or ("" if pairs else "Add images with their masks first."))
        set_ready(self.remove_button, "" if pairs else "There are no pairs to remove.")

    def add_selected(self) -> None:
        """Add the selected layers as pairs."""
        self._add(lambda: (pair_selected(self._dock.viewer, self.options.how()), ()))

    def add_by_name(self) -> None:
        """Add all layers that go together by name."""
        self._add(lambda: pair_by_name(self._dock.viewer, self.options.how()))

    def add_experts(self) -> None:
        """Add the selected image with the masks of the experts that are ticked."""
        self._add(lambda: ([self._with_experts()], ()))

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

    def ask_for_groups(self) -> None:
        """Ask for a table of groups and take it."""
        path, _ = QFileDialog.getOpenFileName(
            self, "Table with the columns image and group", "", "Tables (*.csv *.tsv *.txt)"
        )
        if path:
            self.read_groups(Path(path))

    def read_groups(self, path: Path) -> None:
        """Give each image the group that a table names."""
        pairs = list(self._dock.session.pairs)

        def job(_: ProgressCallback) -> tuple[list[Pair], list[Problem]]:
            return with_groups(pairs, path)

        self._dock.run(job, partial(self._take_groups, pairs), "reading the groups")

    def remove(self) -> None:
        """Remove the selected rows, or all where none is selected."""
        pairs = self._dock.session.pairs
        chosen = self.chosen_rows() or set(range(len(pairs)))
        self._dock.session.keep_pairs([pair for row, pair in enumerate(pairs) if row not in chosen])

    def chosen_rows(self) -> set[int]:
        """Give the rows that are selected in the table."""
        model = self.table.selectionModel()
        return set() if model is None else {index.row() for index in model.selectedRows()}

    def choices(self, row: int, column: int) -> Sequence[tuple[str, Any]] | None:
        """Tell what a cell may be changed to; None for any text."""
        pair = self._dock.session.pairs[row]
        if column == GROUP:
            return None
        if isinstance(pair, FolderPair) or column == FINDINGS:
            return []
        if column == SIZE:
            return [(level_text(number), number) for number in range(levels_of(pair.image))]
        kind = Image if column == IMAGE else Labels
        layers = [layer for layer in self._dock.viewer.layers if isinstance(layer, kind)]
        return [(layer.name, layer) for layer in layers if kind is Labels or role_of(layer) is None]

    def change(self, row: int, column: int, value: Any) -> None:
        """Put a group, or another layer or level, into a row; what does not fit is refused."""
        pair = self._dock.session.pairs[row]
        try:
            changed = _changed(pair, column, value)
        except InputError as error:
            self._dock.refuse(error)
            return
        self._dock.session.replace_pair(row, changed)

    def _with_experts(self) -> LayerPair:
        viewer, session = self._dock.viewer, self._dock.session
        images = [layer for layer in viewer.layers if isinstance(layer, Image) and role_of(layer) is None]
        selected = [image for image in images if image in viewer.layers.selection] or images
        if len(selected) != 1:
            raise InputError.one(
                "layers",
                f"{len(selected)} Image layers may be meant",
                "Select the image that the experts annotated.",
                "which-image",
            )
        ticked = [layer for layer in viewer.layers if isinstance(layer, Labels) and session.is_expert(layer)]
        return pair_with_experts(selected[0], ticked, self.options.how())

    def _add(self, find: Callable[[], tuple[list[LayerPair], Sequence[Problem]]]) -> None:
        try:
            pairs, notes = find()
        except InputError as error:
            self._dock.refuse(error)
            return
        self._dock.say(notes_text(notes))
        self._dock.session.add_pairs([*pairs])

    def _take_groups(self, before: list[Pair], found: tuple[list[Pair], list[Problem]]) -> None:
        if self._dock.session.pairs == before:
            self._dock.session.pairs = found[0]
            self._dock.session.pairs_changed.emit()
            self._dock.say(notes_text(found[1]))

    def _known(self, pair: Pair) -> Sequence[str] | None:
        return next((found for checked, found in self._findings if checked is pair), None)

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
        self.experts_button = make_button(
            "Add experts",
            self.add_experts,
            "Add the selected image with the masks of all experts whose layers are ticked in Compare "
            "annotations (the visible ones, where nothing was ticked). What is learned from them is set as "
            "the target below.",
        )
        self.folders_button = make_button(
            "Add folders…", self.ask_for_folders, "Add a folder of images and the folder of their masks."
        )
        self.groups_button = make_button(
            "Groups…",
            self.ask_for_groups,
            "Read which images belong together, such as those of one animal, from a table with the columns "
            "image and group. Groups may also be typed into the table above.",
        )
        self.remove_button = make_button(
            "Remove", self.remove, "Remove the selected rows; all where none is selected."
        )


def row_of(pair: Pair) -> tuple[str, str, str, str]:
    """Describe a pair in the first columns of the table."""
    if isinstance(pair, FolderPair):
        groups = {group for _, group in pair.groups}
        group = pair.group or (f"{len(groups)} groups" if groups else "")
        return str(pair.images), str(pair.masks), group, f"{pair.count} images"
    size = " × ".join(str(length) for length in pair.shape)
    specimen = "one specimen" if len(pair.shape) > 2 and pair.how.one_specimen else ""
    level = level_text(pair.how.level) if pair.how.level else ""
    mask = f"{len(pair.masks)} experts" if pair.has_experts else pair.masks[0].name
    return pair.image.name, mask, pair.group, ", ".join(part for part in (size, specimen, level) if part)


def findings_text(found: Sequence[str] | None) -> str:
    """Count findings; empty where nothing was checked."""
    if found is None:
        return ""
    return "none" if not found else found[0] if len(found) == 1 else f"{len(found)} findings"


def _changed(pair: Pair, column: int, value: Any) -> Pair:
    if column == GROUP:
        group = str(value).strip()
        return (
            replace(pair, group=group, groups=())
            if isinstance(pair, FolderPair)
            else replace(pair, group=group)
        )
    if isinstance(pair, FolderPair) or value is None:
        return pair
    image = value if column == IMAGE else pair.image
    masks = (value,) if column == MASK else pair.masks
    how = replace(pair.how, level=value) if column == SIZE else pair.how
    return replace(make_pair(image, masks, how), group=pair.group)
