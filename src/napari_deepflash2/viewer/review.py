"""The review of a training in the viewer: an image with its mask and prediction, and where to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..data.ignored import IGNORE
from ..ensemble.differences import sides_of
from ..ensemble.run import INPUT
from .adjudication import MARK_COLOUR, SMALLEST_VIEW, frame_around, look_at
from .colours import OTHER_COLOUR, class_colormap
from .compare_two import end_side_by_side, is_side_by_side, show_side_by_side
from .grids import spatial_kwargs
from .placing import Output, place, role_of
from .preview import go_to, spatial_over
from .review_maps import ReviewMaps
from .run_sources import source_of

if TYPE_CHECKING:
    from ..ensemble import Review

IMAGE, UNCERTAINTY, MODEL = "reviewed image", "out-of-fold uncertainty", "out-of-fold labels"
DISAGREEMENT, MASK, MARK = "experts' disagreement", "mask trained on", "marked region"
OUTLINE, OUTLINE_COLOUR = 2, "#F0E442"
# Channels of an image that is not RGB, as light: they add up.
_CHANNELS = ("magenta", "green", "cyan", "yellow", "red", "blue")
# Percentiles of the intensities between which an image is shown.
_SHOWN = (0.5, 99.8)
_ENOUGH_PIXELS = 1_000_000


@dataclass(frozen=True)
class Region:
    """One row of the label check, or of where models and experts are undecided.

    Attributes
    ----------
    name : str
        Of the maps.
    y, x : int
        A pixel of the region.
    top, left, bottom, right : int
        Bounding box; the last two are excluded.
    of : {"labels", "hesitation"}
        In which maps it is a region.
    """

    name: str
    y: int
    x: int
    top: int
    left: int
    bottom: int
    right: int
    of: Literal["labels", "hesitation"] = "labels"


class ReviewView:
    """Shows images of a review in the viewer, one at a time.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Gets the image, unless the layer that it was taken from is there, and over it the uncertainty and
        the disagreement of experts (both hidden at first), the model's labels, and the mask as outlines.
    review : Review
        Of which ensemble.
    """

    def __init__(self, viewer: ViewerModel, review: Review) -> None:
        self._viewer, self._review = viewer, review
        self._maps: ReviewMaps | None = None
        self._mask: Layer | None = None

    @property
    def shown(self) -> str | None:
        """Name of the image that is shown; None where there is none, or its mask was removed."""
        return self._maps.name if self._maps is not None and self._mask in self._viewer.layers else None

    def show(self, maps: ReviewMaps) -> None:
        """Show an image with what mask and model say of it, in the layers of the one before."""
        beside = is_side_by_side(self._viewer)
        end_side_by_side(self._viewer)
        self.unmark()
        source = source_of(maps.name, self._review.folder / INPUT)
        own = None if source is None else source.layer_in(self._viewer)
        plane = () if source is None or own is None else source.plane_of(maps.name)
        height, width = maps.mask.shape
        spatial = spatial_over(source, own, plane, (height, width)) or _scaled(maps)
        images = _images(maps.image) if own is None else []
        self._remove_images({output.role for output in images})
        if maps.disagreement is None:
            self._remove({DISAGREEMENT})
        below = [self._place(output, (), spatial) for output in images]
        placed = [self._place(one, plane, spatial) for one in _overlays(maps, self._review.classes)]
        for layer in below:
            _set_contrast(layer)
            self._sink(layer, placed[0])
        if placed[-1] is not self._mask:
            placed[-1].contour = OUTLINE
        self._maps, self._mask = maps, placed[-1]
        if own is None:
            self._viewer.reset_view()
        elif plane:
            go_to(self._viewer, placed)
        self.show_beside(beside)

    @property
    def has_pair(self) -> bool:
        """Whether the image that is shown has a disagreement of experts beside the uncertainty."""
        return self.shown is not None and len(self._pair()) == 2

    def show_beside(self, beside: bool) -> None:
        """Show the experts' disagreement and the uncertainty alone beside each other, or all as before."""
        if beside and self.has_pair:
            disagreement, uncertainty = self._pair()
            show_side_by_side(self._viewer, disagreement, uncertainty, None)
            self._viewer.reset_view()
        elif not beside:
            end_side_by_side(self._viewer)

    def _pair(self) -> list[Layer]:
        layers = {role_of(layer): layer for layer in self._viewer.layers}
        return [layers[role] for role in (DISAGREEMENT, UNCERTAINTY) if role in layers]

    def go_to(self, region: Region) -> None:
        """Mark a region of the image that is shown and bring it into view at a fitting size."""
        if self._maps is None or self._mask is None or self.shown != region.name:
            return
        # In one of two maps beside each other a mark would be half the truth.
        if not is_side_by_side(self._viewer):
            self._mark(region, self._maps, self._mask)
        first = (0,) * (self._mask.ndim - 2)
        ends = ((region.top, region.left), (region.bottom - 1, region.right - 1))
        world = np.asarray([self._mask.data_to_world((*first, *end)) for end in ends])
        look_at(self._viewer, world, float(np.abs(self._mask.scale[-2:]).max()) * SMALLEST_VIEW)

    def unmark(self) -> None:
        """Take the mark away."""
        self._remove({MARK})

    def _mark(self, region: Region, maps: ReviewMaps, mask: Layer) -> None:
        frame, first = frame_around(_inside(region, maps)), (0,) * (mask.ndim - 2)
        corner = mask.data_to_world((*first, region.top - 1, region.left - 1))
        # An affine transform comes after scale, rotation and translation, so it is taken off here.
        spatial = spatial_kwargs(mask) | {"translate": tuple(mask.affine.inverse(corner))}
        colours = {None: "transparent", 0: "transparent", 1: MARK_COLOUR}
        appearance = {"colormap": DirectLabelColormap(color_dict=colours)}
        self._place(Output("labels", MARK, MARK, frame, appearance, reshapes=True), first, spatial)

    def _place(self, output: Output, plane: tuple[int, ...], spatial: dict[str, Any]) -> Layer:
        data = output.data.reshape(*(1 for _ in plane), *output.data.shape)
        return place(self._viewer, replace(output, data=data), (str(self._review.folder),), spatial)

    def _sink(self, layer: Layer, overlay: Layer) -> None:
        """Bring an image below what lies over it."""
        layers = self._viewer.layers
        if layers.index(layer) > layers.index(overlay):
            layers.move(layers.index(layer), layers.index(overlay))

    def _remove_images(self, but: set[str]) -> None:
        roles = {role_of(layer) or "" for layer in self._viewer.layers}
        self._remove({role for role in roles if role.startswith(IMAGE)} - but)

    def _remove(self, roles: set[str]) -> None:
        for layer in [layer for layer in self._viewer.layers if role_of(layer) in roles]:
            self._viewer.layers.remove(layer)


def _scaled(maps: ReviewMaps) -> dict[str, Any]:
    return {} if maps.pixel_size is None else {"scale": maps.pixel_size, "units": ("um", "um")}


def _images(image: NDArray[Any]) -> list[Output]:
    if image.ndim == 2:
        return [Output("image", IMAGE, IMAGE, image, reshapes=True)]
    if image.shape[-1] == 3:
        return [Output("image", IMAGE, IMAGE, _as_colours(image), {"rgb": True}, reshapes=True)]
    return [
        Output(
            "image",
            f"{IMAGE}, channel {number}",
            f"{IMAGE}, channel {number}",
            channel,
            {"colormap": colour, "blending": "additive"},
            reshapes=True,
        )
        for number, (channel, colour) in enumerate(zip(np.moveaxis(image, -1, 0), cycle(_CHANNELS)), start=1)
    ]


def _as_colours(image: NDArray[Any]) -> NDArray[Any]:
    if image.dtype == np.uint8:
        return image
    low, high = np.percentile(_thinned(image), _SHOWN)
    return np.clip((image - low) / max(float(high - low), 1e-12), 0, 1).astype(np.float32)


def _thinned(pixels: NDArray[Any]) -> NDArray[Any]:
    """Take enough pixels for a percentile, so that large images do not keep the viewer waiting."""
    step = max(1, int((pixels.size / _ENOUGH_PIXELS) ** 0.5))
    return pixels[::step, ::step]


def _set_contrast(layer: Layer) -> None:
    if not layer.rgb:
        low, high = (float(value) for value in np.percentile(_thinned(layer.data), _SHOWN))
        layer.contrast_limits = (low, max(high, low + 1e-6))


def _overlays(maps: ReviewMaps, classes: Sequence[int]) -> list[Output]:
    """Give uncertainty, disagreement, labels and mask, from the lowest to the highest."""
    colours = class_colormap(classes)
    # Of one class the outline has another colour than the area; more classes have one for each.
    outlines = {None: OTHER_COLOUR, 0: "transparent", classes[-1]: OUTLINE_COLOUR}
    of_mask = DirectLabelColormap(color_dict=outlines) if len(classes) == 2 else colours
    hidden = {"colormap": "inferno", "contrast_limits": (0, 1), "blending": "additive", "visible": False}
    pair = [(UNCERTAINTY, maps.uncertainty)]
    if maps.disagreement is not None:
        pair.append((DISAGREEMENT, maps.disagreement))
    # What has no class is none of the values, and gets the colour of those.
    value_of = np.full(IGNORE + 1, max(classes) + 1, np.int32)
    value_of[: len(classes)] = classes
    return [
        *(Output("image", role, f"{role} (0 to 1)", values, hidden, True) for role, values in pair),
        Output("labels", MODEL, MODEL, value_of[maps.labels], {"opacity": 0.35, "colormap": colours}, True),
        Output("labels", MASK, MASK, value_of[maps.mask], {"colormap": of_mask}, True),
    ]


def _inside(region: Region, maps: ReviewMaps) -> NDArray[np.bool_]:
    """Pixels of the region within its bounding box."""
    from scipy import ndimage

    box = np.s_[region.top : region.bottom, region.left : region.right]
    at = (region.y, region.x)
    if region.of == "hesitation" and maps.disagreement is not None:
        sides = sides_of(maps.disagreement, maps.uncertainty)
        alike = sides[box] == sides[at]
    else:
        alike = (maps.mask[box] == maps.mask[at]) & (maps.labels[box] == maps.labels[at])
    pieces, _ = ndimage.label(alike, np.ones((3, 3)))
    return np.asarray(pieces == pieces[region.y - region.top, region.x - region.left])
