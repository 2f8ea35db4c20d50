"""The views of a tile that are predicted and averaged: test-time augmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class View:
    """A tile turned or mirrored, and back.

    Attributes
    ----------
    flips : tuple of int
        Axes that are reversed.
    transposed : bool
        Whether rows and columns are exchanged first.
    """

    flips: tuple[int, ...] = ()
    transposed: bool = False

    def of(self, tiles: Tensor) -> Tensor:
        """Turn tiles (..., Y, X); a view of the same memory where nothing has to be copied."""
        turned = tiles.transpose(-2, -1) if self.transposed else tiles
        return turned.flip(self.flips) if self.flips else turned

    def undone(self, maps: Tensor) -> Tensor:
        """Turn maps of a turned tile back."""
        turned = maps.flip(self.flips) if self.flips else maps
        return turned.transpose(-2, -1) if self.transposed else turned


_FLIPS = (View(), View((-2,)), View((-1,)), View((-2, -1)))
# The eight ways to lay a square on itself.
VIEWS = {
    "none": (View(),),
    "flips": _FLIPS,
    "dihedral": (*_FLIPS, *(View(view.flips, transposed=True) for view in _FLIPS)),
}
