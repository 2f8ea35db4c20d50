"""What a check shows: a row for each pair, and a row for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from .ignored import judged
from .masks import MaskSet
from .pixel_size import in_words
from .set_checks import ReadPair

if TYPE_CHECKING:
    import pandas as pd


def pair_table(
    pairs: Sequence[ReadPair], used: Sequence[ReadPair], masks: MaskSet, notes: Sequence[Problem]
) -> pd.DataFrame:
    """Describe each pair.

    Parameters
    ----------
    pairs, used : sequence of ReadPair
        As read, and as they are trained on.
    masks : MaskSet
        What the masks of `used` mean.
    notes : sequence of Problem
        What was found; a row has those that are about its files.

    Returns
    -------
    DataFrame
        The columns of `DataCheck.table`.
    """
    import pandas as pd

    rows = [
        _row(pair, one, labels, masks) | _findings(pair, notes)
        for pair, one, labels in zip(pairs, used, masks.labels, strict=True)
    ]
    return pd.DataFrame(rows)


def class_table(used: Sequence[ReadPair], masks: MaskSet) -> pd.DataFrame:
    """Describe each class over the whole set: the columns of `DataCheck.classes`."""
    import pandas as pd

    known = sum(np.count_nonzero(judged(labels)) for labels in masks.labels)
    rows = []
    for label, value in enumerate(masks.classes):
        areas = [np.count_nonzero(labels == label) for labels in masks.labels]
        rows.append(
            {
                "class": value,
                "share": sum(areas) / known if known else None,
                "images": int(np.count_nonzero(areas)),
                "objects": None
                if label == 0
                else sum(
                    _objects(pair.mask.data, own, masks.kind, label)
                    for pair, own in zip(used, masks.labels, strict=True)
                ),
            }
        )
    return pd.DataFrame(rows).astype({"objects": "Int64"})


def about(pair: ReadPair, notes: Sequence[Problem]) -> list[Problem]:
    """Those notes that are about an image or its mask, by path or ID."""
    own = {str(pair.image_path), str(pair.mask_path), pair.id}
    return [note for note in notes if note.where in own or own & set(note.names)]


def _findings(pair: ReadPair, notes: Sequence[Problem]) -> dict[str, Any]:
    found = about(pair, notes)
    return {
        "n_findings": len(found),
        "findings": "; ".join(note.found for note in found),
        "what_to_do": " ".join(dict.fromkeys(note.remedy for note in found)),
    }


def _row(pair: ReadPair, used: ReadPair, labels: NDArray[np.uint8], masks: MaskSet) -> dict[str, Any]:
    height, width = pair.mask.data.shape[-2:]
    known = judged(labels)
    return {
        "id": pair.id,
        "image": pair.image_path.name,
        "mask": pair.mask_path.name,
        "slices": int(np.prod(labels.shape[:-2], dtype=int)),
        "height": height,
        "width": width,
        "channels": pair.channels,
        "pixel_size": in_words(pair.image.pixel_size),
        "dtype": str(pair.image.data.dtype),
        "min": pair.image.data.min().item(),
        "max": pair.image.data.max().item(),
        "classes": ", ".join(str(masks.classes[label]) for label in np.unique(labels[known])),
        "foreground_share": float(np.mean(labels[known] != 0)) if known.any() else None,
        "ignored_share": float(np.mean(~known)),
        "objects": _objects(used.mask.data, labels, masks.kind),
    }


def _objects(mask: NDArray[Any], labels: NDArray[np.uint8], kind: str, class_: int | None = None) -> int:
    """Count instances, or connected regions of one class (of that one, where it is named)."""
    if kind == "instances":
        return len(np.unique(mask[(mask != 0) & judged(labels)]))
    from skimage.measure import label

    classes = np.where(judged(labels), labels, 0) if class_ is None else labels == class_
    return int(label(classes, background=0, connectivity=labels.ndim).max())
