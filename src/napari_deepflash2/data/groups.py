"""Which images belong together: to one animal, one slide, one stack."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import InputError, Problem, listed, raise_if_any
from .csv_table import read_columns
from .folders import image_id, same_name_key

Groups = Sequence[Hashable] | Mapping[str, Hashable] | Path | str
Row = tuple[str, str]

_COLUMNS = ("image", "group")
# A name such as "animal3_01": what comes before the last number, if that is the number of a thing itself.
_NUMBERED = re.compile(r"(?P<group>.*\d)[\s._-]+[a-z]{0,8}\d+", re.IGNORECASE)
_THING = re.compile(
    r"(?P<group>.*(?:animal|mouse|rat|fish|patient|subject|donor|slide|section|slice|brain|well|stack)[\s._-]*"
    r"[a-z0-9]{1,4})[\s._-]+[a-z]{0,8}\d+",
    re.IGNORECASE,
)


def groups_of_images(ids: Sequence[str], groups: Groups) -> list[str]:
    """Bring groups into the order of the images.

    Parameters
    ----------
    ids : sequence of str
        The images.
    groups : sequence, mapping or path
        The group of each image in their order; or by ID; or a CSV file with the columns ``image`` and
        ``group``, where an image may also be called by its file name.

    Returns
    -------
    list of str
        The group of each image.

    Raises
    ------
    InputError
        Lists every image that has no group or two, every name that is no image, and every empty group.
    """
    if isinstance(groups, str | Path):
        return _by_name(ids, read_groups(groups), str(groups))
    if isinstance(groups, Mapping):
        return _by_name(ids, [(str(name), str(group)) for name, group in groups.items()], "groups")
    if len(groups) != len(ids):
        raise InputError.one(
            "groups", f"{len(groups)} groups for {len(ids)} images", "Name one group per image.", "bad-groups"
        )
    return [str(group) for group in groups]


def read_groups(path: Path | str) -> list[Row]:
    """Read a CSV file of groups, separated by comma, semicolon or tab, in UTF-8.

    Other columns than ``image`` and ``group`` are passed over.

    Returns
    -------
    list of (str, str)
        Image and group of each row.

    Raises
    ------
    InputError
        Where the file cannot be read as such a table.
    """
    path = Path(path)
    rows = read_columns(path, _COLUMNS, lambda found: _unreadable(path, found))
    return [(row["image"], row["group"]) for row in rows]


def suggested_groups(ids: Sequence[str]) -> list[Problem]:
    """Note names that look like several images of one animal, slide or the like.

    Only where every name is a numbered thing, then a separator and a number, such as ``animal3_01``, and
    there are at least two things with at least two images each.
    """
    matches = [_THING.fullmatch(id_) or _NUMBERED.fullmatch(id_) for id_ in ids]
    counts = Counter(match["group"] for match in matches if match)
    if len(matches) != counts.total() or len(counts) < 2 or min(counts.values(), default=0) < 2:
        return []
    shown = listed([f"{group} ({count} images)" for group, count in counts.items()], most=5)
    return [
        Problem(
            "images",
            f"the names suggest {len(counts)} groups that were not given: {shown}",
            "Where these are animals, slides or the like, name the group of each image (a CSV file with the "
            "columns image and group), so that no model is tested on an animal that it has seen.",
            "groups-suggested",
        )
    ]


def _unreadable(path: Path, found: str) -> InputError:
    return InputError.one(
        path,
        f"cannot be read as a table of groups: {found}",
        "Save it as CSV (UTF-8) with the columns image and group, one row for each image.",
        "bad-groups",
    )


def _by_name(ids: Sequence[str], rows: Sequence[Row], where: str) -> list[str]:
    known = {same_name_key(id_): id_ for id_ in ids}
    found: dict[str, set[str]] = defaultdict(set)
    unknown = []
    for name, group in rows:
        # By the ID first, since the ID "plate1.wellA" looks like a file name.
        keys = [key for key in (same_name_key(name), same_name_key(image_id(name))) if key in known]
        if keys:
            found[known[keys[0]]].add(group)
        else:
            unknown.append(name)
    raise_if_any(_name_problems(ids, found, unknown, where))
    return [next(iter(found[id_])) for id_ in ids]


def _name_problems(
    ids: Sequence[str], found: Mapping[str, set[str]], unknown: Sequence[str], where: str
) -> Iterator[Problem]:
    missing = [id_ for id_ in ids if id_ not in found]
    if unknown:
        zeros = " A spreadsheet may have dropped leading zeros." if _lost_zeros(missing, unknown) else ""
        remedy = f"Use the images' names without extension.{zeros}"
        yield Problem(where, f"names images that are not there: {listed(unknown)}", remedy, "unknown-image")
    if missing:
        yield Problem(where, f"has no group for {listed(missing)}", "Add a row for each.", "no-group")
    twice = [f"{id_} ({listed(sorted(groups))})" for id_, groups in found.items() if len(groups) > 1]
    if twice:
        yield Problem(where, f"has two groups for {listed(twice)}", "Keep one row for each.", "two-groups")
    empty = [id_ for id_, groups in found.items() if "" in groups]
    if empty:
        yield Problem(where, f"has an empty group for {listed(empty)}", "Name their groups.", "empty-group")


def _lost_zeros(missing: Sequence[str], unknown: Sequence[str]) -> bool:
    return bool({name.lstrip("0") for name in missing} & set(unknown))
