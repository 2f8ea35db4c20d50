"""From a folder of experts to a folder of ground truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration
from ..consensus import Consensus, estimate_consensus
from ..data import find_expert_masks, image_id, read_expert_masks
from ..errors import InputError, Problem
from ..files import written_aside
from ..progress import Progress, ProgressCallback, ignore_progress
from ..tables import write_csv
from .folders import claim_output

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ConsensusReport:
    """What `make_consensus` did.

    Attributes
    ----------
    out : Path
        Folder with one mask per image and ``experts.csv``.
    masks : dict of str to Path
        The consensus of each image, by the name of the experts' masks.
    experts : DataFrame
        One row per image and expert: image, expert, dice, sensitivity, specificity.
    notes : tuple of Problem
        What was read in a way that a user should know of.
    """

    out: Path
    masks: dict[str, Path]
    experts: pd.DataFrame
    notes: tuple[Problem, ...]


def make_consensus(
    experts_dir: Path | str,
    out: Path | str,
    config: Configuration | None = None,
    progress: ProgressCallback = ignore_progress,
) -> ConsensusReport:
    """Estimate the consensus of every image that the experts of a folder annotated.

    Parameters
    ----------
    experts_dir : path
        Folder with one sub-folder per expert; the masks of one image have the same file name in each.
    out : path
        Where the masks, under the experts' file names with the extension ``.tif`` or ``.png``, and
        ``experts.csv`` are written.
    config : Configuration, optional
        Its parts ``data`` and ``consensus`` are used.
    progress : ProgressCallback
        Called once an image.

    Raises
    ------
    InputError
        Where a folder or a mask is not as it should be; lists every offending file.
    """
    config = config or Configuration()
    out = claim_output(out, experts_dir)
    read = read_expert_masks(find_expert_masks(experts_dir), config.data)
    notes = list(read.notes)
    paths, tables = {}, []
    for done, (name, of_image) in enumerate(read.masks.items(), start=1):
        consensus = _estimate(name, of_image, config)
        paths[name] = _write_mask(out / name, consensus.labels)
        tables.append(_table_of(name, consensus))
        notes.extend(_of_image(name, consensus.notes))
        progress(Progress("consensus", done, len(read.masks)))
    experts = _joined(tables)
    write_csv(experts, out / "experts.csv")
    return ConsensusReport(out, paths, experts, tuple(notes))


def _estimate(name: str, masks: dict[str, NDArray[np.integer]], config: Configuration) -> Consensus:
    try:
        return estimate_consensus(masks, **config.consensus.model_dump())
    except InputError as error:
        # The science knows experts, not files: the image is said here.
        raise InputError(_of_image(name, error.problems)) from error


def _of_image(name: str, problems: Iterable[Problem]) -> list[Problem]:
    return [replace(problem, where=f"{name}, {problem.where}") for problem in problems]


def _write_mask(path: Path, labels: NDArray[np.integer]) -> Path:
    import imageio.v3 as iio
    import tifffile

    as_png = path.suffix.lower() == ".png" and labels.ndim == 2 and labels.max(initial=0) < 2**16
    path = path.with_name(f"{image_id(path)}{'.png' if as_png else '.tif'}")
    with written_aside(path) as aside:
        if as_png:
            iio.imwrite(aside, labels, extension=".png")
        else:
            tifffile.imwrite(aside, labels, compression="zlib")
    return path


def _table_of(name: str, consensus: Consensus) -> pd.DataFrame:
    table = consensus.experts.rename_axis("expert").reset_index()
    table.insert(0, "image", image_id(name))
    return table


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(tables, ignore_index=True)
