"""The part of the training dock that lists images with their masks."""

from __future__ import annotations

from collections.abc import Sequence

from magicgui.widgets import ComboBox, Container
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QCollapsible

from ..viewer.pairs import LayerPair, Pair
from .dock import make_row
from .forms import keep_tame
from .pickers import NO_CHANNELS
from .tables import Cells, Table

COLUMNS = ("image", "mask", "what")
MOST_AXES = 4


class PairsPart(QWidget):
    """A table of pairs, with what to do with stacks and channels of layers that are added."""

    def __init__(self, add: QWidget, folders: QWidget, remove: QWidget) -> None:
        super().__init__()
        self.table = Table(COLUMNS)
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
        options = Container(widgets=[self.channel_axis, self.one_specimen], labels=True)
        options.margins = (0, 0, 0, 0)
        keep_tame(options.native)
        folded = QCollapsible("Stacks and channels")
        folded.addWidget(options.native)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addWidget(add)
        layout.addWidget(make_row([folders, remove]))
        layout.addWidget(folded)

    def show_pairs(self, pairs: Sequence[Pair]) -> None:
        """List the pairs."""
        rows = tuple(row_of(pair) for pair in pairs)
        self.table.show_cells(Cells(COLUMNS, tuple(str(number + 1) for number in range(len(rows))), rows))

    def chosen_rows(self) -> set[int]:
        """Give the rows that are selected in the table."""
        model = self.table.selectionModel()
        return set() if model is None else {index.row() for index in model.selectedRows()}


def row_of(pair: Pair) -> tuple[str, str, str]:
    """Describe a pair in the three columns of the table."""
    if isinstance(pair, LayerPair):
        shape = " × ".join(str(length) for length in pair.labels.data.shape)
        stack = pair.labels.ndim > 2
        what = f"{shape}, one specimen" if stack and pair.one_specimen else shape
        return pair.image.name, pair.labels.name, what
    return str(pair.images), str(pair.masks), f"{pair.count} images"
