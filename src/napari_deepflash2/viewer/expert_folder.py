"""A folder with one sub-folder for each expert, as one Labels layer for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from numpy.typing import NDArray

from ..config import DataConfig
from ..errors import InputError, Problem, raise_if_any
from ..progress import Progress, ProgressCallback
from .colours import outline_experts
from .grids import Grid, grid_of
from .placing import EXPERT, Output, place

CHANNEL_AXES = {"c", "channel", "channels"}
Masks = Mapping[str, Mapping[str, NDArray[np.integer]]]


@dataclass(frozen=True)
class ExpertsFound:
    """What a folder of experts holds.

    Attributes
    ----------
    folder : pathlib.Path
        The parent folder.
    experts : tuple of str
        In natural order.
    masks : mapping of str to mapping of str to array
        For each image, in natural order, the mask of each expert who has one.
    are_objects : bool
        Whether the values are numbers of single objects, as those of ROI sets are.
    notes : tuple of Problem
        How the files were read.
    """

    folder: Path
    experts: tuple[str, ...]
    masks: Masks
    are_objects: bool
    notes: tuple[Problem, ...]

    def to_open(self, image: Image | None) -> tuple[str, ...]:
        """Tell which images to open: one, or several as a stack; none where the user has to choose.

        A stack needs images of one size, as many as the image layer has planes where one is chosen, and
        holds those that every expert has: a mask that an expert lacks would look like an empty one.
        """
        if len(self.masks) == 1:
            return tuple(self.masks)
        shapes = {mask.shape for of_image in self.masks.values() for mask in of_image.values()}
        whole = tuple(name for name, of_image in self.masks.items() if len(of_image) == len(self.experts))
        if (
            len(shapes) == 1
            and len(whole) > 1
            and (image is None or fits((len(whole), *shapes.pop()), image))
        ):
            return whole
        return () if image is None else self._named_like(image)

    def left_out(self, names: Sequence[str]) -> list[Problem]:
        """Note the images that are not in a stack because an expert has no mask of them."""
        lacking = [name for name in self.masks if name not in names]
        if len(names) < 2 or not lacking:
            return []
        found = f"{len(lacking)} images are not in the stack, as an expert has no mask of them: "
        return [
            Problem(
                str(self.folder),
                found + ", ".join(lacking[:10]),
                "Choose a single image above and open the folder again to see its masks.",
                "not-in-stack",
            )
        ]

    def _named_like(self, image: Image) -> tuple[str, ...]:
        from ..data.folders import image_id, same_name_key

        wanted = {same_name_key(image.name)}
        if isinstance(image.source.path, str):
            wanted.add(same_name_key(image_id(image.source.path)))
        found = [name for name in self.masks if same_name_key(image_id(name)) in wanted]
        return tuple(found[:1])


def read_experts(
    folder: Path, image: Grid | None, config: DataConfig, progress: ProgressCallback
) -> ExpertsFound:
    """Read the masks, or the ImageJ ROI sets, of all experts; a job for a worker.

    Parameters
    ----------
    folder : path
        Holds one sub-folder for each expert.
    image : Grid or None
        Of the image layer: ROI sets have no size of their own.
    config : DataConfig
        What the values of masks mean.
    progress : callable
        Called after each ROI set.

    Raises
    ------
    InputError
        Lists every file that cannot be used; also where there are ROI sets and no image.
    """
    from ..data import find_expert_masks, read_expert_masks

    if sets := _roi_sets(folder):
        return _read_rois(folder, sets, image, progress)
    found = find_expert_masks(folder)
    progress(Progress("reading masks", 1, 2))
    read = read_expert_masks(found, config)
    return ExpertsFound(folder, found.experts, read.masks, False, read.notes)


def show_experts(
    viewer: ViewerModel, found: ExpertsFound, names: Sequence[str], image: Image | None
) -> list[Labels]:
    """Show each expert's masks of these images as a layer of outlines in one colour.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Layers of an earlier look at the same images are updated unless they were painted on.
    found : ExpertsFound
        What was read.
    names : sequence of str
        One image, or several of one size for a stack.
    image : napari.layers.Image or None
        Gives the layers their place in the world where the shapes fit.
    """
    experts = [expert for expert in found.experts if all(expert in found.masks[name] for name in names)]
    layers = [_show(viewer, found, names, expert, image) for expert in experts]
    outline_experts(layers)
    for layer in layers:
        layer.visible = True
    return layers


def fits(shape: Sequence[int], image: Image) -> dict[str, Any] | None:
    """Place in the world of masks of this shape on an image, also behind channels; None where unfit."""
    grids = [grid_of(image, axis) for axis in (None, 0) if axis is None or image.ndim > 2]
    return next((grid.spatial for grid in grids if grid.shape == tuple(shape)), None)


def _show(
    viewer: ViewerModel, found: ExpertsFound, names: Sequence[str], expert: str, image: Image | None
) -> Labels:
    masks = [found.masks[name][expert] for name in names]
    data = masks[0] if len(names) == 1 else np.stack(masks)
    spatial = None if image is None else fits(data.shape, image)
    if spatial is None:
        own = ("z", "y", "x")[-masks[0].ndim :]
        spatial = {"axis_labels": own if len(names) == 1 else ("image", *own)}
    shown = names[0] if len(names) == 1 else ""
    # Hidden until it is outlined: napari takes long to draw a large mask, and would do it twice.
    output = Output("labels", EXPERT, expert, data, {"visible": False})
    return cast(Labels, place(viewer, output, [f"{found.folder.resolve()}|{shown}|{expert}"], spatial))


def _roi_sets(folder: Path) -> dict[str, list[Path]]:
    """ROI sets of each expert; none where a sub-folder holds images, which then are the masks."""
    from ..data.experts import natural_key
    from ..data.folders import IMAGE_EXTENSIONS, sub_folders
    from ..exchange.roi_files import ROI_EXTENSIONS

    sets: dict[str, list[Path]] = {}
    for expert in sorted(sub_folders(folder), key=lambda one: natural_key(one.name)):
        try:
            files = [path for path in expert.iterdir() if not path.name.startswith(".")]
        except OSError:
            # Reading the masks then tells what is wrong with this folder, along with all others.
            return {}
        if any(path.suffix.lower() in IMAGE_EXTENSIONS for path in files):
            return {}
        rois = [path for path in files if path.suffix.lower() in ROI_EXTENSIONS]
        if rois:
            sets[expert.name] = sorted(rois, key=lambda path: natural_key(path.name))
    return sets


def _read_rois(
    folder: Path, sets: Mapping[str, Sequence[Path]], image: Grid | None, progress: ProgressCallback
) -> ExpertsFound:
    from ..data.folders import image_id
    from ..data.pairing import duplicate_names
    from ..exchange import labels_of_rois

    if image is None:
        raise InputError.one(
            folder,
            "holds ImageJ ROI sets, which do not tell the size of their image",
            "Open the image, choose it above, and open the folder again.",
            "rois-need-image",
        )
    raise_if_any(problem for paths in sets.values() for problem in duplicate_names(paths))
    listed = [(expert, path) for expert, paths in sets.items() for path in paths]
    shape = _shape_of_rois(image, len({image_id(path) for _, path in listed}))
    masks: dict[str, dict[str, NDArray[np.integer]]] = {}
    notes: list[Problem] = []
    problems: list[Problem] = []
    for done, (expert, path) in enumerate(listed, start=1):
        try:
            read = labels_of_rois(path, shape)
        except InputError as error:
            problems += error.problems
        else:
            masks.setdefault(image_id(path), {})[expert] = read.labels
            notes += read.notes
        progress(Progress("ROI sets", done, len(listed)))
    raise_if_any(problems)
    return ExpertsFound(folder, tuple(sets), _sorted(masks), True, (*notes, *_missing(masks, tuple(sets))))


def _shape_of_rois(image: Grid, n_images: int) -> tuple[int, ...]:
    if n_images > 1:
        return image.shape[-2:]
    labels = image.spatial["axis_labels"]
    return tuple(
        length for length, label in zip(image.shape, labels, strict=True) if label.lower() not in CHANNEL_AXES
    )


def _sorted(masks: Masks) -> Masks:
    from ..data.experts import natural_key

    return dict(sorted(masks.items(), key=lambda item: natural_key(item[0])))


def _missing(masks: Masks, experts: Sequence[str]) -> list[Problem]:
    return [
        Problem(
            expert,
            f"has no ROI set for {', '.join(lacking[:10])}",
            "Give the sets of one image the same name for all experts.",
            "no-set",
        )
        for expert in experts
        if (lacking := [name for name, of_image in masks.items() if expert not in of_image])
    ]
