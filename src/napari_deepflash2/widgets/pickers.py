"""Choosing layers: one by name, several experts by tick."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

from magicgui.widgets import ComboBox, LineEdit
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy, QWidget

from ..viewer.colours import expert_colour
from ..viewer.grids import grid_of, levels_of
from ..viewer.placing import is_annotation, role_of
from ..viewer.session import Session

MOST_EXPERTS_SHOWN = 7
NO_CHANNELS = "no channel axis"


class LayerPicker(ComboBox):
    """A combo box whose choice stays when layers come, go or are renamed."""

    def reset_choices(self, *_: Any) -> None:
        """Bring the choices in step; only a choice that is gone is replaced, and only that is told."""
        before = self.get_value()
        with self.changed.blocked():
            super().reset_choices()
            if before is not None and any(choice is before for choice in self.choices):
                self.value = before
        after = self.get_value()
        if after is not before:
            self.changed.emit(after)


def image_picker(viewer: ViewerModel, nullable: bool, tip: str) -> LayerPicker:
    """Make a combo box of the Image layers that are the user's own."""

    def choices(_: Any) -> list[Layer]:
        return [layer for layer in viewer.layers if isinstance(layer, Image) and role_of(layer) is None]

    return LayerPicker(name="image", label="Image", choices=choices, nullable=nullable, tooltip=tip)


def channel_picker(image: ComboBox) -> ComboBox:
    """Make a combo box of the axes that may hold channels of the image chosen in another one."""

    def choices(_: Any) -> list[tuple[str, int | None]]:
        layer = image.value
        if layer is None or layer.rgb or layer.ndim < 3:
            return [("RGB" if layer is not None and layer.rgb else NO_CHANNELS, None)]
        axes = [
            (f"axis {axis} ({layer.axis_labels[axis]}), {layer.data.shape[axis]} channels", axis)
            for axis in range(layer.ndim - 2)
        ]
        return [(NO_CHANNELS, None), *axes]

    return ComboBox(
        name="channel_axis",
        label="Channels",
        choices=choices,
        tooltip="The axis that holds channels. Every other axis in front of Y and X holds slices.",
    )


def channel_choice() -> LineEdit:
    """Make a line edit for which channels are taken, as `parse_channels` reads it."""
    tip = (
        "Which channels the ensemble gets, in its order, counted from 0, such as 1, 0. Empty: all, in order. "
        "Of RGB, red is 0, green 1 and blue 2."
    )
    edit = LineEdit(name="taken_channels", label="Take channels", tooltip=tip)
    edit.native.setPlaceholderText("all, in order")
    return edit


def level_picker(image: ComboBox) -> ComboBox:
    """Make a combo box of the levels of the image chosen in another one."""

    def choices(_: Any) -> list[tuple[str, int]]:
        layer = image.value
        if layer is None or levels_of(layer) == 1:
            return [("the only one", 0)]
        shapes = [grid_of(layer, level=level).shape[-2:] for level in range(levels_of(layer))]
        return [
            (f"{level}: {height} × {width} pixels", level) for level, (height, width) in enumerate(shapes)
        ]

    return ComboBox(
        name="level",
        label="Level",
        choices=choices,
        tooltip="Level of a multiscale image; 0 is full resolution.",
    )


def shapes_picker(viewer: ViewerModel) -> ComboBox:
    """Make a combo box of the Shapes layers."""

    def choices(_: Any) -> list[Layer]:
        return [layer for layer in viewer.layers if isinstance(layer, Shapes)]

    tip = "The rectangle around its selected shapes, or around all on this slice, is predicted."
    return ComboBox(name="shapes", label="Shapes", choices=choices, tooltip=tip)


class ExpertList(QListWidget):
    """The Labels layers, each with a tick and the expert's colour."""

    ticked = Signal()

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self.setToolTip("Tick the Labels layers that are experts' annotations of one image.")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.itemChanged.connect(self._remember)
        self.refresh()

    def layers(self) -> list[Labels]:
        """Give the ticked layers, in the order of the layer list."""
        return [layer for layer in self._candidates() if self._session.is_expert(layer)]

    def refresh(self) -> None:
        """Bring the list in step with the viewer."""
        self.blockSignals(True)
        self.clear()
        rank = 0
        for layer in self._candidates():
            expert = self._session.is_expert(layer)
            self.addItem(_item(layer, rank if expert else None))
            rank += expert
        self.blockSignals(False)
        rows = min(max(self.count(), 3), MOST_EXPERTS_SHOWN)
        self.setFixedHeight(rows * max(self.sizeHintForRow(0), 18) + 2 * self.frameWidth() + 2)

    def _candidates(self) -> Sequence[Labels]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Labels) and is_annotation(layer)]

    def _remember(self, item: QListWidgetItem) -> None:
        layer = item.data(Qt.ItemDataRole.UserRole)
        self._session.tick(layer, item.checkState() == Qt.CheckState.Checked)
        self.refresh()
        self.ticked.emit()


def native(widget: Any, changed: Callable[[Any], None] | None = None) -> QWidget:
    """Give the Qt widget behind a magicgui one, with a callback for its value."""
    if changed is not None:
        widget.changed.connect(changed)
    return widget.native


def _item(layer: Labels, rank: int | None) -> QListWidgetItem:
    item = QListWidgetItem(layer.name)
    item.setData(Qt.ItemDataRole.UserRole, layer)
    item.setToolTip(html.escape(layer.name))
    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
    item.setCheckState(Qt.CheckState.Unchecked if rank is None else Qt.CheckState.Checked)
    if rank is not None:
        swatch = QPixmap(12, 12)
        swatch.fill(QColor(expert_colour(rank)))
        item.setIcon(QIcon(swatch))
    return item
