"""The present prediction of one held-out image, on disk for those who watch a run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.normalisation import FloatImage
from ..data.planes import Region
from ..files import write_text, written_aside
from ..prediction.uncertainty import total_uncertainty

PREVIEW = "preview"
_LARGEST_SIDE = 512


@dataclass(frozen=True)
class Preview:
    """A prediction of a held-out image, or of its middle where it is large.

    Attributes
    ----------
    name : str
        ID of the image.
    corner : (int, int)
        Where the arrays begin in the image, (Y, X).
    image : ndarray of float32, shape (Y, X, C)
        Intensities as stored.
    truth, labels : ndarray of uint8, shape (Y, X)
        Classes of mask and prediction, 0 to L - 1; in the mask `IGNORE` where nobody judged.
    uncertainty : ndarray of float32, shape (Y, X)
        In [0, 1].
    whole : Region
        Where the arrays lie in the image that was read, which the held-out one may be a block of.
    """

    name: str
    corner: tuple[int, int]
    image: FloatImage
    truth: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    uncertainty: NDArray[np.float32]
    whole: Region

    @classmethod
    def of(
        cls,
        name: str,
        image: FloatImage,
        truth: NDArray[np.uint8],
        mean: NDArray[np.float32],
        region: Region | None = None,
    ) -> Preview:
        """Cut the middle out of an image, its mask and its mean probabilities (L, Y, X).

        `region` tells where the image lies in a larger one, if it is a block.
        """
        height, width = truth.shape
        y, x = max(0, height - _LARGEST_SIDE) // 2, max(0, width - _LARGEST_SIDE) // 2
        part = np.s_[y : y + _LARGEST_SIDE, x : x + _LARGEST_SIDE]
        shown = mean[:, part[0], part[1]]
        block = region or Region(name, 0, 0, (height, width))
        return cls(
            name,
            (y, x),
            image[part],
            truth[part],
            shown.argmax(0).astype(np.uint8),
            total_uncertainty(shown),
            replace(block, y=block.y + y, x=block.x + x),
        )

    def save(self, folder: Path, fold: int, iteration: int) -> None:
        """Write ``preview/fold-K.npz``, then ``preview/fold-K.json``, over those of the last validation.

        Parameters
        ----------
        folder : path
            The ensemble's folder.
        fold : int
            Number K of the fold, from 1.
        iteration : int
            Steps that the network has behind it.
        """
        with written_aside(folder / PREVIEW / f"fold-{fold}.npz") as aside:
            np.savez(
                aside,
                image=self.image,
                truth=self.truth,
                labels=self.labels,
                uncertainty=self.uncertainty,
            )
        (y, x), (height, width) = self.corner, self.truth.shape
        about = {
            "image": self.name,
            "iteration": iteration,
            "region": {"y": y, "x": x, "height": height, "width": width},
            "whole": asdict(self.whole),
        }
        write_text(folder / PREVIEW / f"fold-{fold}.json", json.dumps(about))
