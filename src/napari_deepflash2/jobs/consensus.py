"""From a folder of experts to a folder of ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration
from ..consensus import estimate_consensus_of_images, estimate_object_consensus
from ..data import find_expert_masks, image_id, read_expert_masks, read_expert_objects
from ..errors import InputError, Problem, raise_if_any
from ..files import written_aside
from ..progress import Progress, ProgressCallback, ignore_progress
from ..tables import write_csv
from .folders import claim_output

if TYPE_CHECKING:
    import pandas as pd

    from ..consensus import ObjectConsensus


@dataclass(frozen=True)
class ConsensusReport:
    """What `make_consensus` or `make_object_consensus` did.

    Attributes
    ----------
    out : Path
        Folder with one mask per image and ``experts.csv``.
    masks : dict of str to Path
        The consensus of each image, by the name of the experts' masks.
    experts : DataFrame
        One row per image and expert: image, expert, and that expert's scores.
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
    pooled: bool = False,
    soft: bool = False,
) -> ConsensusReport:
    """Estimate the consensus of every image that the experts of a folder annotated.

    Parameters
    ----------
    experts_dir : path
        Folder with one sub-folder per expert; the masks of one image have the same file name in each.
    out : path
        Where the masks, under the experts' file names with the extension ``.tif`` or ``.png``, and
        ``experts.csv`` (image, expert, dice, sensitivity, specificity) are written.
    config : Configuration, optional
        Its parts ``data`` and ``consensus`` are used.
    progress : ProgressCallback
        Called once an image.
    pooled : bool
        Whether STAPLE estimates one performance of each expert from all images, or one for each image.
    soft : bool
        Whether to write ``soft/ID.tif`` too: the probability of foreground, float32 in [0, 1].

    Raises
    ------
    InputError
        Where a folder or a mask is not as it should be; lists every offending file.
    """
    config = config or Configuration()
    out = claim_output(out, experts_dir)
    read = read_expert_masks(find_expert_masks(experts_dir), config.data)
    settings = config.consensus.model_dump()
    if read.ignore_label is not None:
        settings["ignore_label"] = read.ignore_label
    found = estimate_consensus_of_images(read.masks, pooled=pooled, progress=progress, **settings)
    paths = {name: _write_mask(out / name, consensus.labels) for name, consensus in found.items()}
    if soft:
        for name, consensus in found.items():
            _write_tiff(out / "soft" / f"{image_id(name)}.tif", consensus.soft())
    notes = [note for consensus in found.values() for note in consensus.notes]
    experts = _experts({name: consensus.experts for name, consensus in found.items()}, out)
    return ConsensusReport(out, paths, experts, (*read.notes, *notes))


def make_object_consensus(
    experts_dir: Path | str,
    out: Path | str,
    config: Configuration | None = None,
    progress: ProgressCallback = ignore_progress,
    min_votes: int | None = None,
) -> ConsensusReport:
    """Decide object by object what the experts of a folder agree on; touching objects stay apart.

    Parameters
    ----------
    experts_dir, out, progress
        As for `make_consensus`; masks number single objects, and so does the result.
    config : Configuration, optional
        Its part ``data`` is used.
    min_votes : int, optional
        Experts who must have seen an object; more than half of them when not given.

    Raises
    ------
    InputError
        Where a folder or a mask is not as it should be; lists every offending file.
    """
    config = config or Configuration()
    out = claim_output(out, experts_dir)
    read = read_expert_objects(find_expert_masks(experts_dir), config.data)
    found: dict[str, ObjectConsensus] = {}
    problems: list[Problem] = []
    for done, (name, masks) in enumerate(read.masks.items(), start=1):
        try:
            found[name] = estimate_object_consensus(masks, min_votes)
        except InputError as error:
            problems += [replace(problem, where=f"{name}, {problem.where}") for problem in error.problems]
        progress(Progress("consensus", done, len(read.masks)))
    raise_if_any(problems)
    paths = {name: _write_mask(out / name, consensus.labels) for name, consensus in found.items()}
    notes = [replace(n, where=f"{name}, {n.where}") for name, one in found.items() for n in one.notes]
    experts = _experts({name: consensus.experts for name, consensus in found.items()}, out)
    return ConsensusReport(out, paths, experts, (*read.notes, *notes))


def _write_mask(path: Path, labels: NDArray[np.integer]) -> Path:
    import imageio.v3 as iio

    labels = labels.astype(np.min_scalar_type(int(labels.max(initial=0))), copy=False)
    name = image_id(path)
    if path.suffix.lower() != ".png" or labels.ndim != 2 or labels.itemsize > 2:
        return _write_tiff(path.with_name(f"{name}.tif"), labels)
    path = path.with_name(f"{name}.png")
    with written_aside(path) as aside:
        iio.imwrite(aside, labels, extension=".png")
    return path


def _write_tiff(path: Path, data: NDArray[np.generic]) -> Path:
    import tifffile

    with written_aside(path) as aside:
        tifffile.imwrite(aside, data, compression="zlib", photometric="minisblack")
    return path


def _experts(tables: Mapping[str, pd.DataFrame], out: Path) -> pd.DataFrame:
    import pandas as pd

    by_image = {image_id(name): table.rename_axis("expert") for name, table in tables.items()}
    experts = pd.concat(by_image, names=["image"]).reset_index()
    write_csv(experts, out / "experts.csv")
    return experts
