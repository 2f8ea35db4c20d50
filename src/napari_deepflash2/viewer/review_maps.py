"""What the review of a training reads from its folder; jobs for a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.pixel_size import PixelSize
from ..progress import Progress, ProgressCallback

if TYPE_CHECKING:
    from ..ensemble import Review

# Made when first asked for, and kept: so that this is done in the worker.
_TABLES = (
    "images",
    "label_check",
    "reliability",
    "against_experts",
    "hesitation_images",
    "hesitation_regions",
)


@dataclass(frozen=True, eq=False)
class ReviewMaps:
    """What there is to see of one training image.

    Attributes
    ----------
    name : str
        Of the maps.
    image : ndarray, shape (Y, X) or (Y, X, C)
        Intensities.
    mask, labels : ndarray of uint8, shape (Y, X)
        Classes 0 to L - 1 that the mask and the model give; `IGNORE` where there is none.
    uncertainty : ndarray of float32, shape (Y, X)
        In [0, 1].
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    disagreement : ndarray of float32, shape (Y, X), or None
        Of experts, in [0, 1] on the scale of the uncertainty; None where there are none.
    """

    name: str
    image: NDArray[Any]
    mask: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    uncertainty: NDArray[np.float32]
    pixel_size: PixelSize | None = None
    disagreement: NDArray[np.float32] | None = None


def open_review(folder: Path, progress: ProgressCallback) -> Review:
    """Read the review of an ensemble with all its tables; a job for a worker.

    Raises
    ------
    InputError
        Where there is none.
    """
    from ..ensemble import load_review

    review = load_review(folder)
    for done, table in enumerate(_TABLES, start=1):
        getattr(review, table)
        progress(Progress("reading the review", done, len(_TABLES)))
    return review


def compared_with_experts(folder: Path, experts: Path, progress: ProgressCallback) -> Review:
    """Compare the models with experts and read the review again; a job for a worker.

    Raises
    ------
    InputError
        Where the masks cannot be used or do not fit the images.
    """
    from ..ensemble.review_experts import add_experts

    add_experts(folder, experts).save_tables()
    return open_review(folder, progress)


def read_maps(review: Review, name: str, progress: ProgressCallback) -> ReviewMaps:
    """Read what there is to see of an image; a job for a worker.

    Raises
    ------
    InputError
        Where a map is missing or damaged.
    """
    read = [review.image, review.mask, review.labels, review.uncertainty, review.disagreement]
    maps: list[Any] = []
    for done, read_map in enumerate(read, start=1):
        maps.append(read_map(name))
        progress(Progress(f"reading {name}", done, len(read)))
    image, mask, labels, uncertainty, disagreement = maps
    return ReviewMaps(name, image, mask, labels, uncertainty, review.pixel_size_of(name), disagreement)
