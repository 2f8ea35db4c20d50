"""What the report says of single images, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import Problem, printable
from .predicted import Predicted, Row

Facts = list[tuple[str, str]]

# The pictures of an image take some 150 kB: three parts of so many make a file of some 30 MB.
MOST_PICTURES = 60

_SCORES = {"dice": "Dice", "iou": "IoU", "ap_50": "AP at 0.5", "ap": "mean AP"}


@dataclass(frozen=True)
class Entry:
    """An image in the report.

    Attributes
    ----------
    id : str
        Its name in the results.
    row : dict
        Of the table: its worst plane.
    planes : int
        How many it has.
    objects : int
        How many were found, where they were looked for.
    notes : tuple of Problem
        What a user should know about it.
    """

    id: str
    row: Row
    planes: int
    objects: int
    notes: tuple[Problem, ...]

    @classmethod
    def of(cls, predicted: Predicted) -> Entry:
        """Take the worst of its planes, which is the one that pictures are drawn of."""
        row = worst(predicted.rows)
        notes = tuple(dict.fromkeys(predicted.notes))
        return cls(row["image"], row, len(predicted.rows), len(predicted.objects), notes)

    @property
    def name(self) -> str:
        """Its ID, fit to be shown."""
        return printable(self.id)

    @property
    def facts(self) -> Facts:
        """What is known of it, as terms and words."""
        return [
            *([("Slice", f"{self.row['slice']}, the worst of {self.planes}")] if self.planes > 1 else []),
            ("Dice to expect", expected_in_words(self.row)),
            ("Uncertainty", f"{self.row['score']:.3f}, mean over what is predicted"),
            ("Likeness", _likeness(self.row)),
            *([("Objects", str(self.objects))] if self.objects else []),
            *((title, _number(self.row[name])) for name, title in _SCORES.items() if name in self.row),
        ]

    @property
    def by_class(self) -> list[list[str]]:
        """Rows of a table of the scores of each class, its names first; empty where there is one class."""
        values = [name.removeprefix("dice_") for name in self.row if name.startswith("dice_")]
        if not values:
            return []
        rows = [[_number(self.row.get(f"{name}_{value}")) for name in _SCORES] for value in values]
        head = ["class", *_SCORES.values()]
        return [head, *([value, *row] for value, row in zip(values, rows, strict=True))]


@dataclass(frozen=True)
class Part:
    """A section of the report.

    Attributes
    ----------
    title, words : str
        What it is about.
    entries : sequence of Entry
        Worst first; the first `MOST_PICTURES` are shown with pictures.
    """

    title: str
    words: str
    entries: Sequence[Entry]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.entries)

    @property
    def pictured(self) -> Sequence[Entry]:
        """Those with pictures."""
        return self.entries[:MOST_PICTURES]

    @property
    def listed(self) -> Sequence[Entry]:
        """Those in words alone."""
        return self.entries[MOST_PICTURES:]


def worst(rows: Sequence[Row]) -> Row:
    """Find the row of a table that a user should look at first."""
    return min(rows, key=_order)


def parts_of(found: Iterable[Predicted]) -> list[Part]:
    """Divide images into those unlike the training images, those of known quality, and the others."""
    entries = sorted(map(Entry.of, found), key=lambda entry: (*_order(entry.row), entry.id))
    parts = [
        Part(
            "Unlike the training images",
            "Networks can be sure and wrong on what they have never seen, so no Dice is expected of these. "
            "The most unlike come first.",
            [entry for entry in entries if entry.row["is_ood"]],
        ),
        Part(
            "By expected Dice, the worst first",
            "Expected from how the models did on images that they had not seen in training.",
            [entry for entry in entries if _order(entry.row)[0] == 1],
        ),
        Part(
            "Quality not known",
            "The ensemble does not know enough to expect a Dice (its notes say why). "
            "The most uncertain come first.",
            [entry for entry in entries if _order(entry.row)[0] == 2],
        ),
    ]
    return [part for part in parts if part.entries]


def expected_in_words(row: Row) -> str:
    """Say what Dice to expect."""
    if row["is_ood"]:
        return "not known: the image is unlike the training images"
    if row["expected_dice"] is None:
        return "not known"
    if row.get("expected_dice_low") is None:
        return f"{row['expected_dice']:.2f}, too few training images for an interval"
    interval = f"{row['expected_dice_low']:.2f} to {row['expected_dice_high']:.2f}"
    return f"{row['expected_dice']:.2f}, {interval} for about nine images in ten"


def _order(row: Row) -> tuple[int, float]:
    if row["is_ood"]:
        return 0, -row["ood_score"]
    if row["expected_dice"] is not None:
        return 1, row["expected_dice"]
    return 2, -row["score"]


def _likeness(row: Row) -> str:
    score = row["ood_score"]
    if score is None:
        return "not known"
    if row["is_ood"]:
        return f"unlike the training images, {score:.2f} beyond the limit"
    return f"like the training images, {-score:.2f} within the limit"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
