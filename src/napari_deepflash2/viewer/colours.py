"""One colour per expert."""

from __future__ import annotations

from collections.abc import Sequence

from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

# Okabe and Ito's palette, told apart by people who are colour-blind, without its black; then lighter kin.
EXPERT_COLOURS = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999",
    "#B2DF8A", "#FB9A99", "#CAB2D6", "#FDBF6F",
)  # fmt: skip


def expert_colour(index: int) -> str:
    """Colour of the expert at this place in the list, as ``#RRGGBB``."""
    return EXPERT_COLOURS[index % len(EXPERT_COLOURS)]


def outline_experts(layers: Sequence[Labels]) -> None:
    """Draw each expert's Labels layer as outlines in the expert's one colour."""
    for index, layer in enumerate(layers):
        layer.colormap = DirectLabelColormap(
            color_dict={None: expert_colour(index), 0: "transparent"}, name=f"expert {index + 1}"
        )
        layer.contour = 2
