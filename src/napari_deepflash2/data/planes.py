"""A single image to train on, with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem, listed
from .ignored import judged
from .normalisation import FloatImage
from .pixel_size import PixelSize
from .votes import ExpertVotes


@dataclass(frozen=True)
class Region:
    """Where a block lies in the image that it was cut from.

    Attributes
    ----------
    image : str
        ID of that image.
    y, x : int
        The block's first row and column there, in pixels.
    shape : (int, int)
        Height and width of that image, in pixels.
    """

    image: str
    y: int
    x: int
    shape: tuple[int, int]


@dataclass(frozen=True)
class Plane:
    """An image, or a plane of a stack, or a block of one, with its mask.

    Attributes
    ----------
    id : str
        Its name: the ID of the file; of a plane with its place, such as ``a_z003``.
    source : str
        ID of the file or array it comes from.
    image : ndarray of float32, shape (Y, X, C)
        Intensities as stored.
    labels : ndarray of uint8, shape (Y, X)
        Class labels, 0 is background, `IGNORE` not judged.
    group : str
        Planes of one group are never on both sides of a split.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres; None where it is not known.
    region : Region or None
        Where it lies, if it is a block of a larger image.
    votes : ExpertVotes or None
        What the experts said, where the labels are their consensus.
    """

    id: str
    source: str
    image: FloatImage
    labels: NDArray[np.uint8]
    group: str
    pixel_size: PixelSize | None = None
    region: Region | None = None
    votes: ExpertVotes | None = None

    def block(self, id_: str, group: str, window: tuple[slice, slice]) -> Plane:
        """Cut a block out; `window` are its rows and columns, of which both ends are given."""
        rows, columns = window
        return replace(
            self,
            id=id_,
            group=group,
            image=np.ascontiguousarray(self.image[rows, columns]),
            labels=np.ascontiguousarray(self.labels[rows, columns]),
            votes=None if self.votes is None else self.votes.at(window),
            region=Region(self.id, rows.start, columns.start, (self.labels.shape[0], self.labels.shape[1])),
        )


def judged_planes(planes: Iterable[Plane]) -> tuple[list[Plane], list[Problem]]:
    """Leave out planes that are ignored everywhere, with a note: nothing could be learned of them."""
    planes = list(planes)
    kept = [plane for plane in planes if judged(plane.labels).any()]
    left = [plane.id for plane in planes if not judged(plane.labels).any()]
    if not left:
        return kept, []
    return kept, [
        Problem(
            "masks",
            f"{len(left)} of {len(planes)} images are ignored everywhere and left out: {listed(left)}",
            "Paint in their masks where something is to be learned from them.",
            "ignored-everywhere",
            tuple(dict.fromkeys(plane.source for plane in planes if not judged(plane.labels).any())),
        )
    ]
