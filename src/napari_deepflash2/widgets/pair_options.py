"""How layers and masks that are trained on are taken: channels, planes, level, and what is not judged."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, Container, SpinBox
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..config import DataConfig
from ..viewer.grids import levels_of
from ..viewer.pairs import Taking
from .dock import make_folded
from .forms import SectionForm
from .pickers import NO_CHANNELS

MOST_AXES = 4
FULL = "full resolution"
BACKGROUND, IGNORED, OTHER = "background", "ignored", "ignored by value"
MORE = ["mask_kind", "not_finite", "block_margin", "target_pixel_size", "pixel_size"]


class PairOptions(QWidget):
    """Choices for what is added next, and for the masks of all pairs.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose images tell how many levels there are.
    values : DataConfig
        What to show at first.
    """

    def __init__(self, viewer: ViewerModel, values: DataConfig) -> None:
        super().__init__()
        self._viewer = viewer
        self._make_axes()
        self._make_unpainted(values.ignore_label)
        self.stacks = SectionForm(DataConfig, ["stacks"], values)
        self.more = SectionForm(DataConfig, MORE, values)
        self.axes = (self.channel_axis, self.one_specimen, self.level)
        axes = Container(widgets=self.axes, labels=True)
        self.masks = Container(widgets=[self.unpainted, self.ignored], labels=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for title, forms in (
            ("Stacks, channels and levels", [axes, self.stacks]),
            ("Masks and pixel sizes", [self.masks, self.more]),
        ):
            for form in forms:
                form.margins = (0, 0, 0, 0)
            layout.addWidget(make_folded(title, [form.native for form in forms]))
        self.forms = (self.stacks, self.masks, self.more)
        self._show_ignored()

    def refresh(self) -> None:
        """Bring the choice of levels in step with the layers."""
        self.level.reset_choices()

    def how(self) -> Taking:
        """Say how layers that are added now are taken."""
        return Taking(self.channel_axis.value, self.one_specimen.value, self.level.value or 0)

    def values(self) -> dict[str, Any]:
        """Give the settings of the configuration's part ``data``."""
        ignored = {BACKGROUND: None, IGNORED: 0, OTHER: self.ignored.value}[self.unpainted.value]
        return {**self.stacks.values(), **self.more.values(), "ignore_label": ignored}

    def show_values(self, values: DataConfig) -> None:
        """Show these settings; nobody is told of a change."""
        self.stacks.show_values(values)
        self.more.show_values(values)
        with self.masks.changed.blocked():
            self._set_ignored(values.ignore_label)

    def _make_axes(self) -> None:
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

    def _make_unpainted(self, ignored: int | None) -> None:
        tip = str(DataConfig.model_fields["ignore_label"].description)
        self.unpainted = ComboBox(
            name="unpainted", label="Unpainted\npixels", choices=[BACKGROUND, IGNORED, OTHER], tooltip=tip
        )
        self.ignored = SpinBox(name="ignored", label="Ignored value", min=1, max=2**31 - 1, tooltip=tip)
        self.unpainted.changed.connect(self._show_ignored)
        self._set_ignored(ignored)

    def _set_ignored(self, ignored: int | None) -> None:
        self.unpainted.value = {None: BACKGROUND, 0: IGNORED}.get(ignored, OTHER)
        # Masks of a file may mark what is ignored by a value below 0, which no layer can be painted with.
        self.ignored.min = min(1, ignored or 1)
        self.ignored.value = ignored or 255

    def _show_ignored(self) -> None:
        self.ignored.visible = self.unpainted.value == OTHER

    def _levels(self, _: Any) -> list[tuple[str, int]]:
        images = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        return [(level_text(number), number) for number in range(max(map(levels_of, images), default=1))]


def level_text(number: int) -> str:
    """Name a level."""
    return f"level {number}" if number else FULL
