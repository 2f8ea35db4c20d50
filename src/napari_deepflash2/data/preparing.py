"""From planes as they were read to what is trained on: groups, and blocks where there is one group alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..config import DataConfig, TrainingConfig
from ..errors import Problem
from .blocks import in_blocks
from .folds import held_out_folds
from .groups import Groups, groups_of_images, suggested_groups
from .planes import Plane, judged_planes
from .stratified import notes_of_folds, stratified_folds

if TYPE_CHECKING:
    import pandas as pd


def prepared(
    planes: Sequence[Plane], classes: Sequence[int], config: DataConfig, groups: Groups | None = None
) -> tuple[list[Plane], list[Problem]]:
    """Leave out what nobody judged, group the planes, and cut up a single group.

    Parameters
    ----------
    planes : sequence of Plane
        As read; each in a group of its own.
    classes : sequence of int
        Original value of each class, the background first.
    config : DataConfig
        What planes of one stack are, and the margin between blocks.
    groups : sequence, mapping or path, optional
        Group of each image (not of each plane); see `groups_of_images`.

    Returns
    -------
    list of Plane, list of Problem
        What is trained on, and what the user should know about it.

    Raises
    ------
    InputError
        Where groups do not fit the images, or a single group is too small to be cut.
    """
    grouped = _grouped(planes, config, groups)
    kept, notes = judged_planes(grouped)
    if groups is None:
        notes += suggested_groups(list(dict.fromkeys(plane.source for plane in planes)))
    if len({plane.group for plane in kept}) == 1:
        kept, of_blocks = in_blocks(kept, len(classes), config.block_margin)
        notes += of_blocks
    return kept, [*notes, *_lonely_classes(kept, classes)]


def _lonely_classes(planes: Sequence[Plane], classes: Sequence[int]) -> Iterator[Problem]:
    """Note classes that one group alone has, though several of its images do."""
    for class_, value in enumerate(classes[1:], start=1):
        holders = [plane for plane in planes if (plane.labels == class_).any()]
        groups = {plane.group for plane in holders}
        if len(holders) > 1 and len(groups) == 1:
            what = "foreground" if len(classes) == 2 else f"class {value}"
            yield Problem(
                "groups",
                f"{what} is in one group alone ({groups.pop()}): it cannot be both learned and validated",
                "Annotate it in another group, or leave it out.",
                "rare-class",
                tuple(dict.fromkeys(plane.source for plane in holders)),
            )


def _grouped(planes: Sequence[Plane], config: DataConfig, groups: Groups | None) -> list[Plane]:
    sources = list(dict.fromkeys(plane.source for plane in planes))
    if groups is not None:
        of_source = dict(zip(sources, groups_of_images(sources, groups), strict=True))
        return [replace(plane, group=of_source[plane.source]) for plane in planes]
    if config.stacks == "images":
        return [replace(plane, group=plane.id) for plane in planes]
    return [replace(plane, group=plane.source) for plane in planes]


def split_table(
    planes: Sequence[Plane], classes: Sequence[int], config: TrainingConfig
) -> tuple[pd.DataFrame, list[Problem]]:
    """Tell which image is held out in which fold, and what could not be put into every fold.

    The columns are image, group, fold (empty where it never is).
    """
    import pandas as pd

    labels, groups = [plane.labels for plane in planes], [plane.group for plane in planes]
    folds = stratified_folds(labels, groups, len(classes), config)
    found = held_out_folds(folds, len(planes))
    columns = {"image": [plane.id for plane in planes], "group": groups}
    table = pd.DataFrame(columns | {"fold": pd.array(found, dtype="Int64")})
    return table, list(notes_of_folds(labels, groups, classes, folds))
