"""What several experts said of an image, kept as the few patterns of votes that there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ExpertVotes:
    """The masks of the R experts of one image, and what follows from their votes at each pixel.

    Attributes
    ----------
    names : tuple of str
        The experts.
    codes : ndarray of unsigned integer, shape (Y, X)
        At each pixel the row, of U, that holds in the following.
    votes : ndarray of uint8, shape (U, R)
        Class, 0 to L - 1, that each expert gave; `IGNORE` where the expert did not judge.
    probabilities : ndarray of float32, shape (U, L)
        Of each class by the consensus: the posterior of STAPLE, or the share of the votes.
    disagreement : ndarray of float32, shape (U,)
        Entropy of the votes as a share of the largest possible, 0 to 1.
    """

    names: tuple[str, ...]
    codes: NDArray[np.unsignedinteger[Any]]
    votes: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    disagreement: NDArray[np.float32]

    @property
    def masks(self) -> NDArray[np.uint8]:
        """Classes by expert, shape (R, Y, X)."""
        return np.stack([column[self.codes] for column in self.votes.T])

    def at(self, place: Any) -> ExpertVotes:
        """Give the votes of a part of the image, or of one plane of a stack.

        Parameters
        ----------
        place
            What numpy takes as an index of `codes`.
        """
        return replace(self, codes=np.ascontiguousarray(self.codes[place]))
