"""From an ensemble's folder to the tables and figures of its review."""

from __future__ import annotations

from pathlib import Path

from ..consensus.report import save_figure
from ..ensemble.device import choose_device
from ..ensemble.manifest import Manifest
from ..ensemble.quality_making import with_quality
from ..ensemble.review import Review, load_review
from ..ensemble.review_experts import add_experts
from ..ensemble.review_figures import draw_against_experts, draw_hesitation, draw_reliability


def review_ensemble(folder: Path | str, experts_dir: Path | str | None = None) -> Review:
    """Write the tables and figures of an ensemble's review into its folder.

    Parameters
    ----------
    folder : path
        The ensemble's. The tables are written as during training, the figures as PNG and SVG; so is
        ``quality.json`` where it is missing, damaged or out of date, and all models are trained.
    experts_dir : path, optional
        Masks of several experts who annotated the training images; see `add_experts`.

    Raises
    ------
    InputError
        As `load_review` and `add_experts`.
    """
    review = load_review(folder) if experts_dir is None else add_experts(folder, experts_dir)
    review.save_tables()
    _remake_quality(review.folder)
    figures = {"reliability": draw_reliability(review.reliabilities)}
    if review.against_experts is not None:
        figures["against_experts"] = draw_against_experts(review.against_experts)
    if review.hesitation is not None:
        figures["hesitation"] = draw_hesitation(review.hesitation)
    for name, figure in figures.items():
        for suffix in (".png", ".svg"):
            save_figure(figure, review.folder / f"{name}{suffix}")
    return review


def _remake_quality(folder: Path) -> None:
    manifest = Manifest.load(folder)
    if manifest.is_complete:
        made = with_quality(folder, manifest, choose_device())
        if made is not manifest:
            made.save(folder)
