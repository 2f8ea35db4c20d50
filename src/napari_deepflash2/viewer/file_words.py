"""Messages about files that were written of layers, in words about the layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import Problem
from .pairs import FolderPair, TakenPair
from .reading import Snapshot
from .training_data import MASK_SUFFIX, Taken, expert_folders, file_name, row_of_file


class FileWords:
    """Knows which layer each file was written of.

    Parameters
    ----------
    taken : sequence of TakenPair and FolderPair
        The pairs, in the order in which they were written.
    folder : path
        Where `training_data.data_on_disk` wrote them.
    """

    def __init__(self, taken: Sequence[Taken], folder: Path) -> None:
        self._taken = taken
        self._folder = str(folder)
        # Names of files written of layers hold nothing but these characters; copies of files may.
        self._file = re.compile(rf"(?:{re.escape(self._folder)}[^\s,;:()]*?)?\b(\d{{4,}}_[\w.-]+\.tif)\b")

    def told(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """Say the same of the layers."""
        return tuple(
            replace(problem, where=self._in_words(problem.where), found=self._in_words(problem.found))
            for problem in problems
        )

    def by_row(self, problems: Sequence[Problem]) -> tuple[tuple[str, ...], ...]:
        """Give what was found in each pair."""
        found: list[list[str]] = [[] for _ in self._taken]
        for problem in problems:
            for row in sorted(set(self._rows(" ".join((problem.where, problem.found, *problem.names))))):
                found[row].append(self._in_words(problem.found))
        return tuple(tuple(texts) for texts in found)

    def image(self, id_: str) -> str:
        """Name an image by its layer, and what follows: the plane or block of it."""
        row = row_of_file(id_)
        if row is None or row >= len(self._taken):
            return id_
        pair = self._taken[row]
        if isinstance(pair, FolderPair):
            # The files of a single folder have kept their names.
            return id_.partition("_")[2] if len(self._taken) > 1 else id_
        return f"{pair.image.name}{id_.removeprefix(file_name(row, pair))}"

    def _rows(self, text: str) -> Iterator[int]:
        if len(self._taken) == 1:
            yield 0
            return
        for found in re.finditer(r"\b\d{4,}_", text):
            row = row_of_file(found[0])
            if row is not None and row < len(self._taken):
                yield row

    def _in_words(self, text: str) -> str:
        return self._file.sub(self._layer, text).replace(self._folder, "")

    def _layer(self, found: re.Match[str]) -> str:
        row = row_of_file(found[1])
        if row is None or row >= len(self._taken):
            return found[0]
        pair = self._taken[row]
        if isinstance(pair, FolderPair):
            return f"{found[1].partition('_')[2]} (row {row + 1})"
        layer = _layer_of(pair, found)
        return f'layer "{layer.name}"{_plane(pair, found[1])} (row {row + 1})'


def _layer_of(pair: TakenPair, found: re.Match[str]) -> Snapshot:
    if found[1].endswith(MASK_SUFFIX):
        return pair.masks[0]
    by_folder = dict(zip(expert_folders(pair), pair.masks, strict=True)) if len(pair.masks) > 1 else {}
    return by_folder.get(Path(found[0]).parent.name, pair.image)


def _plane(pair: TakenPair, file: str) -> str:
    axes = 0 if pair.one_specimen else len(pair.image.grid.shape) - 2
    found = re.search(rf"((?:-\d{{3,}}){{{axes}}})(?:_mask)?\.tif$", file)
    return f" plane {found[1].strip('-')}" if axes and found else ""
