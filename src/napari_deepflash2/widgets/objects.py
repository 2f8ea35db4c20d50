"""The objects of a prediction in a dock: a table that leads to each, and what colours them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, Container
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..viewer.object_layer import (
    CLASS,
    COLOURINGS,
    LayerObjects,
    colour_objects,
    go_to_object,
    show_objects,
)
from .dock import text_label
from .frame_table import FrameTable

if TYPE_CHECKING:
    import pandas as pd

FIRST = "uncertainty"
_HEADERS = {"label": "object", "expected_iou": "overlap", "area_um2": "µm²", "area": "pixels"}


class ObjectsPart(QWidget):
    """Lists objects, the most uncertain first; a click goes to one.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Gets their layer.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._objects: LayerObjects | None = None
        self._layer: Labels | None = None
        self.summary = text_label("")
        self.colouring = ComboBox(
            name="colouring",
            label="Colour by",
            choices=[*COLOURINGS, CLASS],
            value=FIRST,
            tooltip="Bright is what to look at first, on one scale for all images; grey is not known.",
        )
        self.table = FrameTable()
        form = Container(widgets=[self.colouring], labels=True)
        form.margins = (0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.summary, form.native, self.table):
            layout.addWidget(widget)
        self.colouring.changed.connect(self._colour)
        self.table.chosen.connect(self._go_to)
        self.setVisible(False)

    def show_objects(self, objects: LayerObjects | None) -> None:
        """Show other objects from now on, or none."""
        self._objects = objects
        self.setVisible(objects is not None)
        if objects is None:
            self._layer = None
            return
        self._layer = show_objects(self._viewer, objects, self.colouring.value)
        self.summary.setText(summary_of(objects.table))
        self.table.show_frame(shown(objects.table), FIRST, ascending=False)

    def _colour(self, by: str) -> None:
        if self._objects is not None and self._layer in self._viewer.layers:
            colour_objects(self._layer, self._objects, by)

    def _go_to(self, number: int) -> None:
        # Where its layer was removed, it still tells where the object lies.
        if self._objects is not None and self._layer is not None:
            go_to_object(self._viewer, self._layer, self._objects, number)


def summary_of(table: pd.DataFrame) -> str:
    """Say how many objects there are, and what can be done with them."""
    if not len(table):
        return "No objects."
    text = f"{len(table)} object{'s' * (len(table) > 1)}, the most uncertain first; click one to go there."
    known = table["expected_iou"].notna()
    if not known.any():
        return f"{text} What overlap to expect with the true ones is not known."
    mean = float(table["expected_iou"].mean())
    return f"{text} Overlap: what to expect with the true object, {mean:.2f} on average."


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Choose what is worth its room: no column of which nothing is known, and the area once."""
    area = "area_um2" if table["area_um2"].notna().any() else "area"
    columns = ["label", "uncertainty", "expected_iou", area, "unlike", "class", "plane"]
    told = [column for column in columns if column in table and _tells(table, column)]
    return table[told].rename(columns=_HEADERS)


def _tells(table: pd.DataFrame, column: str) -> bool:
    if column in ("label", "uncertainty"):
        return True
    return bool(table[column].nunique() > 1 if column == CLASS else table[column].notna().any())
