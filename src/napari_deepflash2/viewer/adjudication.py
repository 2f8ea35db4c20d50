"""Adjudication in the viewer: the mask in the making, the current region, and jumping there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap

from ..config import Configuration
from ..consensus.adjudication import Adjudication
from ..errors import Problem
from ..progress import Progress, ProgressCallback
from .colours import outline_experts
from .experts import Annotations, image_of, read_masks
from .placing import TAG, Output, place, role_of

RESULT, MARK = "adjudicated", "disputed region"
MARK_COLOUR, RESULT_COLOUR = "#FF00FF", "#FF4040"
# A region fills this part of the view; one of fewer pixels across is shown with so many around it.
FILLED, SMALLEST_VIEW = 0.4, 24


@dataclass(frozen=True)
class Session:
    """An adjudication and what it was made from.

    Attributes
    ----------
    annotations : Annotations
        The experts' layers as they were.
    adjudication : Adjudication
        Decisions and the mask in the making.
    notes : tuple of Problem
        How the masks were read.
    """

    annotations: Annotations
    adjudication: Adjudication
    notes: tuple[Problem, ...]


_open: WeakKeyDictionary[ViewerModel, Session] = WeakKeyDictionary()


def open_session(viewer: ViewerModel) -> Session | None:
    """Find the adjudication that goes on in a viewer, such as when its dock was closed meanwhile."""
    return _open.get(_itself(viewer))


def start(
    annotations: Annotations, config: Configuration, min_size: int, progress: ProgressCallback
) -> Session:
    """Find what the experts dispute; a job for a worker."""
    from ..consensus import estimate_consensus

    masks, notes = read_masks(annotations, config)
    progress(Progress("consensus", 1, 3))
    consensus = estimate_consensus(masks, **config.consensus.model_dump())
    progress(Progress("disputed regions", 2, 3))
    found = Adjudication(masks, consensus.labels, min_size)
    return Session(annotations, found, (*notes, *consensus.notes))


def resume(
    annotations: Annotations, config: Configuration, path: Path, progress: ProgressCallback
) -> Session:
    """Go on with a saved adjudication of the same masks; a job for a worker.

    Raises
    ------
    InputError
        Where the file cannot be used, or was made on other masks or another consensus.
    """
    from ..consensus import estimate_consensus
    from ..consensus.adjudication_file import read_session, resume_adjudication

    read_session(path)
    masks, notes = read_masks(annotations, config)
    progress(Progress("consensus", 1, 3))
    consensus = estimate_consensus(masks, **config.consensus.model_dump())
    progress(Progress("disputed regions", 2, 3))
    return Session(
        annotations, resume_adjudication(path, masks, consensus.labels), (*notes, *consensus.notes)
    )


class AdjudicationView:
    """Keeps the viewer in step with an adjudication.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Gets a Labels layer with the mask in the making, which may be painted on, and a small one that marks
        the current region. The experts' layers become outlines in their
        colours; `show_next_expert` shows them.
    session : Session
        What is adjudicated.
    """

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        self._viewer, self._session = viewer, session
        self.adjudication = session.adjudication
        _open[_itself(viewer)] = session
        self._to_show = _outlined_and_hidden(self._experts())
        self.result = self._found() or self._placed()
        self.mark: Labels | None = next((one for one in viewer.layers if role_of(one) == MARK), None)
        self.show_current()

    @property
    def image(self) -> Image | None:
        """The image that the experts annotated, where one was chosen and is still there."""
        return image_of(self._viewer, self._session.annotations)

    def show_current(self) -> None:
        """Bring the layers in step, mark the current region and bring it into view at a fitting size."""
        self.show_pixels()
        dispute = self.adjudication.current
        if dispute is None:
            return
        self._mark()
        corners = _corners(dispute.slices)
        world = np.asarray([self.result.data_to_world(corner) for corner in corners])
        look_at(self._viewer, world, float(np.abs(self.result.scale[-2:]).max()) * SMALLEST_VIEW)

    def show_pixels(self) -> None:
        """Show what a decision has changed."""
        if self.result not in self._viewer.layers:
            self.result = self._placed()
        self.result.refresh()

    def show_next_expert(self) -> bool:
        """Show one more of the experts' layers that were hidden to be outlined; False when all are shown.

        napari takes half a second to draw the outlines of a mask of 4096 x 4096, so that a window should
        come to life between one expert and the next.
        """
        if not self._to_show:
            return False
        self._to_show.pop(0).visible = True
        return True

    def close(self) -> None:
        """Take the mark away and end the session; the mask stays as a layer of its own."""
        while self.show_next_expert():
            pass
        self._remove_mark()
        _open.pop(_itself(self._viewer), None)

    def _found(self) -> Labels | None:
        """Find the layer that an earlier view of this session left when its dock was closed."""
        return next((one for one in self._viewer.layers if one.data is self.adjudication.labels), None)

    def _placed(self) -> Labels:
        annotations = self._session.annotations
        lowest, highest = _foreground(self.adjudication.masks.values())
        appearance: dict[str, Any] = {"opacity": 0.4}
        if lowest == highest:
            # napari's own colour of label 1 is a brown that dark images swallow.
            colours = {None: "white", 0: "transparent", lowest: RESULT_COLOUR}
            appearance["colormap"] = DirectLabelColormap(color_dict=colours, name=RESULT)
        output = Output("labels", RESULT, RESULT, self.adjudication.labels, appearance)
        layer = place(self._viewer, output, annotations.sources, annotations.experts[0].grid.spatial)
        self._put_below_experts(layer)
        layer.selected_label = lowest
        self._viewer.layers.selection = {layer}
        return layer

    def _put_below_experts(self, layer: Labels) -> None:
        places = [self._viewer.layers.index(expert) for expert in self._experts()]
        if places and min(places) < self._viewer.layers.index(layer):
            self._viewer.layers.move(self._viewer.layers.index(layer), min(places))

    def _experts(self) -> Sequence[Labels]:
        by_uid = {str(layer.unique_id): layer for layer in self._viewer.layers if isinstance(layer, Labels)}
        sources = self._session.annotations.experts
        return [by_uid[expert.uid] for expert in sources if expert.uid in by_uid]

    def _mark(self) -> None:
        dispute = self.adjudication.current
        if dispute is None:
            return
        corner = [one.start for one in dispute.slices[:-2]] + [one.start - 1 for one in dispute.slices[-2:]]
        # An affine transform comes after scale, rotation and translation, so it is taken off here.
        affine = self.result.affine
        translate = affine.inverse(self.result.data_to_world(corner))
        data = frame_around(dispute.inside)
        if self.mark is None or self.mark not in self._viewer.layers:
            self._remove_mark()
            self.mark = self._new_mark(data)
        else:
            self.mark.data = data
        self.mark.translate = translate

    def _new_mark(self, data: np.ndarray) -> Labels:
        active = self._viewer.layers.selection.active
        mark = self._viewer.add_labels(
            data,
            name=MARK,
            colormap=DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", 1: MARK_COLOUR}),
            metadata={TAG: {"role": MARK, "sources": []}},
            **self._session.annotations.experts[0].grid.spatial,
        )
        mark.mouse_pan, mark.editable = True, False
        if active is not None:
            self._viewer.layers.selection = {active}
        return mark

    def _remove_mark(self) -> None:
        if self.mark is not None and self.mark in self._viewer.layers:
            self._viewer.layers.remove(self.mark)
        self.mark = None


def _outlined_and_hidden(layers: Sequence[Labels]) -> list[Labels]:
    """Outline the experts where they are not yet; give those that have to be shown again."""
    if all(layer.contour for layer in layers):
        return []
    visible = [layer for layer in layers if layer.visible]
    for layer in visible:
        layer.visible = False
    outline_experts(layers)
    return visible


def look_at(viewer: ViewerModel, world: np.ndarray, smallest: float) -> None:
    """Move sliders and camera so that a box fills a good part of the view.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose camera and sliders to move.
    world : array of shape (corners, axes)
        Corners of the box in world coordinates, of the viewer's last axes.
    smallest : float
        A smaller box is shown with surroundings of this size, in world units.
    """
    first = viewer.dims.ndim - world.shape[1]
    middle = (world.min(axis=0) + world.max(axis=0)) / 2
    shown = [axis - first for axis in viewer.dims.displayed if axis >= first]
    hidden = [axis for axis in range(first, viewer.dims.ndim) if axis not in viewer.dims.displayed]
    if hidden:
        viewer.dims.set_point(hidden, [float(middle[axis - first]) for axis in hidden])
    size = np.maximum(np.ptp(world, axis=0)[shown[-2:]], smallest)
    view = np.asarray(viewer.canvas.viewbox_size(viewer.layers))
    viewer.scene.camera.center = tuple(float(middle[axis]) for axis in shown)
    viewer.scene.camera.zoom = float(FILLED * (view / size).min())


def _foreground(masks: Iterable[np.ndarray]) -> tuple[int, int]:
    """Smallest and largest label other than 0; 1 where there is none."""
    drawn = [mask for mask in masks if mask.any()]
    lowest = min((int(mask[mask > 0].min()) for mask in drawn), default=1)
    return lowest, max((int(mask.max()) for mask in drawn), default=1)


def _corners(slices: Sequence[slice]) -> list[tuple[int, ...]]:
    ends = [(one.start, one.stop - 1) for one in slices]
    corners = np.ndindex((2,) * len(ends))
    return [tuple(end[high] for end, high in zip(ends, corner, strict=True)) for corner in corners]


def frame_around(inside: np.ndarray) -> np.ndarray:
    """Pixels that touch a region from outside, in its bounding box grown by one pixel within the plane."""
    from scipy import ndimage

    padded = np.pad(inside, [(0, 0)] * (inside.ndim - 2) + [(1, 1)] * 2)
    grown = ndimage.binary_dilation(padded, np.ones((1,) * (inside.ndim - 2) + (3, 3), bool))
    return (grown & ~padded).astype(np.uint8)


def _itself(viewer: ViewerModel) -> ViewerModel:
    # napari hands widgets a proxy that dies with the widget; the viewer behind it does not.
    return getattr(viewer, "__wrapped__", viewer)
