"""Comparing experts and estimating the ground truth from their Labels layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from ..config import Configuration
from ..errors import InputError, Problem
from ..progress import Progress, ProgressCallback
from .colours import class_colormap
from .grids import grid_of, require_same_grid
from .placing import Output, place
from .reading import Snapshot, snapshot_labels

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Annotations:
    """What several experts drew on one image, taken from their layers.

    Attributes
    ----------
    experts : tuple of Snapshot
        One for each expert, all on one grid.
    sources : tuple of str
        Unique ids of the layers they were taken from, and of the image where one was chosen.
    """

    experts: tuple[Snapshot, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """How far the experts agree.

    Attributes
    ----------
    annotations : Annotations
        What was compared.
    pairwise_dice, leave_one_out : DataFrame
        Expert by expert; each expert against the consensus of the others.
    fleiss_kappa, krippendorff_alpha : float or None
        None where there is no variation.
    outliers : tuple of str
        Experts who stand out.
    agreement_map, disagreement_map : array
        Number of experts with the most voted label; entropy of the votes in [0, 1].
    notes : tuple of Problem
        How the masks were read, and what is worth knowing about them.
    """

    annotations: Annotations
    pairwise_dice: pd.DataFrame
    leave_one_out: pd.DataFrame
    fleiss_kappa: float | None
    krippendorff_alpha: float | None
    outliers: tuple[str, ...]
    agreement_map: NDArray[np.uint8]
    disagreement_map: NDArray[np.float32]
    notes: tuple[Problem, ...]


@dataclass(frozen=True)
class Estimate:
    """The ground truth as several experts see it together.

    Attributes
    ----------
    annotations : Annotations
        What it was estimated from.
    labels : array
        The consensus, on the experts' grid.
    classes : tuple of int
        Values it may hold.
    experts : DataFrame
        One row an expert.
    agreement_map : array
        Number of experts with the most voted label.
    notes : tuple of Problem
        How the masks were read, and what is worth knowing about them.
    """

    annotations: Annotations
    labels: NDArray[np.integer]
    classes: tuple[int, ...]
    experts: pd.DataFrame
    agreement_map: NDArray[np.uint8]
    notes: tuple[Problem, ...]


def take_annotations(layers: Sequence[Labels], image: Image | None, at_least: int = 1) -> Annotations:
    """Copy what the experts' layers hold now.

    Raises
    ------
    InputError
        Where there are too few layers, or they (or the image) do not lie on one grid.
    """
    if len(layers) < at_least:
        raise InputError.one(
            "experts",
            f"{len(layers)} Labels layers are ticked",
            f"Tick the Labels layers of at least {at_least} experts.",
            "too-few-experts",
        )
    require_same_grid([grid_of(layer) for layer in layers])
    if image is not None:
        # An image may have channels in front that masks have not.
        extra = image.ndim - layers[0].ndim
        require_same_grid([grid_of(image, 0 if extra == 1 else None), grid_of(layers[0])])
    experts = tuple(snapshot_labels(layer) for layer in layers)
    image_source = () if image is None else (str(image.unique_id),)
    return Annotations(experts, (*(expert.uid for expert in experts), *image_source))


def compare(annotations: Annotations, config: Configuration, progress: ProgressCallback) -> Comparison:
    """Measure how far the experts agree; a job for a worker."""
    from ..consensus import agreement_map, disagreement_map, measure_agreement

    masks, notes = read_masks(annotations, config)
    progress(Progress("comparing", 1, 2))
    found = measure_agreement(masks)
    # Its tables are made when first asked for: here, and not on the main thread.
    comparison = Comparison(
        annotations=annotations,
        pairwise_dice=found.pairwise_dice,
        leave_one_out=found.leave_one_out.drop(columns="images").dropna(axis="columns", how="all"),
        fleiss_kappa=found.fleiss_kappa,
        krippendorff_alpha=found.krippendorff_alpha,
        outliers=found.outliers,
        agreement_map=agreement_map(masks),
        disagreement_map=disagreement_map(masks),
        notes=(*notes, *found.notes),
    )
    progress(Progress("comparing", 2, 2))
    return comparison


def estimate(annotations: Annotations, config: Configuration, progress: ProgressCallback) -> Estimate:
    """Estimate the ground truth; a job for a worker."""
    from ..consensus import agreement_map, estimate_consensus

    masks, notes = read_masks(annotations, config)
    progress(Progress("estimating", 1, 2))
    consensus = estimate_consensus(masks, **config.consensus.model_dump())
    return Estimate(
        annotations=annotations,
        labels=consensus.labels,
        classes=consensus.classes,
        experts=consensus.experts,
        agreement_map=agreement_map(masks),
        notes=(*notes, *consensus.notes),
    )


def read_masks(
    annotations: Annotations, config: Configuration
) -> tuple[dict[str, NDArray[np.integer]], tuple[Problem, ...]]:
    """Interpret the values of all experts together as classes or objects, plane by plane.

    Returns
    -------
    dict of str to array, tuple of Problem
        Mask of class values by expert, and how the values were understood.
    """
    from ..data import interpret_masks

    planes = [plane for expert in annotations.experts for _, plane in expert.planes()]
    names = [
        f'layer "{expert.name}"' + (f" at {index}" if index else "")
        for expert in annotations.experts
        for index in np.ndindex(expert.grid.shape[:-2])
    ]
    found = interpret_masks(planes, names, config.data.mask_kind, config.data.mask_classes, ridges=False)
    values = np.asarray(found.classes)
    values = values.astype(np.min_scalar_type(int(values.max(initial=0))))
    shape = (len(annotations.experts), *annotations.experts[0].grid.shape)
    stacked = values[np.stack(found.labels)].reshape(shape)
    return dict(zip((expert.name for expert in annotations.experts), stacked, strict=True)), found.notes


def show_comparison(viewer: ViewerModel, comparison: Comparison) -> list[Layer]:
    """Place the agreement map and the disagreement map in the viewer."""
    disagreement = Output(
        "image",
        "disagreement",
        "disagreement (entropy of votes, 0 to 1)",
        comparison.disagreement_map,
        {"colormap": "magma", "contrast_limits": (0, 1), "blending": "additive"},
    )
    agreement = _agreement_output(comparison.agreement_map, len(comparison.annotations.experts))
    return [_place(viewer, output, comparison.annotations) for output in (agreement, disagreement)]


def show_estimate(viewer: ViewerModel, result: Estimate) -> tuple[Layer, Layer]:
    """Place the agreement map and the consensus; give the consensus, then the map."""
    agreement = _agreement_output(result.agreement_map, len(result.annotations.experts))
    appearance = {"opacity": 0.5, "colormap": class_colormap(result.classes)}
    consensus = Output("labels", "consensus", "consensus", result.labels, appearance)
    below = _place(viewer, agreement, result.annotations)
    return _place(viewer, consensus, result.annotations), below


def _agreement_output(data: NDArray[np.uint8], experts: int) -> Output:
    return Output(
        "image",
        "agreement",
        f"agreement (experts of {experts})",
        data,
        {"colormap": "viridis", "contrast_limits": (0, experts), "opacity": 0.6, "visible": False},
    )


def _place(viewer: ViewerModel, output: Output, annotations: Annotations) -> Layer:
    return place(viewer, output, annotations.sources, annotations.experts[0].grid.spatial)
