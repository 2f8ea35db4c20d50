"""An image that was predicted by models that never saw it: put together, judged and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.ignored import IGNORE, judged
from ..data.normalisation import FloatImage
from ..data.planes import Region
from ..objects import score_labels
from ..prediction import Reliability
from ..prediction.uncertainty import total_uncertainty, uncertainty_score
from .against_experts import compare_with_experts
from .expert_hesitation import write_hesitation
from .label_check import contradiction_share, find_contradictions
from .manifest import Manifest
from .out_of_fold_files import OutOfFoldFolder, Record, Row

PREDICTION = "prediction"


@dataclass(frozen=True, eq=False)
class PredictedPart:
    """An image, or a block of one, with what a model says of it that never saw it.

    Attributes
    ----------
    id : str
        Its name in the training set.
    image : ndarray of float32, shape (Y, X, C)
        Intensities as stored.
    mask : ndarray of uint8, shape (Y, X)
        Classes 0 to L - 1, `IGNORE` where nobody judged.
    probabilities : ndarray of float32, shape (L, Y, X)
        The model's, of each class.
    experts : mapping of str to ndarray of uint8, shape (Y, X)
        The classes that each expert gave; empty where there are none.
    region : Region or None
        Where it lies, if it is a block of a larger image.
    """

    id: str
    image: FloatImage
    mask: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    experts: Mapping[str, NDArray[np.uint8]]
    region: Region | None

    def row(self, classes: Sequence[int]) -> Row:
        """Give its figures; `classes` are the values of the masks."""
        winners = self.probabilities.argmax(0)
        known = judged(self.mask).any()
        return Row(
            image=self.id,
            scores=score_labels(winners, self.mask, classes) if known else {},
            score=uncertainty_score(total_uncertainty(self.probabilities), winners > 0),
            contradiction=contradiction_share(self.probabilities, self.mask),
        )


@dataclass(frozen=True, eq=False)
class PredictedImage:
    """One image of the user as (Y, X), from the parts that a model could predict.

    Attributes
    ----------
    image : ndarray of float32, shape (C, Y, X)
        Intensities as stored, 0 where no part is.
    mask : ndarray of uint8, shape (Y, X)
        Classes 0 to L - 1, `IGNORE` where nobody judged or no part is.
    labels : ndarray of uint8, shape (Y, X)
        The most probable classes, `IGNORE` where no part is.
    probabilities : ndarray of float32, shape (L, Y, X)
        Of each class, NaN where no part is.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]

    @classmethod
    def of(cls, parts: Sequence[PredictedPart]) -> PredictedImage:
        """Put the parts of one image where they belong."""
        return cls(
            _together(parts, lambda part: np.moveaxis(part.image, -1, 0), 0),
            _together(parts, lambda part: part.mask, IGNORE),
            _together(parts, lambda part: part.probabilities.argmax(0).astype(np.uint8), IGNORE),
            _together(parts, lambda part: part.probabilities, np.nan),
        )

    def write_maps(self, files: OutOfFoldFolder, name: str) -> None:
        """Write all there is to see of it, under `name`."""
        files.write_map("images", name, _compact(self.image))
        files.write_map("masks", name, self.mask)
        files.write_map("labels", name, self.labels)
        files.write_map("uncertainty", name, total_uncertainty(self.probabilities))
        # Half precision keeps three digits of small probabilities, of which a calibration takes the
        # logarithm; bytes would keep none.
        files.write_map("probabilities", name, self.probabilities.astype(np.float16))

    def reliability(self, classes: Sequence[int]) -> dict[str, Reliability]:
        """Of the class that is predicted and of each foreground class, by its value."""
        found = {PREDICTION: Reliability.of_prediction(self.probabilities, self.mask)}
        for index, value in enumerate(classes[1:], start=1):
            found[str(value)] = Reliability.of_class(self.probabilities, self.mask, index)
        return found


def write_predicted(
    files: OutOfFoldFolder, name: str, parts: Sequence[PredictedPart], manifest: Manifest, key: str
) -> None:
    """Write the maps of an image and, last, the record that vouches for them.

    Parameters
    ----------
    files : OutOfFoldFolder
        Where to.
    name : str
        Of the image.
    parts : sequence of PredictedPart
        The image, or blocks of it.
    manifest : Manifest
        Of the ensemble.
    key : str
        Hash of all that it depends on.
    """
    image, classes, experts = PredictedImage.of(parts), manifest.classes, _experts(parts)
    image.write_maps(files, name)
    record = Record(
        key=key,
        rows=tuple(part.row(classes) for part in parts),
        reliability={of: found.bins for of, found in image.reliability(classes).items()},
        regions=tuple(find_contradictions(image.probabilities, image.mask)),
        against_experts=compare_with_experts(
            image.labels, experts, classes, manifest.configuration.consensus
        ),
        hesitation=write_hesitation(
            files, name, total_uncertainty(image.probabilities), image.labels, experts, len(classes)
        ),
    )
    files.write_record(name, record)


def _experts(parts: Sequence[PredictedPart]) -> dict[str, NDArray[np.uint8]]:
    """Put the experts' masks together too; who has none of a part did not judge it."""

    def drawn(part: PredictedPart, expert: str) -> NDArray[np.uint8]:
        return part.experts[expert] if expert in part.experts else np.full_like(part.mask, IGNORE)

    names = dict.fromkeys(expert for part in parts for expert in part.experts)
    return {name: _together(parts, partial(drawn, expert=name), IGNORE) for name in names}


def _together(
    parts: Sequence[PredictedPart], map_of: Callable[[PredictedPart], NDArray[Any]], empty: float
) -> NDArray[Any]:
    first = map_of(parts[0])
    if parts[0].region is None:
        return first
    whole = np.full((*first.shape[:-2], *parts[0].region.shape), empty, first.dtype)
    for part in parts:
        if part.region is not None:
            height, width = part.mask.shape
            y, x = part.region.y, part.region.x
            whole[..., y : y + height, x : x + width] = map_of(part)
    return whole


def _compact(image: NDArray[np.float32]) -> NDArray[Any]:
    """Give whole numbers back the type that they most likely had, and a single channel as (Y, X)."""
    planes = image[0] if len(image) == 1 else image
    for dtype in (np.uint8, np.uint16):
        if planes.min() >= 0 and planes.max() <= np.iinfo(dtype).max and (planes == np.rint(planes)).all():
            return planes.astype(dtype)
    return planes
