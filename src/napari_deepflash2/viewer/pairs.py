"""Images with their masks: pairs of layers, and pairs of folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from ..errors import InputError, Problem, raise_if_any
from .grids import grid_of, levels_of, require_same_grid
from .pair_names import NameMatch, match_names, own_words
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
    """An Image layer and the Labels layer that is its mask, or those of several experts.

    Attributes
    ----------
    image : napari.layers.Image
    masks : tuple of napari.layers.Labels
        One mask, or one of each expert, all on the grid of the image.
    how : Taking
        Axes and level; whether the planes are one specimen is decided.
    group : str
        What the image belongs to, such as an animal; empty where it stands for itself.
    """

    image: Image
    masks: tuple[Labels, ...]
    how: Taking
    group: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LayerPair) and (self.image, self.masks) == (other.image, other.masks)

    def __hash__(self) -> int:
        return hash((self.image, self.masks))

    @property
    def has_experts(self) -> bool:
        """Whether there is a mask of each of several experts."""
        return len(self.masks) > 1

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All its layers."""
        return (self.image, *self.masks)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the mask at its level."""
        return grid_of(self.masks[0], level=_level_of_mask(self.masks[0], self.how.level)).shape

    def taken(self) -> TakenPair:
        """Copy what all layers hold now."""
        return TakenPair(
            snapshot_image(self.image, self.how.channel_axis, self.how.level),
            tuple(snapshot_labels(mask, _level_of_mask(mask, self.how.level)) for mask in self.masks),
            bool(self.how.one_specimen),
            self.group,
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
    group : str
        What all of them belong to; empty where each stands for itself, or `groups` tells.
    groups : tuple of (str, str)
        Image and group of each, where a file told.
    """

    images: Path
    masks: Path
    count: int
    group: str = field(default="", compare=False)
    groups: tuple[tuple[str, str], ...] = field(default=(), compare=False)


Pair = LayerPair | FolderPair


@dataclass(frozen=True)
class TakenPair:
    """What the layers of a pair held when training was started."""

    image: Snapshot
    masks: tuple[Snapshot, ...]
    one_specimen: bool
    group: str


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


def pair_with_experts(image: Image, masks: Sequence[Labels], how: Taking = AS_IT_IS) -> LayerPair:
    """Take the masks of several experts of one image; those that lie on another grid are left out.

    Raises
    ------
    InputError
        Where fewer than two are left, or two would be the same expert.
    """
    fitting = [mask for mask in masks if _fits(image, mask, how)]
    if len(fitting) < 2:
        raise InputError.one(
            f'Image layer "{image.name}"',
            f"{len(fitting)} of {len(masks)} ticked experts' layers lie on its grid",
            "Tick the Labels layers of at least two experts in Compare annotations, or open their folder.",
            "too-few-experts",
        )
    names = expert_names(image.name, [mask.name for mask in fitting])
    same = [mask.name for mask, name in zip(fitting, names, strict=True) if names.count(name) > 1]
    if same:
        shown = ", ".join(f'"{name}"' for name in same)
        raise InputError.one(
            f"layers {shown}", "have names of one expert", "Name each after its expert.", "same-expert"
        )
    return make_pair(image, fitting, how)


def expert_names(image: str, masks: Sequence[str]) -> list[str]:
    """Name experts by what the names of their layers say beyond that of the image."""
    return [own_words(image, mask) for mask in masks]


def make_pair(image: Image, masks: Labels | Sequence[Labels], how: Taking = AS_IT_IS) -> LayerPair:
    """Pair layers; an `InputError` names those that do not lie on one grid."""
    drawn = (masks,) if isinstance(masks, Labels) else tuple(masks)
    # Other layers of a set may have fewer levels: the level asked for is that of those that have it.
    level = how.level if levels_of(image) > 1 else 0
    of_image = grid_of(image, how.channel_axis, level)
    require_same_grid([of_image, *(grid_of(mask, level=_level_of_mask(mask, level)) for mask in drawn)])
    one_specimen = is_one_specimen(drawn[0]) if how.one_specimen is None else how.one_specimen
    return LayerPair(image, drawn, replace(how, one_specimen=one_specimen, level=level))


def pair_folders(images: Path, masks: Path) -> FolderPair:
    """Pair two folders; an `InputError` lists what cannot be paired without doubt."""
    from ..data import pair_images_and_masks

    return FolderPair(images, masks, len(pair_images_and_masks(images, masks)))


def is_one_specimen(layer: Layer) -> bool:
    """Whether the axes of a stack say that its planes belong together."""
    return any(label.lower() in ONE_SPECIMEN_AXES for label in layer.axis_labels[:-2])


def _fits(image: Image, mask: Labels, how: Taking) -> bool:
    try:
        make_pair(image, mask, how)
    except InputError:
        return False
    return True


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
