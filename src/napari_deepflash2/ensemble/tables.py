"""``history.csv`` and ``out_of_fold.csv``: how training went, and how good it is on images never seen."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..files import written_aside
from .member import Member

HISTORY, OUT_OF_FOLD = "history.csv", "out_of_fold.csv"
_HISTORY_COLUMNS = ("fold", "epoch", "iteration", "loss", "val_loss", "val_dice", "lr", "seconds")
_OUT_OF_FOLD_COLUMNS = ("image", "fold", "dice")


class Tables:
    """The tables of one ensemble's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def update(self, member: Member) -> None:
        """Replace the rows of one member by what is known of it now."""
        self._replace(HISTORY, _HISTORY_COLUMNS, member.fold, member.history)
        self._replace(OUT_OF_FOLD, _OUT_OF_FOLD_COLUMNS, member.fold, _out_of_fold(member))

    def _replace(
        self, name: str, columns: Sequence[str], fold: int, rows: Iterable[Mapping[str, Any]]
    ) -> None:
        others = [row for row in self._read(name) if int(row["fold"]) != fold]
        with (
            written_aside(self._folder / name) as aside,
            aside.open("w", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(sorted([*others, *rows], key=lambda row: int(row["fold"])))

    def _read(self, name: str) -> list[dict[str, str]]:
        path = self._folder / name
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))


def _out_of_fold(member: Member) -> list[dict[str, Any]]:
    if member.best is None:
        return []
    return [
        {"image": member.data.ids[i], "fold": member.fold, "dice": dice}
        for i, dice in zip(member.split[1], member.best.validation.dice, strict=True)
    ]
