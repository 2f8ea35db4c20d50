"""From a folder of images and one of masks to tables and pictures of what training would read."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration
from ..data import DataCheck, check_data
from ..data.check import check_of
from ..data.groups import Groups
from ..data.pair_picture import fullest_plane, pair_picture
from ..ensemble.expert_planes import examine_experts
from ..ensemble.training_set import not_one_source
from ..files import written_aside
from ..tables import write_csv
from .folders import claim_output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_folders", "contact_sheet", "pair_picture", "pair_titles", "pictures_of"]

PAIRS_PER_PAGE = 30
_COLUMNS = 5
_LONGEST = 320


def check_folders(
    images_dir: Path | str,
    masks_dir: Path | str | None = None,
    out: Path | str | None = None,
    config: Configuration | None = None,
    groups: Groups | None = None,
    experts_dir: Path | str | None = None,
) -> DataCheck:
    """Check images with masks, or with those of several experts, and write down what was found.

    Parameters
    ----------
    images_dir, masks_dir : path
        Paired as for training.
    out : path, optional
        ``check.csv`` (a row for each pair), ``classes.csv``, ``split.csv`` (image, group, fold) and
        ``pairs.png`` (each pair with its outlines and the number of findings; ``pairs-1.png`` and so on for
        more than 30) are written here.
    config : Configuration, optional
        Its parts ``data``, ``consensus`` and ``training`` are used.
    groups : sequence, mapping or path, optional
        The group of each image.
    experts_dir : path, optional
        In place of `masks_dir`: one sub-folder of masks for each expert.

    Returns
    -------
    DataCheck
        Of experts, labels and what is counted in them are those of the consensus, ``mask`` is the file of the
        first one, and a column ``experts`` tells how many there are.

    Raises
    ------
    InputError
        Where anything cannot be trained on; lists every problem of every file.
    """
    config = config or Configuration()
    folder = None if out is None else claim_output(out, images_dir, masks_dir, experts_dir)
    if masks_dir is not None and experts_dir is None:
        found = check_data(images_dir, masks_dir, config.data, config.training, groups)
    elif experts_dir is not None and masks_dir is None:
        found = _check_experts(images_dir, experts_dir, config, groups)
    else:
        raise not_one_source(masks_dir)
    if folder is not None:
        tables = {"check": found.table, "classes": found.classes, "split": found.split}
        for name, table in tables.items():
            write_csv(table, folder / f"{name}.csv")
        _write_sheets(pictures_of(found), pair_titles(found), folder)
    return found


def _check_experts(
    images_dir: Path | str, experts_dir: Path | str, config: Configuration, groups: Groups | None
) -> DataCheck:
    examined, fused = examine_experts(images_dir, experts_dir, config)
    found = check_of(examined, config.data, config.training, groups)
    table = found.table.copy()
    table.insert(3, "experts", [len(fused.votes[pair.id].names) for pair in examined.pairs])
    return replace(found, table=table)


def pictures_of(check: DataCheck, longest: int = _LONGEST) -> list[NDArray[np.uint8]]:
    """Draw each pair with its outlines, RGB (Y, X, 3), at most `longest` pixels on a side.

    Of a stack the plane with most foreground is shown.
    """
    pictures = []
    for image, labels in zip(check.images, check.labels, strict=True):
        place = fullest_plane(labels)
        pictures.append(pair_picture(image[place], labels[place], longest))
    return pictures


def pair_titles(check: DataCheck) -> list[str]:
    """Name each pair by its ID and the number of its findings."""
    return [
        f"{id_} ({count} finding{'s' * (count > 1)})" if count else str(id_)
        for id_, count in zip(check.table["id"], check.table["n_findings"], strict=True)
    ]


def contact_sheet(pictures: Sequence[NDArray[np.uint8]], titles: Sequence[str]) -> Figure:
    """Lay out pictures in rows of five, each with its title.

    Parameters
    ----------
    pictures : sequence of ndarray of uint8, each (Y, X, 3)
        At least one.
    titles : sequence of str
        One for each, shown as it is; long ones are cut.
    """
    from matplotlib.figure import Figure

    rows = -(-len(pictures) // _COLUMNS)
    figure = Figure(figsize=(2.4 * _COLUMNS, 2.7 * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
        axes.set_anchor("N")
    for axes, picture, title in zip(grid, pictures, titles, strict=False):
        axes.imshow(picture)
        axes.set_title(_short(title), fontsize=8, parse_math=False)
    return figure


def _write_sheets(pictures: Sequence[NDArray[np.uint8]], titles: Sequence[str], folder: Path) -> None:
    starts = range(0, len(pictures), PAIRS_PER_PAGE)
    for page, start in enumerate(starts, start=1):
        part = slice(start, start + PAIRS_PER_PAGE)
        name = "pairs.png" if len(starts) == 1 else f"pairs-{page}.png"
        figure = contact_sheet(pictures[part], titles[part])
        with warnings.catch_warnings(), written_aside(folder / name) as aside:
            # Names in letters that matplotlib's font lacks are shown as boxes.
            warnings.filterwarnings("ignore", "Glyph", UserWarning)
            figure.savefig(aside, dpi=100)


def _short(title: str, most: int = 36) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in title)
    return shown if len(shown) <= most else f"{shown[: most // 2]}…{shown[-most // 2 + 1 :]}"
