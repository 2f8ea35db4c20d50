"""Connected regions of an image that are worth a look, those first that weigh most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

# Rims of a pixel around objects are everywhere and say nothing; a region needs the weight of so many pixels.
LEAST_WEIGHT = 4.0
# A model that has learned nothing is off everywhere; so many regions of an image are kept.
MOST_SPOTS = 200


@dataclass(frozen=True)
class Spot:
    """One connected region.

    Attributes
    ----------
    y, x : int
        The pixel of the region that is nearest to its middle.
    top, left, bottom, right : int
        Bounding box; the last row and column are those before `bottom` and `right`.
    area : int
        Pixels.
    weight : float
        Sum over the pixels of a value in [0, 1] that says how much each counts.
    """

    y: int
    x: int
    top: int
    left: int
    bottom: int
    right: int
    area: int
    weight: float

    @property
    def margin(self) -> float:
        """Mean of that value over the pixels."""
        return self.weight / self.area


S = TypeVar("S", bound=Spot)


def find_spots(weights: NDArray[np.float32], where: NDArray[np.bool_], least_weight: float) -> Iterator[Spot]:
    """Find the connected regions of `where`, over edges and corners, whose weights add up to enough.

    Parameters
    ----------
    weights : ndarray of float32, shape (Y, X)
        How much each pixel counts, in [0, 1].
    where : ndarray of bool, shape (Y, X)
        Pixels that are part of a region.
    least_weight : float
        Regions of less weight are left out, in pixels.
    """
    from scipy import ndimage

    numbered, count = ndimage.label(where, np.ones((3, 3)))
    sums = np.bincount(numbered.reshape(-1), weights.reshape(-1), count + 1)
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), start=1):
        if sums[number] >= least_weight:
            inside = np.argwhere(numbered[rows, columns] == number)
            y, x = inside[((inside - inside.mean(0)) ** 2).sum(1).argmin()].tolist()
            yield Spot(
                y=rows.start + y,
                x=columns.start + x,
                top=rows.start,
                left=columns.start,
                bottom=rows.stop,
                right=columns.stop,
                area=len(inside),
                weight=float(sums[number]),
            )


def heaviest(spots: Iterable[S]) -> list[S]:
    """Sort, the heaviest first and of equal ones the first from the top; at most 200."""
    return sorted(spots, key=lambda one: (-one.weight, one.top, one.left))[:MOST_SPOTS]


def spot_table(spots: Iterable[tuple[str, Spot, tuple[object, ...]]], last: Sequence[str]) -> pd.DataFrame:
    """Make a table of the regions of several images, the heaviest first.

    Parameters
    ----------
    spots : iterable of (str, Spot, tuple)
        The image, the region, and what comes in the last columns.
    last : sequence of str
        Names of these.
    """
    import pandas as pd

    figures = (*(field.name for field in fields(Spot)), "margin")
    rows = [(image, *(getattr(spot, name) for name in figures), *cells) for image, spot, cells in spots]
    table = pd.DataFrame(rows, columns=["image", *figures, *last])
    return table.sort_values("weight", ascending=False, kind="stable", ignore_index=True)
