"""Results as layers: a second run updates the layers of the first, and nothing of the user's is touched."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

TAG = "napari-deepflash2"
# Role of an expert's masks that we opened: annotations as any that the user opened, and no result.
EXPERT = "expert"


@dataclass(frozen=True)
class Output:
    """An array that is to be shown as a layer.

    Attributes
    ----------
    kind : {"labels", "image"}
        Type of the layer.
    role : str
        What the array is, such as ``"consensus"``; with the sources it tells which layer to update.
    name : str
        Name of a new layer; a layer that exists keeps the name the user may have given it.
    data : array
        What it holds.
    appearance : mapping
        Keyword arguments for a new layer, such as ``colormap``.
    reshapes : bool
        Whether an earlier layer of another shape is updated too, or left to the user.
    """

    kind: Literal["labels", "image"]
    role: str
    name: str
    data: NDArray[Any]
    appearance: Mapping[str, Any] = field(default_factory=dict)
    reshapes: bool = False


def place(viewer: ViewerModel, output: Output, sources: Sequence[str], spatial: Mapping[str, Any]) -> Layer:
    """Show a result, in the layer that an earlier run made for the same sources where it is still there.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Its slider positions and selected layers are kept.
    output : Output
        What to show.
    sources : sequence of str
        Unique ids of the layers that the result was made from; one in common makes it the same subject.
    spatial : mapping
        ``scale``, ``translate``, ``units`` and so on; see `grids.spatial_kwargs`.

    Returns
    -------
    napari.layers.Layer
        The updated or new layer. Labels that were painted on since are left to the user, and a new
        layer is made.
    """
    tag = {"role": output.role, "sources": list(sources), "written": checksum(output.data)}
    with _view_kept(viewer):
        layer = _earlier(viewer, output, sources)
        return show(viewer, output, spatial, tag, layer)


def show(
    viewer: ViewerModel,
    output: Output,
    spatial: Mapping[str, Any],
    tag: Mapping[str, Any],
    layer: Layer | None = None,
) -> Layer:
    """Show a result in a layer that is there, or in a new one, with a tag that `role_of` reads."""
    with _view_kept(viewer):
        if layer is None:
            return _add(viewer, output, spatial, tag)
        _update(layer, output, spatial)
        layer.metadata[TAG] = tag
    return layer


def role_of(layer: Layer) -> str | None:
    """Tell what a layer of ours holds, such as ``"consensus"``; None for a layer of the user's."""
    tag = layer.metadata.get(TAG)
    return tag.get("role") if isinstance(tag, Mapping) else None


def is_annotation(layer: Layer) -> bool:
    """Whether a layer is the user's own or an expert's, and no result of ours."""
    return role_of(layer) in (None, EXPERT)


def find(viewer: ViewerModel, role: str, source: str) -> Layer | None:
    """Find the layer of this role that was made from this source."""
    for layer in viewer.layers:
        if role_of(layer) == role and source in layer.metadata[TAG].get("sources", ()):
            return layer
    return None


def _earlier(viewer: ViewerModel, output: Output, sources: Sequence[str]) -> Layer | None:
    wanted = Labels if output.kind == "labels" else Image
    for layer in tuple(viewer.layers):
        ours = isinstance(layer, wanted) and role_of(layer) == output.role
        if not ours or not set(sources) & set(layer.metadata[TAG].get("sources", ())):
            continue
        same_shape = layer.data.shape == output.data.shape
        if _untouched(layer) and (same_shape or output.reshapes):
            if layer.data.ndim == output.data.ndim:
                return layer
            viewer.layers.remove(layer)
            continue
        # Painted on since, or of another shape: it is the user's from now on.
        del layer.metadata[TAG]
    return None


def _untouched(layer: Layer) -> bool:
    return layer.metadata[TAG].get("written") == checksum(np.asarray(layer.data))


def _add(viewer: ViewerModel, output: Output, spatial: Mapping[str, Any], tag: Mapping[str, Any]) -> Layer:
    add = viewer.add_labels if output.kind == "labels" else viewer.add_image
    # Tagged from the start: those who hear of a new layer ask at once whose it is.
    return add(output.data, name=output.name, metadata={TAG: tag}, **output.appearance, **spatial)


def _update(layer: Layer, output: Output, spatial: Mapping[str, Any]) -> None:
    layer.data = output.data
    for name, value in spatial.items():
        setattr(layer, name, value)


def checksum(data: NDArray[Any]) -> int:
    """Sum up what an array holds, to find out later whether it was painted on."""
    return zlib.crc32(np.ascontiguousarray(data).data)


@contextmanager
def _view_kept(viewer: ViewerModel) -> Iterator[None]:
    step, ndim = tuple(viewer.dims.current_step), viewer.dims.ndim
    selected, active = list(viewer.layers.selection), viewer.layers.selection.active
    yield
    if viewer.dims.ndim == ndim:
        viewer.dims.current_step = step
    # One of another number of axes gives way to a new layer.
    left = [layer for layer in selected if layer in viewer.layers]
    if left:
        viewer.layers.selection.clear()
        viewer.layers.selection.update(left)
        viewer.layers.selection.active = active if active in left else None
