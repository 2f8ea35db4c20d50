"""Two Labels layers as one: what only the first marks, only the second, and both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..consensus.overlap import dice_of_areas
from ..errors import InputError, Problem
from ..progress import Progress, ProgressCallback
from .grids import grid_of, require_same_grid
from .placing import TAG, Output, place, role_of
from .reading import Snapshot, snapshot_labels

ROLE, SIDE = "comparison of two", "side by side"
ONLY_FIRST, ONLY_SECOND, BOTH = 1, 2, 3
# As ImageJ merges two channels; none of them is the colour of an expert's outline.
COLOURS: dict[int, str] = {ONLY_FIRST: "#FF00FF", ONLY_SECOND: "#00E000", BOTH: "#FFFFFF"}


@dataclass(frozen=True)
class TwoLayers:
    """What two Labels layers mark.

    Attributes
    ----------
    first, second : Snapshot
        The layers as they were.
    data : array of uint8
        1 where only the first has foreground, 2 only the second, 3 both, 0 none.
    areas : dict of int to int
        Pixels with each of 1, 2 and 3.
    dice : float
        Of the foregrounds; 1.0 where both are empty.
    notes : tuple of Problem
        What the comparison does not show.
    """

    first: Snapshot
    second: Snapshot
    data: NDArray[np.uint8]
    areas: dict[int, int]
    dice: float
    notes: tuple[Problem, ...]

    @property
    def legend(self) -> dict[int, str]:
        """What each value of `data` means, with pixels and their share of all that is marked."""
        names = {
            ONLY_FIRST: f"only {self.first.name}",
            ONLY_SECOND: f"only {self.second.name}",
            BOTH: "both",
        }
        marked = sum(self.areas.values()) or 1
        return {
            value: f"{name}: {self.areas[value]} pixels ({self.areas[value] / marked:.1%})"
            for value, name in names.items()
        }


def take_two(first: Labels, second: Labels) -> tuple[Snapshot, Snapshot]:
    """Copy what two layers hold now.

    Raises
    ------
    InputError
        Where they are one layer, or do not lie on one grid.
    """
    if first.unique_id == second.unique_id:
        found = "is chosen twice"
        raise InputError.one(
            f'layer "{first.name}"', found, "Choose two different Labels layers.", "same-layer"
        )
    require_same_grid([grid_of(first), grid_of(second)])
    return snapshot_labels(first), snapshot_labels(second)


def compare_two(first: Snapshot, second: Snapshot, progress: ProgressCallback) -> TwoLayers:
    """Compare the foreground, which is every label other than 0; a job for a worker.

    Which label a pixel has does not count: two people never number objects alike. Where both have
    foreground with different labels, a note says so.
    """
    one, other = first.whole(), second.whole()
    progress(Progress("comparing", 1, 2))
    data = (one != 0).astype(np.uint8) * np.uint8(ONLY_FIRST)
    data += (other != 0).astype(np.uint8) * np.uint8(ONLY_SECOND)
    counts = np.bincount(data.reshape(-1), minlength=4)
    areas = {value: int(counts[value]) for value in COLOURS}
    overlap = dice_of_areas(areas[BOTH], areas[ONLY_FIRST] + areas[BOTH], areas[ONLY_SECOND] + areas[BOTH])
    differing = int(np.count_nonzero((data == BOTH) & (one != other)))
    return TwoLayers(first, second, data, areas, float(overlap), tuple(_notes(first, second, differing)))


def show_two(viewer: ViewerModel, two: TwoLayers) -> Labels:
    """Place the comparison as one layer, whose tooltip and status say what a pixel is."""
    import pandas as pd

    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for value, colour in COLOURS.items():
        colours[value] = colour
    output = Output(
        "labels",
        ROLE,
        f"{two.first.name} and {two.second.name}",
        two.data,
        {"colormap": DirectLabelColormap(color_dict=colours, name="two layers"), "opacity": 0.7},
    )
    # A comparison is of these two and no others: with one source for the pair, place() keeps pairs apart.
    pair = " ".join((two.first.uid, two.second.uid))
    layer = place(viewer, output, [pair], two.first.grid.spatial)
    texts = ["background", *(text.rsplit(":", 1)[0] for text in two.legend.values())]
    layer.features = pd.DataFrame({"index": range(4), "where": texts})
    layer.editable = False
    return layer


def show_side_by_side(viewer: ViewerModel, first: Layer, second: Layer, image: Image | None) -> None:
    """Show two layers beside each other, each over the image, in napari's grid with its one camera.

    The layers come to the bottom of the list, where the grid begins to count; the image gets a second layer
    of the same pixels; all other layers are hidden. `end_side_by_side` takes all of this back.
    """
    end_side_by_side(viewer)
    grid, selected = viewer.canvas.grid, set(viewer.layers.selection)
    for place_in_list, layer in enumerate(viewer.layers):
        layer.metadata[SIDE] = (place_in_list, layer.visible)
        layer.visible = False
    order = [first, second] if image is None else [image, first, _copied(viewer, image), second]
    for place_in_list, layer in enumerate(order):
        viewer.layers.move(viewer.layers.index(layer), place_in_list)
        layer.visible = True
    viewer.layers.selection = selected
    grid.stride, grid.shape, grid.enabled = len(order) // 2, (1, 2), True


def end_side_by_side(viewer: ViewerModel) -> None:
    """Leave the grid and give order and visibility of the layers back; without effect where nothing is."""
    for layer in [one for one in viewer.layers if role_of(one) == SIDE]:
        viewer.layers.remove(layer)
    known = [layer for layer in viewer.layers if SIDE in layer.metadata]
    if not known:
        return
    viewer.canvas.grid.enabled = False
    for place_in_list, layer in enumerate(sorted(known, key=lambda one: one.metadata[SIDE][0])):
        viewer.layers.move(viewer.layers.index(layer), place_in_list)
        layer.visible = layer.metadata.pop(SIDE)[1]


def is_side_by_side(viewer: ViewerModel) -> bool:
    """Whether two layers are shown beside each other."""
    return any(SIDE in layer.metadata for layer in viewer.layers)


def _copied(viewer: ViewerModel, image: Image) -> Layer:
    data, state, kind = image.as_layer_data_tuple()
    state |= {"name": f"{image.name} (right)", "metadata": {TAG: {"role": SIDE, "sources": []}}}
    return viewer.add_layer(Layer.create(data, state, kind))


def _notes(first: Snapshot, second: Snapshot, differing: int) -> list[Problem]:
    if not differing:
        return []
    return [
        Problem(
            f'layers "{first.name}" and "{second.name}"',
            f"{differing} pixels that both mark have different numbers",
            "They count as both; where the numbers are classes, look at these pixels too.",
            "labels-differ",
        )
    ]
