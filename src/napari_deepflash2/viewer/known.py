"""What is known of which part of an image, over several runs of the same prediction."""

from __future__ import annotations

from dataclasses import dataclass

from ..prediction import Prediction
from ..prediction.canvas import Region


@dataclass(frozen=True)
class Figures:
    """What is known of the prediction of one region of one plane.

    Attributes
    ----------
    index : tuple of int
        Place of the plane along the axes of the image's grid before Y and X; empty for a single plane.
    region : Region
        Part of the plane, in pixels of the level that was predicted.
    is_whole_plane : bool
        Whether that is all of it.
    share : float
        How much of the region is predicted: below 1 where the run was stopped, and then all that follows is
        None, because a part says nothing of the rest.
    score : float or None
        Mean uncertainty over the foreground.
    expected_dice : float or None
        Of the region taken for an image of its own; None where it is not known.
    expected_dice_interval : (float, float) or None
        Likewise.
    ood_score : float or None
        How unlike the training images the region is, likewise; above 0 it is called unlike.
    is_ood : bool or None
        Whether it is above 0.
    """

    index: tuple[int, ...]
    region: Region
    is_whole_plane: bool
    share: float = 1.0
    score: float | None = None
    expected_dice: float | None = None
    expected_dice_interval: tuple[float, float] | None = None
    ood_score: float | None = None
    is_ood: bool | None = None

    @classmethod
    def of(cls, index: tuple[int, ...], region: Region, plane: tuple[int, int], found: Prediction) -> Figures:
        """Take those of a region that was predicted to its end; `plane` is height and width of its plane."""
        return cls(
            index,
            region,
            region.shape == plane,
            1.0,
            found.score,
            found.expected_dice,
            found.expected_dice_interval,
            found.ood_score,
            found.is_ood,
        )

    @property
    def is_complete(self) -> bool:
        """Whether all of the region is predicted."""
        return self.share == 1

    def covers(self, other: Figures) -> bool:
        """Whether the other region is a part of this one, of the same plane."""
        inner, outer = other.region, self.region
        return self.index == other.index and inner.touches(outer) and inner.within(outer) == inner


def with_more(known: tuple[Figures, ...], found: Figures) -> tuple[Figures, ...]:
    """Add what was found last, in place of what it covers, in the order of the planes.

    What was stopped adds nothing to a region that is known to be whole.
    """
    if not found.is_complete and any(one.is_complete and one.covers(found) for one in known):
        return known
    left = [one for one in known if not found.covers(one) or (one.is_complete and not found.is_complete)]
    return tuple(sorted([*left, found], key=lambda one: (one.index, one.region.top, one.region.left)))
