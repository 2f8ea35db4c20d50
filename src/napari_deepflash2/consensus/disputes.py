"""Regions on which the experts do not all agree, and who says what there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .masks import ExpertMasks, read_masks


@dataclass(frozen=True, eq=False)
class Dispute:
    """One connected region on which the experts do not all agree.

    Attributes
    ----------
    number : int
        1 for the largest region. A larger `min_size` leaves regions out and renumbers none.
    slices : tuple of slice
        Bounding box, one slice for each axis; of length 1 along each axis in front of Y and X.
    area : int
        Pixels.
    centroid : tuple of float
        Mean coordinate along each axis, in pixels; it may lie outside of a ring.
    votes : dict of str to dict of int to int
        For each expert the pixels that the expert gives each label, the most frequent label first. An
        expert without a mask is not among them.
    """

    number: int
    slices: tuple[slice, ...]
    area: int
    centroid: tuple[float, ...]
    votes: dict[str, dict[int, int]]
    _components: NDArray[np.int32]
    _component: int

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which pixels of the bounding box belong to the region; shape of the bounding box."""
        return self._components[self.slices] == self._component

    def label_of(self, expert: str) -> int:
        """Tell what the expert gives most of the region's pixels; the smaller of two labels as frequent."""
        return next(iter(self.votes[expert]))

    def share_of(self, expert: str, label: int) -> float:
        """Share, in [0, 1], of the region's pixels to which the expert gives the label."""
        return self.votes[expert].get(label, 0) / self.area


def find_disputes(masks: Mapping[str, ArrayLike | None], min_size: int = 1) -> list[Dispute]:
    """Find the connected regions on which the experts do not all give the same label.

    Pixels are connected over edges and corners, and within one plane only: in a stack (..., Y, X) each
    plane has regions of its own, since people draw, look and decide plane by plane.

    Parameters
    ----------
    masks : mapping of str to array
        One integer array (..., Y, X) of class labels for each expert, all of one shape; None for an expert
        without a mask. Labels of objects have to be made classes first: two experts never number objects
        alike.
    min_size : int
        Regions of fewer pixels are left out.

    Returns
    -------
    list of Dispute
        Largest first; of equal ones the one whose first pixel comes first.

    Raises
    ------
    InputError
        As `estimate_consensus` does for masks that it cannot use, or where they have no Y and X.
    """
    from scipy import ndimage

    experts = read_masks(masks)
    if len(experts.shape) < 2:
        raise InputError.one(
            "experts", f"masks of shape {experts.shape}", "Give masks of images.", "no-plane"
        )
    disputed = _disputed(experts).reshape(experts.shape)
    components, count = ndimage.label(disputed, _within_planes(disputed.ndim))
    if not count:
        return []
    where = np.flatnonzero(disputed)
    of_pixel = components.reshape(-1)[where] - 1
    areas = np.bincount(of_pixel, minlength=count)
    centroids = _centroids(where, of_pixel, areas, experts.shape)
    boxes = ndimage.find_objects(components)
    order = np.argsort(-areas, kind="stable")
    kept = order[: np.count_nonzero(areas >= min_size)]
    votes = _votes(experts, where, of_pixel, count)
    return [
        Dispute(
            rank,
            boxes[index],
            int(areas[index]),
            tuple(centroids[index].tolist()),
            {expert: _by_frequency(labels, counts[index]) for expert, (labels, counts) in votes.items()},
            components,
            int(index) + 1,
        )
        for rank, index in enumerate(kept, start=1)
    ]


def _disputed(experts: ExpertMasks) -> NDArray[np.bool_]:
    first, *others = experts.flat
    disputed = np.zeros(first.shape, bool)
    for mask in others:
        disputed |= mask != first
    return disputed


def _within_planes(ndim: int) -> NDArray[np.bool_]:
    structure = np.zeros((3,) * ndim, bool)
    structure[(1,) * (ndim - 2)] = True
    return structure


def _centroids(
    where: NDArray[np.intp], of_pixel: NDArray[np.intp], areas: NDArray[np.intp], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    sums = [np.bincount(of_pixel, axis, areas.size) for axis in np.unravel_index(where, shape)]
    return np.stack(sums, axis=1) / areas[:, None]


def _votes(
    experts: ExpertMasks, where: NDArray[np.intp], of_pixel: NDArray[np.intp], count: int
) -> dict[str, tuple[NDArray[np.integer], NDArray[np.intp]]]:
    """For each expert the labels used, and the pixels by region and label."""
    votes = {}
    for expert, mask in zip(experts.experts, experts.flat, strict=True):
        labels, code = np.unique(mask[where], return_inverse=True)
        flat = np.bincount(of_pixel * labels.size + code, minlength=count * labels.size)
        votes[expert] = labels, flat.reshape(count, labels.size)
    return votes


def _by_frequency(labels: NDArray[np.integer], counts: NDArray[np.intp]) -> dict[int, int]:
    order = np.argsort(-counts, kind="stable")
    return {int(labels[i]): int(counts[i]) for i in order if counts[i]}
