"""Pairing images with their masks by name: one suffix for the whole folder, or a refusal."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, Problem, raise_if_any
from .folders import image_id, same_name_key, scan_folder, shown_names

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pairing:
    """Images with their masks.

    Attributes
    ----------
    pairs : tuple of (Path, Path)
        Image and mask, sorted by ID.
    suffix : str
        What follows the ID in the masks' names, before the extension.
    notes : tuple of Problem
        Files left over or left out.
    """

    pairs: tuple[tuple[Path, Path], ...]
    suffix: str
    notes: tuple[Problem, ...]


def pair_images_and_masks(images_dir: Path | str, masks_dir: Path | str) -> list[tuple[Path, Path]]:
    """Pair every image of a folder with its mask.

    The ID of an image is its file name without the extension. The name of its mask is the ID, then a suffix
    that is the same for the whole folder (such as ``_mask``, or nothing), then any image extension. Case
    and Unicode normal form do not matter. Masks that belong to no image are logged.

    Parameters
    ----------
    images_dir, masks_dir : path
        Two different folders; sub-folders are not searched.

    Returns
    -------
    list of (Path, Path)
        Image and mask, sorted by ID.

    Raises
    ------
    InputError
        Where an image has no mask or more than one, two images have one ID, more than one suffix fits, or a
        folder is not usable; lists all files concerned.
    """
    pairing = find_pairs(images_dir, masks_dir)
    for note in pairing.notes:
        _log.warning("%s", note)
    return list(pairing.pairs)


def find_pairs(images_dir: Path | str, masks_dir: Path | str) -> Pairing:
    """Pair as `pair_images_and_masks` does, and give the notes back."""
    images_dir, masks_dir = Path(images_dir), Path(masks_dir)
    listings = []
    problems: list[Problem] = []
    for folder in (images_dir, masks_dir):
        try:
            listings.append(scan_folder(folder))
        except InputError as error:
            problems += error.problems
    raise_if_any(problems)
    if images_dir.samefile(masks_dir):
        raise InputError.one(
            images_dir, "is given for images and masks alike", "Put them into two folders.", "same-folder"
        )
    images, masks = listings
    pairing = pair_names(images.files, masks.files)
    return Pairing(pairing.pairs, pairing.suffix, (*images.notes, *masks.notes, *pairing.notes))


def pair_names(images: Sequence[Path], masks: Sequence[Path]) -> Pairing:
    """Pair files by their names alone; rules and errors of `pair_images_and_masks`."""
    by_id = _unique_ids(images)
    by_stem = _by_key(masks)
    suffix = _suffix(by_id, by_stem, images, masks)
    found = {key: by_stem.get(key + suffix, []) for key in by_id}
    raise_if_any(_pair_problems(by_id, found, suffix))
    pairs = sorted(
        ((by_id[key], paths[0]) for key, paths in found.items()),
        key=lambda pair: image_id(pair[0]),
    )
    used = {mask for _, mask in pairs}
    return Pairing(tuple(pairs), suffix, tuple(_left_over([mask for mask in masks if mask not in used])))


def duplicate_names(paths: Iterable[Path]) -> list[Problem]:
    """Refuse files that have one name once their extensions are taken off."""
    return [
        Problem(
            str(paths[0].parent),
            f"{shown_names(paths)} have the same name without extension"
            + (" (letter case and Unicode form aside)" if _differ_in_form(paths) else ""),
            "Keep or rename one.",
            "same-name",
        )
        for paths in _by_key(paths).values()
        if len(paths) > 1
    ]


def _differ_in_form(paths: Sequence[Path]) -> bool:
    return len({path.stem for path in paths}) > 1


def _by_key(paths: Iterable[Path]) -> dict[str, list[Path]]:
    found = defaultdict(list)
    for path in paths:
        found[same_name_key(image_id(path))].append(path)
    return dict(found)


def _unique_ids(images: Sequence[Path]) -> dict[str, Path]:
    raise_if_any(duplicate_names(images))
    return {key: paths[0] for key, paths in _by_key(images).items()}


def _suffix(
    by_id: Mapping[str, Path],
    by_stem: Mapping[str, list[Path]],
    images: Sequence[Path],
    masks: Sequence[Path],
) -> str:
    counts = _suffix_counts(by_id, by_stem)
    if not counts:
        raise InputError(_nothing_fits(images, masks))
    most = max(counts.values())
    best = sorted(suffix for suffix, count in counts.items() if count == most)
    if len(best) > 1:
        raise InputError.one(
            masks[0].parent,
            f"more than one kind of mask fits {most} of {len(images)} images: "
            + "; ".join(_example(suffix, by_id, by_stem) for suffix in best[:5]),
            "Keep one mask for each image, all with the same ending.",
            "ambiguous-suffix",
        )
    return best[0]


def _suffix_counts(by_id: Mapping[str, Path], by_stem: Mapping[str, list[Path]]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for stem in by_stem:
        for end in range(1, len(stem) + 1):
            # `10_mask` is image 10, never image 1 with the suffix `0_mask`.
            inside_number = stem[end - 1].isdigit() and stem[end : end + 1].isdigit()
            if stem[:end] in by_id and not inside_number:
                counts[stem[end:]] += 1
    return counts


def _example(suffix: str, by_id: Mapping[str, Path], by_stem: Mapping[str, list[Path]]) -> str:
    shown = [paths[0] for key in sorted(by_id) for paths in [by_stem.get(key + suffix)] if paths]
    return f"{suffix!r} ({shown_names(shown, most=3)})"


def _nothing_fits(images: Sequence[Path], masks: Sequence[Path]) -> list[Problem]:
    return [
        Problem(
            str(images[0].parent),
            f"none of the {len(images)} images has a mask: images {shown_names(list(images), most=5)}, "
            f"masks {shown_names(list(masks), most=5)}",
            "Name each mask like its image, with the same ending for all, such as 0001.tif and "
            "0001_mask.png.",
            "unpaired-image",
        )
    ]


def _pair_problems(
    by_id: Mapping[str, Path], found: Mapping[str, list[Path]], suffix: str
) -> Iterable[Problem]:
    for key, masks in found.items():
        image = by_id[key]
        if not masks:
            yield Problem(
                str(image),
                f"has no mask (expected {image_id(image)}{suffix} with the extension of an image)",
                "Add the mask, or take the image out of the folder.",
                "unpaired-image",
            )
        if len(masks) > 1:
            yield Problem(
                str(image), f"has more than one mask: {shown_names(masks)}", "Keep one.", "several-masks"
            )


def _left_over(masks: list[Path]) -> Iterable[Problem]:
    if masks:
        yield Problem(
            str(masks[0].parent),
            f"{len(masks)} masks belong to no image: {shown_names(masks)}",
            "Nothing to do unless their images are missing.",
            "unpaired-mask",
        )
