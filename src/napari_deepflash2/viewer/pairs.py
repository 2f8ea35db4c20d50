"""Images with their masks: pairs of layers, and pairs of folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from ..errors import InputError, Problem, raise_if_any
from .grids import grid_of, levels_of, require_same_grid
from .pair_names import NameMatch, match_names
from .placing import is_annotation, role_of
from .reading import Snapshot, snapshot_image, snapshot_labels

# Planes along these axes show one specimen: splitting them over folds would let training see its own test.
ONE_SPECIMEN_AXES = {"z", "t", "time", "depth", "plane", "slice", "frame"}
ONE_BY_ONE = "Select one Image and its Labels layer at a time, or name them alike, such as x and x mask."


@dataclass(frozen=True)
class Taking:
    """How the layers of a pair are taken.

    Attributes
    ----------
    channel_axis : int or None
        Axis of the image that holds channels.
    one_specimen : bool or None
        Whether the planes of a stack stay in one fold; None goes by the names of the axes.
    level : int
        Level of a multiscale image, 0 being full resolution.
    """

    channel_axis: int | None = None
    one_specimen: bool | None = None
    level: int = 0


AS_IT_IS = Taking()


@dataclass(frozen=True, eq=False)
class LayerPair:
    """An Image layer and the Labels layer that is its mask.

    Attributes
    ----------
    image, labels : napari layer
        On one grid.
    how : Taking
        Axes and level; whether the planes are one specimen is decided.
    """

    image: Image
    labels: Labels
    how: Taking

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LayerPair) and (self.image, self.labels) == (other.image, other.labels)

    def __hash__(self) -> int:
        return hash((self.image, self.labels))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the mask at its level."""
        return grid_of(self.labels, level=_level_of_mask(self.labels, self.how.level)).shape

    def taken(self) -> TakenPair:
        """Copy what both layers hold now."""
        return TakenPair(
            snapshot_image(self.image, self.how.channel_axis, self.how.level),
            snapshot_labels(self.labels, _level_of_mask(self.labels, self.how.level)),
            bool(self.how.one_specimen),
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


def pair_selected(viewer: ViewerModel, how: Taking = AS_IT_IS) -> list[LayerPair]:
    """Pair the selected Image and Labels layers, several by their names.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        As many Image as Labels layers must be selected.
    how : Taking
        Axes and level.

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
    if len(images) == 1:
        return [make_pair(images[0], labels[0], how)]
    found = match_names([layer.name for layer in images], [layer.name for layer in labels])
    raise_if_any([*found.problems, *_left_over(found, images, labels)])
    return _made(found, images, labels, how)


def pair_by_name(viewer: ViewerModel, how: Taking = AS_IT_IS) -> tuple[list[LayerPair], tuple[Problem, ...]]:
    """Pair all Image layers with the Labels layers that are named after them; results of ours are left out.

    Returns
    -------
    list of LayerPair, tuple of Problem
        The pairs, and the layers that nothing fits.

    Raises
    ------
    InputError
        Where no name fits, or a name fits in more than one way; names the layers.
    """
    images = [layer for layer in viewer.layers if isinstance(layer, Image) and role_of(layer) is None]
    labels = [layer for layer in viewer.layers if isinstance(layer, Labels) and is_annotation(layer)]
    found = match_names([layer.name for layer in images], [layer.name for layer in labels])
    raise_if_any(found.problems)
    left = tuple(_left_over(found, images, labels))
    if not found.pairs:
        raise InputError.one(
            "layers",
            f"none of {len(images)} Image layers has a Labels layer that is named after it",
            ONE_BY_ONE,
            "no-pair-by-name",
        )
    return _made(found, images, labels, how), left


def make_pair(image: Image, labels: Labels, how: Taking = AS_IT_IS) -> LayerPair:
    """Pair two layers; an `InputError` names both where they do not lie on one grid."""
    # Other layers of a set may have fewer levels: the level asked for is that of those that have it.
    level = how.level if levels_of(image) > 1 else 0
    of_image = grid_of(image, how.channel_axis, level)
    require_same_grid([of_image, grid_of(labels, level=_level_of_mask(labels, level))])
    one_specimen = is_one_specimen(labels) if how.one_specimen is None else how.one_specimen
    return LayerPair(image, labels, replace(how, one_specimen=one_specimen, level=level))


def pair_folders(images: Path, masks: Path) -> FolderPair:
    """Pair two folders; an `InputError` lists what cannot be paired without doubt."""
    from ..data import pair_images_and_masks

    return FolderPair(images, masks, len(pair_images_and_masks(images, masks)))


def is_one_specimen(layer: Layer) -> bool:
    """Whether the axes of a stack say that its planes belong together."""
    return any(label.lower() in ONE_SPECIMEN_AXES for label in layer.axis_labels[:-2])


def _level_of_mask(labels: Labels, level: int) -> int:
    # A mask that is one array was drawn on the level itself.
    return level if levels_of(labels) > 1 else 0


def _made(
    found: NameMatch, images: Sequence[Image], labels: Sequence[Labels], how: Taking
) -> list[LayerPair]:
    made: list[LayerPair] = []
    problems: list[Problem] = []
    for number, place in found.pairs:
        try:
            made.append(make_pair(images[number], labels[place], how))
        except InputError as error:
            problems += error.problems
    raise_if_any(problems)
    return made


def _left_over(found: NameMatch, images: Sequence[Image], labels: Sequence[Labels]) -> Iterator[Problem]:
    left = [images[number].name for number in found.left_images], [labels[n].name for n in found.left_masks]
    for kind, other, names in zip(("Image", "Labels"), ("Labels", "Image"), left, strict=True):
        if names:
            shown = ", ".join(f'"{name}"' for name in names)
            yield Problem(
                f"{kind} layers {shown}", f"no {other} layer goes with them by name", ONE_BY_ONE, "unpaired"
            )
