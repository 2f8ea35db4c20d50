"""What the experts of a training image leave beside the prediction of it: votes against uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..data.ignored import IGNORE
from ..prediction.hesitation import disagreement_of_experts, measure_hesitation
from .differences import find_differences
from .out_of_fold_files import OF_EXPERTS, ExpertHesitation, OutOfFoldFolder

Labels = NDArray[np.integer]


def write_hesitation(
    files: OutOfFoldFolder,
    name: str,
    uncertainty: NDArray[np.float32],
    labels: Labels,
    experts: Mapping[str, Labels],
    n_classes: int,
) -> ExpertHesitation | None:
    """Hold the uncertainty of an image against its experts, and write the map of their disagreement.

    Parameters
    ----------
    files : OutOfFoldFolder
        Where to.
    name : str
        Of the image.
    uncertainty : ndarray of float32, shape (Y, X)
        The model's, in [0, 1]; not a number where it could not predict.
    labels : ndarray of int, shape (Y, X)
        Classes 0 to L - 1 that it predicts.
    experts : mapping of str to ndarray of int, shape (Y, X)
        Classes of each expert; `IGNORE` where the expert did not judge.
    n_classes : int
        Classes L.

    Returns
    -------
    ExpertHesitation or None
        None where fewer than two experts judged what was predicted; no map is written then.
    """
    known = np.isfinite(uncertainty)
    judged = {expert: mask for expert, mask in experts.items() if (mask[known] != IGNORE).any()}
    if len(judged) < 2:
        return None
    disagreement = disagreement_of_experts(judged, n_classes, IGNORE)
    files.write_map(OF_EXPERTS, name, disagreement)
    return ExpertHesitation(
        rows=measure_hesitation(uncertainty, judged, labels, ignore_label=IGNORE).rows,
        regions=tuple(find_differences(disagreement, uncertainty)),
    )
