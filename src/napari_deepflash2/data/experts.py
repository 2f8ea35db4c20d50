"""Masks of several experts: one folder for each, the same file name for the masks of one image."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, Problem, raise_if_any
from .folders import Folder, image_id, same_name_key, scan_folder, shown_names, sub_folders
from .pairing import duplicate_names

_log = logging.getLogger(__name__)

# Names of folders that lie beside the experts' in published sets and are none of them.
NOT_EXPERTS = {"images", "image", "raw", "est_gt", "gt", "groundtruth", "ground_truth", "consensus"}


@dataclass(frozen=True)
class ExpertFolder:
    """Which expert has a mask of which image.

    Attributes
    ----------
    experts : tuple of str
        Names of the sub-folders, in natural order: expert2 before expert10.
    masks : dict of str to dict of str to Path
        For each image (file name of its mask at the first expert who has one), the mask of each expert who
        has one.
    notes : tuple of Problem
        Masks that some experts lack, files left out.
    """

    experts: tuple[str, ...]
    masks: dict[str, dict[str, Path]]
    notes: tuple[Problem, ...] = ()


def find_expert_masks(folder: Path | str) -> ExpertFolder:
    """Find the masks of all experts below one parent folder.

    Masks are of one image when their names are equal without the extension; letter case and Unicode normal
    form do not matter. An expert may lack masks, which is noted and logged.

    Parameters
    ----------
    folder : path
        Holds one sub-folder for each expert and nothing else.

    Returns
    -------
    ExpertFolder
        Experts and images in natural order, as napari stacks files.

    Raises
    ------
    InputError
        Where there is no expert, two experts' names differ only in case, spaces or form, a sub-folder is
        named like images or a consensus, an expert has two masks of one name, or a file is not regular.
    """
    folder = Path(folder)
    experts = sorted(sub_folders(folder), key=lambda expert: natural_key(expert.name))
    raise_if_any([*_no_experts(folder, experts), *_same_experts(experts), *_not_experts(experts)])
    listings = _listings(experts)
    masks = _by_image(listings)
    notes = [note for listing in listings.values() for note in listing.notes]
    notes += _missing(masks, list(listings))
    for note in notes:
        _log.info("%s", note)
    return ExpertFolder(tuple(listings), masks, tuple(notes))


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort names by the numbers in them: ``expert2`` before ``expert10``."""
    # The text itself comes last, so that the order of "a1" and "a01" does not depend on the disk.
    parts = [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
    return [*parts, (-1, name)]


def _no_experts(folder: Path, experts: Sequence[Path]) -> list[Problem]:
    if experts:
        return []
    remedy = "Give the folder that holds one sub-folder of masks for each expert."
    return [Problem(str(folder), "has no sub-folder, so no expert", remedy, "no-experts")]


def _same_experts(experts: Sequence[Path]) -> list[Problem]:
    names = defaultdict(list)
    for expert in experts:
        names[" ".join(same_name_key(expert.name).split())].append(expert)
    return [
        Problem(
            str(same[0].parent),
            f"the experts {' and '.join(repr(expert.name) for expert in same)} have the same name but for "
            "letter case, spaces or Unicode form",
            "Rename or merge their folders.",
            "same-expert",
        )
        for same in names.values()
        if len(same) > 1
    ]


def _not_experts(experts: Sequence[Path]) -> list[Problem]:
    return [
        Problem(
            str(expert),
            "lies among the experts' folders but is named like images or a finished consensus",
            "Move it out of the experts' folder; rename it if it is an expert.",
            "not-an-expert",
        )
        for expert in experts
        if same_name_key(expert.name) in NOT_EXPERTS
    ]


def _listings(experts: Sequence[Path]) -> dict[str, Folder]:
    listings: dict[str, Folder] = {}
    problems: list[Problem] = []
    for expert in experts:
        try:
            listings[expert.name] = scan_folder(expert)
        except InputError as error:
            problems += error.problems
        else:
            problems += duplicate_names(listings[expert.name].files)
    raise_if_any(problems)
    return listings


def _by_image(listings: dict[str, Folder]) -> dict[str, dict[str, Path]]:
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for expert, listing in listings.items():
        for path in listing.files:
            found[same_name_key(image_id(path))][expert] = path
    by_name = {next(iter(paths.values())).name: paths for paths in found.values()}
    return dict(sorted(by_name.items(), key=lambda item: natural_key(item[0])))


def _missing(masks: dict[str, dict[str, Path]], experts: list[str]) -> list[Problem]:
    notes = []
    for expert in experts:
        lacking = [Path(image) for image, paths in masks.items() if expert not in paths]
        if lacking:
            found = f"expert {expert} has no mask of {len(lacking)} images: {shown_names(lacking)}"
            notes.append(Problem(expert, found, "Their consensus is made without this expert.", "no-mask"))
    return notes
