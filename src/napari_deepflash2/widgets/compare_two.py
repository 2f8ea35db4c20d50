"""Dock *Compare two*: two Labels layers as one with a legend, or side by side."""

from __future__ import annotations

from functools import partial
from typing import Any

from magicgui.widgets import Container
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QLabel, QSizePolicy

from ..errors import InputError
from ..viewer.compare_two import (
    COLOURS,
    ROLE,
    TwoLayers,
    compare_two,
    end_side_by_side,
    is_side_by_side,
    show_side_by_side,
    show_two,
    take_two,
)
from ..viewer.placing import role_of
from .dock import Dock, make_button, make_group, make_row, set_ready, text_label
from .forms import ignore_wheel
from .pickers import LayerPicker, image_picker


class CompareTwo(Dock):
    """Choose two Labels layers; see where they differ.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.image = image_picker(self.viewer, True, "Shown below both layers when they are side by side.")
        self.first = self._picker("first")
        self.second = self._picker("second")
        pickers = Container(widgets=[self.image, self.first, self.second], labels=True)
        pickers.margins = (0, 0, 0, 0)
        self.compare_button = make_button(
            "Compare",
            self.compare,
            "Show what only the first marks, only the second, and both, as one layer.",
        )
        self.side_button = make_button(
            "Side by side", self.toggle_side_by_side, "Show both beside each other; they move together."
        )
        self.side_button.setCheckable(True)
        self.side_button.setChecked(is_side_by_side(self.viewer))
        self.dice = text_label("")
        self.legend = {value: text_label("") for value in COLOURS}
        rows = [make_row([_swatch(colour), self.legend[value]]) for value, colour in COLOURS.items()]
        self.result = make_group("Legend", [*rows, self.dice])
        self.result.setVisible(False)
        for widget in (
            pickers.native,
            make_row([self.compare_button, self.side_button]),
            self.job_bar,
            self.message,
            self.result,
        ):
            self.page.addWidget(widget)
        ignore_wheel(self)
        for picker in (self.first, self.second):
            picker.changed.connect(self.update_buttons)
        self._choose_two()
        self.keep([self.image, self.first, self.second])
        if self.kept_result is not None:
            self._tell(self.kept_result)
        self.update_buttons()

    def layers_changed(self) -> None:
        """Bring the pickers in step with the layers."""
        for picker in (self.image, self.first, self.second):
            picker.reset_choices()
        self.update_buttons()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        why_not = self._why_not()
        set_ready(self.compare_button, "Comparing." if self.is_busy else why_not)
        set_ready(self.side_button, "" if self.side_button.isChecked() else why_not)

    def compare(self) -> None:
        """Compare the two layers."""
        try:
            first, second = take_two(self.first.value, self.second.value)
        except InputError as error:
            self.refuse(error)
            return
        self.run(partial(compare_two, first, second), self._show, "comparing")

    def toggle_side_by_side(self) -> None:
        """Show the two layers beside each other, or as before."""
        if self.side_button.isChecked():
            show_side_by_side(self.viewer, self.first.value, self.second.value, self.image.value)
        else:
            end_side_by_side(self.viewer)

    def _show(self, two: TwoLayers) -> None:
        show_two(self.viewer, two)
        self._tell(two)
        self.keep_result(two)
        self.say("\n".join(str(note) for note in two.notes))

    def _tell(self, two: TwoLayers) -> None:
        for value, text in two.legend.items():
            self.legend[value].setText(text)
        self.dice.setText(f"Dice {two.dice:.3f}")
        self.result.setVisible(True)

    def _picker(self, name: str) -> LayerPicker:
        return LayerPicker(name=name, label=name.capitalize(), choices=self._choices, nullable=True)

    def _choices(self, _: Any) -> list[Labels]:
        return [layer for layer in self.viewer.layers if isinstance(layer, Labels) and role_of(layer) != ROLE]

    def _choose_two(self) -> None:
        self.image.value = next((one for one in self.image.choices if one is not None), None)
        for picker, layer in zip((self.first, self.second), self._choices(None), strict=False):
            picker.value = layer

    def _why_not(self) -> str:
        if self.first.value is None or self.second.value is None:
            return "Choose two Labels layers."
        return "Choose two different layers." if self.first.value is self.second.value else ""


def _swatch(colour: str) -> QLabel:
    pixmap = QPixmap(12, 12)
    pixmap.fill(QColor(colour))
    label = QLabel()
    label.setPixmap(pixmap)
    label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return label
