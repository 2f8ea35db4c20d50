"""How far the outlines of two masks are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def pairwise_surface_distances(masks: Sequence[NDArray[np.bool_]], pixel_size: Sequence[float]) -> Float:
    """Mean distance between the outlines of every two masks.

    The outline is every foreground pixel with background beside it. For each outline pixel of either mask,
    the distance to the nearest outline pixel of the other is taken, and their mean: the average symmetric
    surface distance.

    Parameters
    ----------
    masks : sequence of R bool arrays of equal shape
    pixel_size : sequence of float
        Size of a pixel along each axis; distances are in its unit.

    Returns
    -------
    ndarray of float64, shape (R, R)
        0 where both masks are empty; NaN where only one is, since then no distance exists.
    """
    outlines = [_outline(mask) for mask in masks]
    to_outline = {index: _distances_to(outline, pixel_size) for index, outline in enumerate(outlines)}
    result = np.zeros((len(masks),) * 2)
    for one in range(len(masks)):
        for other in range(one + 1, len(masks)):
            result[one, other] = result[other, one] = _mean_distance(one, other, outlines, to_outline)
    return result


def _mean_distance(
    one: int, other: int, outlines: Sequence[NDArray[np.bool_]], to_outline: Mapping[int, Float | None]
) -> float:
    from_other, from_one = to_outline[one], to_outline[other]
    if from_other is None and from_one is None:
        return 0.0
    if from_other is None or from_one is None:
        return float("nan")
    return float(np.concatenate([from_other[outlines[other]], from_one[outlines[one]]]).mean())


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    # The image's border is no outline: how far an object reaches beyond it nobody knows.
    return np.asarray(mask & ~ndimage.binary_erosion(mask, border_value=1))


def _distances_to(outline: NDArray[np.bool_], pixel_size: Sequence[float]) -> Float | None:
    from scipy import ndimage

    if not outline.any():
        return None
    return np.asarray(ndimage.distance_transform_edt(~outline, sampling=pixel_size), dtype=np.float64)
