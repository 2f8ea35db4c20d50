"""``history.csv``: how training went."""

from __future__ import annotations

import csv
from pathlib import Path

from ..files import written_aside
from .member import Member

HISTORY = "history.csv"
_COLUMNS = ("fold", "epoch", "iteration", "loss", "val_loss", "val_dice", "lr", "seconds")


def update_history(folder: Path, member: Member) -> None:
    """Replace the rows of one member by what is known of it now."""
    path = folder / HISTORY
    others = [row for row in _read(path) if int(row["fold"]) != member.fold]
    with written_aside(path) as aside, aside.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, _COLUMNS)
        writer.writeheader()
        writer.writerows(sorted([*others, *member.history], key=lambda row: int(row["fold"] or 0)))


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
