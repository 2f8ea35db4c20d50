"""Contrast-limited adaptive histogram equalisation (CLAHE) of whole batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# As in OpenCV and most programs that have come after it: 8 x 8 regions, histograms of 256 bins.
_REGIONS = 8
_BINS = 256


def equalise(planes: Tensor, clip_limits: Tensor) -> Tensor:
    """Equalise the histogram of each of 8 x 8 regions, and blend between the regions.

    Parameters
    ----------
    planes : Tensor of float32, shape (M, S, S)
        Intensities from 0 to 1. S is a multiple of 8.
    clip_limits : Tensor of float32, shape (M,)
        Most that a bin may hold, as a multiple of what it would hold if all were alike. What is cut off is
        spread over all bins, so that 0 changes nothing.

    Returns
    -------
    Tensor of float32, shape (M, S, S)
        From 0 to 1.

    References
    ----------
    Zuiderveld (1994), Contrast limited adaptive histogram equalization, Graphics Gems IV.
    """
    grey = (planes * (_BINS - 1)).round_().int()
    curves = _curves(grey, clip_limits).flatten()
    region = _REGIONS**2 * _BINS
    grey += region * _counting(len(planes), grey)[:, None, None]
    before, after, share = _neighbours(planes)

    def by(rows: Tensor, columns: Tensor) -> Tensor:
        places = grey + _BINS * (_REGIONS * rows[:, None] + columns)
        return curves.index_select(0, places.flatten()).view_as(planes)

    above, below = (by(rows, before).lerp_(by(rows, after), share) for rows in (before, after))
    return above.lerp_(below, share[:, None])


def _curves(grey: Tensor, clip_limits: Tensor) -> Tensor:
    """Find the new value of each grey value: shape (M, regions, bins)."""
    import torch

    m, size = grey.shape[:2]
    place = _counting(size, grey) // (size // _REGIONS)
    number = _REGIONS**2 * _counting(m, grey)[:, None, None] + _REGIONS * place[:, None] + place
    counts = torch.bincount((number * _BINS + grey).flatten(), minlength=m * _REGIONS**2 * _BINS)
    share = counts.view(m, _REGIONS**2, _BINS) / (size // _REGIONS) ** 2
    clipped = share.minimum(clip_limits[:, None, None] / _BINS)
    return (clipped + (1 - clipped.sum(-1, keepdim=True)) / _BINS).cumsum(-1).clamp_max_(1)


def _neighbours(planes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the regions before and after each pixel along one axis, and how near it is to the second."""
    import torch

    size = planes.shape[-1]
    position = (torch.arange(size, device=planes.device) + 0.5) * (_REGIONS / size) - 0.5
    position = position.clamp_(0, _REGIONS - 1)
    before = position.int()
    return before, (before + 1).clamp_max_(_REGIONS - 1), position - before


def _counting(n: int, like: Tensor) -> Tensor:
    import torch

    return torch.arange(n, dtype=torch.int32, device=like.device)
