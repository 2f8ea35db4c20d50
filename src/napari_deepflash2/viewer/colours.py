"""One colour per expert, and one per class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import Colormap, DirectLabelColormap, ensure_colormap

from ..data.pair_picture import CLASS_COLOURS

# Okabe and Ito's palette, told apart by people who are colour-blind, without its black; then lighter kin.
EXPERT_COLOURS = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999",
    "#B2DF8A", "#FB9A99", "#CAB2D6", "#FDBF6F",
)  # fmt: skip

OTHER_COLOUR = "#B0B0B0"
_SHADES, _TINT = 64, 0.15


def expert_colour(index: int) -> str:
    """Colour of the expert at this place in the list, as ``#RRGGBB``."""
    return EXPERT_COLOURS[index % len(EXPERT_COLOURS)]


def class_colormap(classes: Iterable[int]) -> DirectLabelColormap:
    """Give each class one bright colour, the same in consensus and prediction; 0 is see-through."""
    foreground = sorted({int(value) for value in classes} - {0})
    colours: dict[int | None, str] = {None: OTHER_COLOUR, 0: "transparent"}
    colours.update(zip(foreground, cycle(CLASS_COLOURS), strict=False))
    return DirectLabelColormap(color_dict=colours, name="classes")


def veil(name: str, ends_in_black: bool = True) -> Colormap:
    """Make a colour map of napari's see-through towards its lower end, to lie over dark and bright images.

    Parameters
    ----------
    name : str
        Of a colour map of napari.
    ends_in_black : bool
        Whether its own lower end is dark; else its upper end is the one colour that it has.
    """
    # A tint where all is certain, so that it differs from what is not known.
    shades = np.linspace(_TINT if ends_in_black else 0, 1, _SHADES)
    colours = ensure_colormap(name).map(shades if ends_in_black else np.ones_like(shades))
    colours[:, 3] = shades
    return Colormap(colours, name=f"{name} veil")


def outline_experts(layers: Sequence[Labels]) -> None:
    """Draw each expert's Labels layer as outlines in the expert's one colour."""
    for index, layer in enumerate(layers):
        layer.colormap = DirectLabelColormap(
            color_dict={None: expert_colour(index), 0: "transparent"}, name=f"expert {index + 1}"
        )
        layer.contour = 2
