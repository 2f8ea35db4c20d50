"""Images with their masks: pairs of layers, and pairs of folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from ..errors import InputError
from .grids import grid_of, require_same_grid
from .reading import Snapshot, snapshot_image, snapshot_labels

# Planes along these axes show one specimen: splitting them over folds would let training see its own test.
ONE_SPECIMEN_AXES = {"z", "t", "time", "depth", "plane", "slice", "frame"}


@dataclass(frozen=True, eq=False)
class LayerPair:
    """An Image layer and the Labels layer that is its mask.

    Attributes
    ----------
    image, labels : napari layer
        On one grid.
    channel_axis : int or None
        Axis of the image that holds channels.
    one_specimen : bool
        Whether the planes of a stack belong together and stay in one fold.
    """

    image: Image
    labels: Labels
    channel_axis: int | None = None
    one_specimen: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LayerPair) and (self.image, self.labels) == (other.image, other.labels)

    def __hash__(self) -> int:
        return hash((self.image, self.labels))

    def taken(self) -> TakenPair:
        """Copy what both layers hold now."""
        return TakenPair(
            snapshot_image(self.image, self.channel_axis), snapshot_labels(self.labels), self.one_specimen
        )


@dataclass(frozen=True)
class FolderPair:
    """A folder of images and the folder of their masks.

    Attributes
    ----------
    images, masks : pathlib.Path
        The folders.
    count : int
        Pairs found in them.
    """

    images: Path
    masks: Path
    count: int


Pair = LayerPair | FolderPair


@dataclass(frozen=True)
class TakenPair:
    """What the layers of a pair held when training was started."""

    image: Snapshot
    labels: Snapshot
    one_specimen: bool


def pair_selected(
    viewer: ViewerModel, channel_axis: int | None = None, one_specimen: bool | None = None
) -> list[LayerPair]:
    """Pair the selected Image and Labels layers in the order of the layer list.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        As many Image as Labels layers must be selected.
    channel_axis : int, optional
        Axis of the images that holds channels.
    one_specimen : bool, optional
        Whether the planes of a stack stay in one fold; by the name of the first axis when not given.

    Raises
    ------
    InputError
        Names the layers where they cannot be paired without doubt.
    """
    selected = [layer for layer in viewer.layers if layer in viewer.layers.selection]
    images = [layer for layer in selected if isinstance(layer, Image)]
    labels = [layer for layer in selected if isinstance(layer, Labels)]
    if not images or len(images) != len(labels):
        raise InputError.one(
            "selected layers",
            f"{len(images)} Image and {len(labels)} Labels layers are selected",
            "Select as many Labels as Image layers in the layer list (Ctrl+click).",
            "selection-unpaired",
        )
    return [
        make_pair(image, mask, channel_axis, one_specimen) for image, mask in zip(images, labels, strict=True)
    ]


def make_pair(
    image: Image, labels: Labels, channel_axis: int | None = None, one_specimen: bool | None = None
) -> LayerPair:
    """Pair two layers; an `InputError` names both where they do not lie on one grid."""
    require_same_grid([grid_of(image, channel_axis), grid_of(labels)])
    if one_specimen is None:
        one_specimen = is_one_specimen(labels)
    return LayerPair(image, labels, channel_axis, one_specimen)


def pair_folders(images: Path, masks: Path) -> FolderPair:
    """Pair two folders; an `InputError` lists what cannot be paired without doubt."""
    from ..data import pair_images_and_masks

    return FolderPair(images, masks, len(pair_images_and_masks(images, masks)))


def is_one_specimen(layer: Layer) -> bool:
    """Whether the axes of a stack say that its planes belong together."""
    return any(label.lower() in ONE_SPECIMEN_AXES for label in layer.axis_labels[:-2])
