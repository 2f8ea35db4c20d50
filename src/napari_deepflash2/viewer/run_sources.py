"""Which layer each image of a run was taken from, kept with the run so that it is known later."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from pydantic import TypeAdapter

from ..errors import InputError
from ..files import write_text
from .grids import Grid, grid_of
from .pairs import TakenPair
from .training_data import Taken, row_of_file

LAYERS = "layers.json"


@dataclass(frozen=True)
class Source:
    """An Image layer as it was when it was trained on.

    Attributes
    ----------
    name, uid : str
        Its name, and its unique id as long as that napari was open.
    shape : tuple of int
        Of its grid, without channels.
    scale : tuple of float
        Of its grid.
    units : tuple of str
        Likewise.
    channel_axis : int or None
        Its channels.
    level : int
        Of a multiscale layer.
    as_stack : bool
        Whether its planes were written as one stack.
    """

    name: str
    uid: str
    shape: tuple[int, ...]
    scale: tuple[float, ...]
    units: tuple[str, ...]
    channel_axis: int | None
    level: int
    as_stack: bool

    def layer_in(self, viewer: ViewerModel) -> Image | None:
        """Find the layer: the very one, else one of its name and grid; None where nothing lies over it."""
        if self.channel_axis:
            # Napari aligns last axes: a result without channels lies only behind leading ones.
            return None
        images = [layer for layer in viewer.layers if isinstance(layer, Image)]
        same = [layer for layer in images if str(layer.unique_id) == self.uid]
        alike = [layer for layer in images if layer.name == self.name]
        return next((layer for layer in (*same, *alike) if self._is_on_grid(layer)), None)

    def grid_in(self, layer: Image) -> Grid:
        """Grid of the layer as it lies now."""
        return grid_of(layer, self.channel_axis, self.level)

    def name_of(self, id_: str) -> str:
        """Name an image of the run by this layer."""
        plane = self.plane_of(id_)
        return self.name + (f", plane {', '.join(map(str, plane))}" if plane else "")

    def plane_of(self, id_: str) -> tuple[int, ...]:
        """Tell which plane of the layer an ID of the run names."""
        leading = self.shape[:-2]
        if not leading:
            return ()
        if self.as_stack:
            found = re.search(r"_z(\d+)$", id_)
            return tuple(map(int, np.unravel_index(int(found[1]), leading))) if found else ()
        found = re.search(rf"((?:-\d{{3,}}){{{len(leading)}}})$", id_)
        return tuple(int(place) for place in found[1].strip("-").split("-")) if found else ()

    def _is_on_grid(self, layer: Image) -> bool:
        try:
            return self.grid_in(layer).shape == self.shape
        except (InputError, IndexError):
            return False


def write_sources(taken: Sequence[Taken], folder: Path) -> None:
    """Keep which layers the pairs were taken from; of folders nothing."""
    sources = [_source(pair) if isinstance(pair, TakenPair) else None for pair in taken]
    write_text(folder / LAYERS, _sources().dump_json(sources, indent=1).decode())


def source_of(id_: str, folder: Path) -> Source | None:
    """Tell from which layer an image of a run was taken; None where it came from a file."""
    row = row_of_file(id_)
    try:
        sources = _sources().validate_json((folder / LAYERS).read_bytes())
    except (OSError, ValueError):
        return None
    return sources[row] if row is not None and row < len(sources) else None


def _sources() -> TypeAdapter[list[Source | None]]:
    return TypeAdapter(list[Source | None])


def _source(pair: TakenPair) -> Source:
    image = pair.image
    return Source(
        name=image.name,
        uid=image.uid,
        shape=image.grid.shape,
        scale=image.grid.spatial["scale"],
        units=tuple(str(unit) for unit in image.grid.spatial["units"]),
        channel_axis=image.channel_axis,
        level=image.grid.level,
        as_stack=pair.one_specimen,
    )
