"""From the masks of one image, or of many, to the agreement of their experts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..config import ConsensusConfig
from ..progress import ProgressCallback, ignore_progress
from .agreement import Agreement
from .images import patterns_of_images
from .masks import Masks, read_masks

Method = Literal["staple", "majority", "union", "intersection"]

logger = logging.getLogger(__name__)


def measure_agreement(
    masks: Masks,
    method: Method = "staple",
    *,
    leave_out: bool = True,
    ignore_label: int | None = None,
    pixel_size: Sequence[float] | None = None,
    objects: Literal["connected", "labels"] = "connected",
    seed: int = 42,
) -> Agreement:
    """Measure how far the experts of one image agree.

    Parameters
    ----------
    masks : sequence of arrays, or mapping of str to array
        As for `estimate_consensus`.
    method : {"staple", "majority", "union", "intersection"}
        How the other experts are fused where one is compared with them.
    leave_out : bool
        Whether an expert has no say in the consensus that they are compared with. With False, scores are
        too good, the more so the fewer experts there are.
    ignore_label : int, optional
        Label that is no vote.
    pixel_size : sequence of float, optional
        Size of a pixel along each axis, for surface distances; 1 when not given.
    objects : {"connected", "labels"}
        ``"labels"`` where masks hold a number for each object; all other statistics then tell object from
        background only. ``"connected"`` takes connected foreground as objects.
    seed : int
        For the bootstrap, and for the choice of experts where there are too many to try all.

    Returns
    -------
    Agreement

    Raises
    ------
    InputError
        As `estimate_consensus` does for masks that it cannot use.
    """
    return measure_agreement_of_images(
        {"image": masks},
        method,
        leave_out=leave_out,
        ignore_label=ignore_label,
        pixel_size=pixel_size,
        objects=objects,
        seed=seed,
    )


def measure_agreement_of_images(
    images: Mapping[str, Masks],
    method: Method = "staple",
    *,
    leave_out: bool = True,
    ignore_label: int | None = None,
    pixel_size: Sequence[float] | None = None,
    objects: Literal["connected", "labels"] = "connected",
    seed: int = 42,
    progress: ProgressCallback = ignore_progress,
) -> Agreement:
    """Measure how far the experts of a set of images agree.

    Parameters
    ----------
    images : mapping of str to masks
        For each image the masks of its experts; an expert may lack masks. Tables of objects and surface
        distances read the masks once more, so the mapping may load them when asked for them.
    method, leave_out, ignore_label, pixel_size, objects, seed
        As for `measure_agreement`.
    progress : callable
        Called after each image.

    Returns
    -------
    Agreement

    Raises
    ------
    InputError
        As `measure_agreement`, for all images at once; each problem names the image.
    """
    config = ConsensusConfig(method=method, ignore_label=ignore_label, require_convergence=False)
    read = _Foreground(images) if objects == "labels" else images
    patterns, _ = patterns_of_images(read, config, progress=progress)
    experts = tuple(dict.fromkeys(name for part in patterns.values() for name in part.experts))
    size = None if pixel_size is None else tuple(pixel_size)
    agreement = Agreement(experts, images, patterns, config, leave_out, size, objects, seed)
    for note in agreement.notes:
        logger.warning("%s", note)
    return agreement


class _Foreground(Mapping[str, Masks]):
    """Masks of objects as foreground and background, each image made when asked for."""

    def __init__(self, images: Mapping[str, Masks]) -> None:
        self._images = images

    def __getitem__(self, name: str) -> Masks:
        read = read_masks(self._images[name])
        masks: dict[str, NDArray[np.bool_] | None] = {
            expert: (flat != 0).reshape(read.shape)
            for expert, flat in zip(read.experts, read.flat, strict=True)
        }
        return masks | dict.fromkeys(read.absent)

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)
