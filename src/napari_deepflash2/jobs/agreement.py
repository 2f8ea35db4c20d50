"""From a folder of experts to tables and figures of how far they agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..config import Configuration
from ..consensus import Agreement, measure_agreement_of_images, save_agreement
from ..data import find_expert_masks, read_expert_masks
from ..progress import ProgressCallback, ignore_progress
from .folders import claim_output


def report_agreement(
    experts_dir: Path | str,
    out: Path | str,
    config: Configuration | None = None,
    pixel_size: Sequence[float] | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Agreement:
    """Measure the agreement of the experts of a folder and write it as tables and figures.

    Parameters
    ----------
    experts_dir : path
        Folder with one sub-folder per expert, as for `make_consensus`.
    out : path
        Tables are written as CSV and as the sheets of ``agreement.xlsx``, figures as PNG and SVG.
    config : Configuration, optional
        Its part ``data`` is used, and the ignore label of its part ``consensus`` where ``data`` has none.
    pixel_size : sequence of float, optional
        Size of a pixel along each axis, for surface distances; in pixels when not given.
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
    ignore = config.consensus.ignore_label if read.ignore_label is None else read.ignore_label
    agreement = measure_agreement_of_images(
        read.masks, ignore_label=ignore, pixel_size=pixel_size, progress=progress
    )
    save_agreement(agreement, out)
    return agreement
