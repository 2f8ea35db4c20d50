"""The report of a prediction: one HTML file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Configuration
from ..data.pair_picture import CLASS_COLOURS
from ..ensemble.versions import versions
from ..errors import Problem, printable
from ..files import sha256_of, written_aside
from .predicted import Predicted
from .report_entries import MOST_PICTURES, Facts, expected_in_words, parts_of
from .report_figures import comparable, draw_expected_against_true, expected_against_true, summary
from .report_pictures import Pictures, scale_picture

if TYPE_CHECKING:
    import pandas as pd

    from ..ensemble import Ensemble

REPORT = "report.html"
_TEMPLATE = "report_template.html"


def write_report(
    path: Path,
    found: Sequence[Predicted],
    table: pd.DataFrame,
    refused: Sequence[Problem],
    ensemble: Ensemble,
    config: Configuration,
    pictures: Pictures,
) -> None:
    """Write what was predicted as a page to look at, aside, then rename.

    Pictures are read one after the other while it is written, and each part shows those of its first 60
    images, so that neither memory nor file grow with a folder of ten thousand.

    Parameters
    ----------
    path : path
        The HTML file.
    found : sequence of Predicted
        All images.
    table : DataFrame
        Their rows.
    refused : sequence of Problem
        Images that could not be predicted, and why.
    ensemble : Ensemble
        What predicted.
    config : Configuration
        How.
    pictures : Pictures
        Of the images, in part or all.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    rows = comparable([row for one in found for row in one.rows])
    page = Environment(
        loader=PackageLoader(__package__, ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template(_TEMPLATE)
    content: dict[str, Any] = {
        "title": f"{len(found)} images predicted by {printable(ensemble.folder.resolve().name)}",
        "parts": parts_of(found),
        "most": MOST_PICTURES,
        "counts": _counts(found, table, refused),
        "card": _card(ensemble),
        "notes": [*ensemble.notes, *ensemble.unknown],
        "summary": summary(table),
        "agreement": expected_against_true(rows) if rows else "",
        "scatter": draw_expected_against_true(rows) if rows else "",
        "refused": refused,
        "settings": {**config.prediction.model_dump(mode="json"), **config.data.model_dump(mode="json")},
        "versions": versions(),
        "picture": pictures.address,
        "scale": scale_picture(),
        "colours": _colours(ensemble.classes),
        "expected": expected_in_words,
        "printable": printable,
    }
    with written_aside(path) as aside:
        page.stream(**content).dump(str(aside), encoding="utf-8", errors="backslashreplace")


def _counts(found: Sequence[Predicted], table: pd.DataFrame, refused: Sequence[Problem]) -> Facts:
    codes = [{note.code for note in one.notes} for one in found]
    unlike = sum(any(row["is_ood"] for row in one.rows) for one in found)
    judged = any(row["is_ood"] is not None for one in found for row in one.rows)
    return [
        ("Images", str(len(found))),
        *([("Slices of these", str(len(table)))] if len(table) > len(found) else []),
        ("Unlike the training images", str(unlike) if judged else "not known"),
        ("Nothing predicted, in a slice at least", str(sum("no-foreground" in one for one in codes))),
        ("Could not be predicted", str(len(refused))),
        ("Written", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")),
    ]


def _card(ensemble: Ensemble) -> Facts:
    manifest, dice = ensemble.manifest, ensemble.held_out_dice
    folds = ", ".join(f"{value:.3f}" for value in dice.values())
    card: Facts = [
        ("Models", f"{len(manifest.members)} of {manifest.planned}: {ensemble.config.training.architecture}"),
        ("Classes", ", ".join(map(str, manifest.classes)) + " (the first is background)"),
        ("Channels", str(manifest.channels)),
        ("Trained on", f"{len(manifest.image_hashes)} images"),
        ("Held-out Dice", f"{sum(dice.values()) / len(dice):.3f} (by fold: {folds})"),
    ]
    if ensemble.judge is not None:
        known = ensemble.judge.quality.card
        card += [
            ("Calibration error", f"{known.error_after:.3f}, before calibration {known.error_before:.3f}"),
            ("Quality learned from", f"{known.images} unseen images of {known.groups} groups"),
        ]
    versions_then = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return [
        *card,
        ("Trained with", versions_then),
        ("Training run", manifest.run),
        ("SHA-256 of ensemble.json", sha256_of(ensemble.folder / "ensemble.json")),
    ]


def _colours(classes: Sequence[int]) -> list[tuple[int, str]]:
    """Give the colour of the outlines of each class; nothing to tell apart where there is one."""
    shown = [(value, CLASS_COLOURS[i % len(CLASS_COLOURS)]) for i, value in enumerate(classes[1:])]
    return shown if len(shown) > 1 else []
