"""Groups of training pairs from a table on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import InputError, Problem, listed
from .pairs import FolderPair, Pair


def with_groups(pairs: Sequence[Pair], path: Path) -> tuple[list[Pair], list[Problem]]:
    """Give each pair the group that a CSV file names.

    Parameters
    ----------
    pairs : sequence of Pair
        Layers are found by the name of the image, files of folders by theirs.
    path : path
        A table with the columns ``image`` and ``group``.

    Returns
    -------
    list of Pair, list of Problem
        The pairs in their order, and the names in the table that are no image here.

    Raises
    ------
    InputError
        Where the file is no such table, or names none of the images.
    """
    from ..data.groups import read_groups

    rows = read_groups(path)
    given = {_key(name): group for name, group in rows}
    known: set[str] = set()
    found = [_grouped(pair, given, known) for pair in pairs]
    if not known:
        raise InputError.one(
            path,
            f"names none of the images here, but {listed([name for name, _ in rows], most=5)}",
            "Call the images in it as the layers or files are called.",
            "unknown-image",
        )
    left = [name for name, _ in rows if _key(name) not in known]
    remedy = "Nothing to do unless these images should be here."
    note = Problem(str(path), f"names images that are not here: {listed(left)}", remedy, "unknown-image")
    return found, [note] if left else []


def _grouped(pair: Pair, given: Mapping[str, str], known: set[str]) -> Pair:
    if isinstance(pair, FolderPair):
        return _folder_grouped(pair, given, known)
    key = _key(pair.image.name)
    if key not in given:
        return pair
    known.add(key)
    return replace(pair, group=given[key])


def _folder_grouped(pair: FolderPair, given: Mapping[str, str], known: set[str]) -> Pair:
    from ..data import image_id, pair_images_and_masks

    ids = [image_id(image) for image, _ in pair_images_and_masks(pair.images, pair.masks)]
    groups = tuple((id_, given[_key(id_)]) for id_ in ids if _key(id_) in given)
    known.update(_key(id_) for id_, _ in groups)
    return replace(pair, groups=groups or pair.groups)


def _key(name: str) -> str:
    from ..data import image_id
    from ..data.folders import IMAGE_EXTENSIONS, same_name_key

    # An ID such as plate1.wellA looks like a file name, but not like that of an image.
    return same_name_key(image_id(name) if Path(name).suffix.lower() in IMAGE_EXTENSIONS else name)
