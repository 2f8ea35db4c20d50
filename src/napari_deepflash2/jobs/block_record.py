"""Which blocks of an image are predicted and written: a record that outlives any end of the program."""

from __future__ import annotations

import functools
import json
import operator
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

from ..files import flush_to_disk


@dataclass(frozen=True)
class PartFigures:
    """Sums over some blocks, from which those of the whole plane are made.

    Attributes
    ----------
    blocks : int
        How many.
    foreground, pixels : int
        Pixels that are predicted as anything but background, and all.
    of_foreground, of_all : float
        Sum of the uncertainty over these.
    """

    blocks: int
    foreground: int
    pixels: int
    of_foreground: float
    of_all: float

    def __add__(self, other: PartFigures) -> PartFigures:
        """Sum over both."""
        return PartFigures(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass
class BlockRecord:
    """A file of lines that are only ever added; what a line says has happened.

    Attributes
    ----------
    path : path
        The file; its folder is there.
    key : str
        Of all that the result depends on; a file with another key counts as empty.
    planes : dict of int to dict
        What was measured of each plane, by its number.
    parts : dict of (int, int) to PartFigures
        By the numbers of plane and first block.
    """

    path: Path
    key: str
    planes: dict[int, dict[str, Any]] = field(default_factory=dict)
    parts: dict[tuple[int, int], PartFigures] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, key: str) -> BlockRecord | None:
        """Read a record and make it ready to be added to; None where there is none with this key."""
        record = cls(path, key)
        if not path.is_file():
            return None
        data = path.read_bytes()
        # A line that was being written when the program was killed has no end, and did not happen.
        whole = data[: data.rfind(b"\n") + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        if not lines or lines[0] != {"key": key}:
            return None
        if len(whole) < len(data):
            with path.open("r+b") as stream:
                stream.truncate(len(whole))
        for line in lines[1:]:
            record._take(line)
        return record

    @classmethod
    def new(cls, path: Path, key: str) -> BlockRecord:
        """Begin a record."""
        path.unlink(missing_ok=True)
        record = cls(path, key)
        record._write({"key": key})
        flush_to_disk(path.parent)
        return record

    def add_plane(self, plane: int, measured: dict[str, Any]) -> None:
        """Keep what was measured of a plane."""
        self.planes[plane] = measured
        self._write({"plane": plane, "measured": measured})

    def add_part(self, plane: int, first: int, figures: PartFigures) -> None:
        """Keep that blocks, from the one with the number `first` on, are on the disk."""
        self.parts[plane, first] = figures
        self._write({"plane": plane, "first": first, "figures": asdict(figures)})

    def done(self, plane: int) -> set[int]:
        """Return the numbers of the blocks of a plane that are on the disk."""
        parts = [(first, figures.blocks) for (of, first), figures in self.parts.items() if of == plane]
        return {block for first, blocks in parts for block in range(first, first + blocks)}

    def score(self, plane: int) -> float:
        """Mean uncertainty over the foreground of a plane; over all of it where there is none."""
        parts = [figures for (of, _), figures in sorted(self.parts.items()) if of == plane]
        whole = functools.reduce(operator.add, parts)
        return whole.of_foreground / whole.foreground if whole.foreground else whole.of_all / whole.pixels

    def is_empty(self, plane: int) -> bool:
        """Whether a plane has no foreground."""
        return not any(figures.foreground for (of, _), figures in self.parts.items() if of == plane)

    def _take(self, line: dict[str, Any]) -> None:
        if "first" in line:
            self.parts[line["plane"], line["first"]] = PartFigures(**line["figures"])
        else:
            self.planes[line["plane"]] = line["measured"]

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("ab") as stream:
            stream.write(json.dumps(line).encode() + b"\n")
        flush_to_disk(self.path)
