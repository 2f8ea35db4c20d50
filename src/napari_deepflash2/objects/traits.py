"""What objects tell about their own quality."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# How far around an object its probability counts: a share of its radius, but two pixels at least.
_NEIGHBOURHOOD, _LEAST_DISTANCE = 1.0, 2.0
# What is less changes no sum that is looked at, and is most of an image.
_LEAST_PROBABILITY = 0.01


def separate_objects(winners: NDArray[np.unsignedinteger]) -> NDArray[np.int32]:
    """Give numbers from 1 to the connected pieces of each class; a common corner connects.

    Parameters
    ----------
    winners : ndarray of uint, shape (Y, X)
        Classes 0 to L - 1, 0 the background.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        0 where the background is.
    """
    from skimage.measure import label

    return np.asarray(label(winners, background=0, connectivity=2), np.int32)


def classes_of(
    labels: NDArray[np.int32], winners: NDArray[np.unsignedinteger]
) -> NDArray[np.unsignedinteger]:
    """Class of each object, (N,)."""
    found = np.zeros(int(labels.max()) + 1, winners.dtype)
    inside = labels > 0
    found[labels[inside]] = winners[inside]
    return found[1:]


def areas_of(labels: NDArray[np.int32]) -> Floats:
    """Pixels of each object, (N,)."""
    return np.bincount(labels[labels > 0], minlength=int(labels.max()) + 1)[1:].astype(np.float64)


def means_of(values: NDArray[np.generic], labels: NDArray[np.int32], areas: Floats) -> Floats:
    """Mean of a map (Y, X) over each object, (N,)."""
    # To count, numpy makes 16 bytes of each pixel; most are background.
    inside = labels > 0
    sums = np.bincount(labels[inside], values[inside], len(areas) + 1)[1:]
    return np.asarray(sums / areas)


@dataclass(frozen=True, eq=False)
class ObjectTraits:
    """Traits of N objects, by number.

    Attributes
    ----------
    classes : ndarray of int, shape (N,)
        1 to L - 1.
    areas : ndarray of float64, shape (N,)
        In pixels.
    soft_iou : ndarray of float64, shape (N,)
        Overlap of the object with the probabilities of its class: their sum over it, divided by its area
        and their sum around it. Around are the pixels of no object to which this one is the nearest, as far
        away as its radius at most. Were the probabilities exact, it would be about the true overlap.
    roundness : ndarray of float64, shape (N,)
        ``4 π area / perimeter²``: 1 for a disk, less for what is long, ragged or two objects in one.
    """

    classes: NDArray[np.integer]
    areas: Floats
    soft_iou: Floats
    roundness: Floats

    @classmethod
    def of(
        cls,
        labels: NDArray[np.int32],
        winners: NDArray[np.unsignedinteger],
        probabilities: NDArray[np.float32],
    ) -> ObjectTraits:
        """Measure objects.

        Parameters
        ----------
        labels : ndarray of int32, shape (Y, X)
            Objects numbered from 1 without a gap, each of one class.
        winners : ndarray of uint, shape (Y, X)
            Classes 0 to L - 1.
        probabilities : ndarray of float32, shape (L, Y, X)
            Calibrated, of each class.
        """
        areas = areas_of(labels)
        classes = classes_of(labels, winners)
        y, x = np.nonzero(labels)
        own = probabilities[winners[y, x], y, x]
        inside = np.bincount(labels[y, x], own, len(areas) + 1)[1:] / areas
        around = _around(labels, classes, areas, probabilities) / areas
        return cls(classes, areas, inside / (1 + around), _roundness(labels, areas))

    def of_size(self, pixels: float) -> ObjectTraits:
        """Give the traits that they would have had with so many pixels in place of one."""
        return self if pixels == 1 else replace(self, areas=self.areas * pixels)

    @property
    def features(self) -> Floats:
        """What a regression sees, (N, 4)."""
        soft = np.clip(self.soft_iou, 0.02, 0.98)
        size = np.log(self.areas)
        return np.column_stack([np.log(soft / (1 - soft)), size, size**2, np.log(self.roundness)])


def _around(
    labels: NDArray[np.int32],
    classes: NDArray[np.unsignedinteger],
    areas: Floats,
    probabilities: NDArray[np.float32],
) -> Floats:
    """Sum the probability of each object's class over the pixels around it."""
    from scipy import ndimage

    if not areas.size:
        return np.empty(0)
    y, x = np.nonzero((labels == 0) & (1 - probabilities[0] > _LEAST_PROBABILITY))
    nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    near_y, near_x = nearest[:, y, x]
    objects = labels[near_y, near_x]
    reach = np.maximum(_LEAST_DISTANCE, _NEIGHBOURHOOD * np.sqrt(areas / np.pi))
    close = (y - near_y) ** 2 + (x - near_x) ** 2 <= reach[objects - 1] ** 2
    y, x, objects = y[close], x[close], objects[close]
    found = np.bincount(objects, probabilities[classes[objects - 1], y, x], len(areas) + 1)[1:]
    return np.asarray(found)


def _roundness(labels: NDArray[np.int32], areas: Floats) -> Floats:
    sides = np.zeros(len(areas) + 1)
    for one, other in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        differ = one != other
        for side in (one, other):
            sides += np.bincount(side[differ], minlength=len(areas) + 1)
    # A disk has 4 / π times as many sides of pixels as its perimeter is long.
    perimeters = np.maximum(sides[1:], 4) * (np.pi / 4)
    return np.asarray(np.minimum(1, 4 * np.pi * areas / perimeters**2))
