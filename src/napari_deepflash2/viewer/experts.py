"""Comparing experts and estimating the ground truth from their Labels layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from ..config import Configuration
from ..errors import InputError, Problem
from ..progress import Progress, ProgressCallback
from .colours import class_colormap
from .grids import Grid, grid_of, require_same_grid
from .pairs import ONE_SPECIMEN_AXES
from .placing import Output, place
from .reading import Snapshot, snapshot_labels

if TYPE_CHECKING:
    import pandas as pd

    from ..consensus import Agreement


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


@dataclass(frozen=True)
class Comparison:
    """How far the experts agree, and what they see together.

    Attributes
    ----------
    estimate : Estimate
        Their consensus by STAPLE.
    agreement : Agreement
        Its tables of pairs and of leave-one-out are made already.
    disagreement_map : array
        Entropy of the votes in [0, 1].
    notes : tuple of Problem
        How the masks were read, and what is worth knowing about them.
    """

    estimate: Estimate
    agreement: Agreement
    disagreement_map: NDArray[np.float32]
    notes: tuple[Problem, ...]

    @property
    def pairwise_dice(self) -> pd.DataFrame:
        """Expert by expert."""
        return self.agreement.pairwise_dice

    @property
    def leave_one_out(self) -> pd.DataFrame:
        """Each expert against the consensus of the others; the interval only where images allow."""
        return self.agreement.leave_one_out.drop(columns="images").dropna(axis="columns", how="all")


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
    """Measure how far the experts agree, and fuse them by STAPLE; a job for a worker."""
    from ..consensus import disagreement_map, measure_agreement_of_images

    masks, notes = read_masks(annotations, config)
    progress(Progress("consensus", 1, 3))
    # Weights belong to the weighted vote; a comparison shall not fail because STAPLE creeps.
    staple = config.replace("consensus", method="staple", weights=None, require_convergence=False)
    estimated = _estimate(annotations, masks, notes, staple)
    progress(Progress("comparing", 2, 3))
    grid = annotations.experts[0].grid
    first = _image_axes(grid)
    found = measure_agreement_of_images(_by_image(masks, first), pixel_size=grid.spatial["scale"][first:])
    # Tables are made when first asked for: here, and not on the main thread.
    comparison = Comparison(
        estimate=estimated,
        agreement=found,
        disagreement_map=disagreement_map(masks),
        notes=tuple(dict.fromkeys((*estimated.notes, *found.notes))),
    )
    _ = comparison.pairwise_dice, comparison.leave_one_out, found.fleiss_kappa, found.krippendorff_alpha
    progress(Progress("comparing", 3, 3))
    return comparison


def estimate(annotations: Annotations, config: Configuration, progress: ProgressCallback) -> Estimate:
    """Estimate the ground truth; a job for a worker."""
    masks, notes = read_masks(annotations, config)
    progress(Progress("estimating", 1, 2))
    return _estimate(annotations, masks, notes, config)


def export(comparison: Comparison, folder: Path, progress: ProgressCallback) -> list[Path]:
    """Write all tables and figures of a comparison; a job for a worker.

    Raises
    ------
    InputError
        Where the folder cannot be written to.
    """
    from ..consensus import save_agreement

    progress(Progress("tables and figures", 0, 1))
    try:
        return save_agreement(comparison.agreement, folder)
    except OSError as error:
        raise InputError.one(
            error.filename or folder,
            f"cannot be written ({error.strerror})",
            "Close it where it is open in another program, or choose another folder.",
            "folder-not-writable",
        ) from error


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
    """Place the maps of agreement and disagreement and the consensus in the viewer; give all three."""
    disagreement = Output(
        "image",
        "disagreement",
        "disagreement (entropy of votes, 0 to 1)",
        comparison.disagreement_map,
        {"colormap": "magma", "contrast_limits": (0, 1), "blending": "additive"},
    )
    # Below the consensus, whose pixels would else all look disputed.
    below = _place(viewer, disagreement, comparison.estimate.annotations)
    return [below, *show_estimate(viewer, comparison.estimate)]


def show_estimate(viewer: ViewerModel, result: Estimate) -> tuple[Layer, Layer]:
    """Place the agreement map and the consensus; give the consensus, then the map."""
    agreement = _agreement_output(result.agreement_map, len(result.annotations.experts))
    appearance = {"opacity": 0.5, "colormap": class_colormap(result.classes)}
    consensus = Output("labels", "consensus", "consensus", result.labels, appearance)
    below = _place(viewer, agreement, result.annotations)
    return _place(viewer, consensus, result.annotations), below


def image_of(viewer: ViewerModel, annotations: Annotations) -> Image | None:
    """Find the image that the experts annotated, where one was chosen and is still there."""
    sources = set(annotations.sources)
    images = (layer for layer in viewer.layers if isinstance(layer, Image))
    return next((layer for layer in images if str(layer.unique_id) in sources), None)


def _estimate(
    annotations: Annotations,
    masks: Mapping[str, NDArray[np.integer]],
    notes: Sequence[Problem],
    config: Configuration,
) -> Estimate:
    from ..consensus import agreement_map, estimate_consensus

    consensus = estimate_consensus(masks, **config.consensus.model_dump())
    return Estimate(
        annotations=annotations,
        labels=consensus.labels,
        classes=consensus.classes,
        experts=consensus.experts,
        agreement_map=agreement_map(masks),
        notes=(*notes, *consensus.notes),
    )


def _image_axes(grid: Grid) -> int:
    """Count the leading axes along which there are images, and not planes of one specimen."""
    labels = grid.spatial["axis_labels"][:-2]
    return next(
        (axis for axis, label in enumerate(labels) if label.lower() in ONE_SPECIMEN_AXES), len(labels)
    )


def _by_image(
    masks: Mapping[str, NDArray[np.integer]], image_axes: int
) -> dict[str, dict[str, NDArray[np.integer]]]:
    shape = next(iter(masks.values())).shape[:image_axes]
    return {
        f"image {', '.join(map(str, index))}".strip(): {name: mask[index] for name, mask in masks.items()}
        for index in np.ndindex(shape)
    }


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
