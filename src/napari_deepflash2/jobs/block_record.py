"""Which blocks of an image are predicted and written: a record that outlives any end of the program."""

from __future__ import annotations

import functools
import json
import operator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import flush_to_disk
from ..prediction.trait_sums import TraitSums
from .overlap import Overlap

_STORED = np.dtype("<f4")


@dataclass(frozen=True)
class PartFigures:
    """What is known of some blocks, from which the same of the whole plane is made.

    Attributes
    ----------
    blocks : int
        How many.
    sums : TraitSums
        Over their pixels.
    overlap : Overlap or None
        With the true mask; None where there is none.
    """

    blocks: int
    sums: TraitSums
    overlap: Overlap | None = None

    def __add__(self, other: PartFigures) -> PartFigures:
        """Sum over both."""
        overlap = self.overlap + other.overlap if self.overlap and other.overlap else None
        return PartFigures(self.blocks + other.blocks, self.sums + other.sums, overlap)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PartFigures:
        """Take what `dataclasses.asdict` and JSON made of one."""
        overlap = values["overlap"]
        return cls(
            values["blocks"], TraitSums(**_tuples(values["sums"])), overlap and Overlap(**_tuples(overlap))
        )


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
    strips : dict of (int, int) to ndarray of float32, shape (N,)
        Scores of cells, by the numbers of plane and strip; see `Judge.unlikeness`.
    """

    path: Path
    key: str
    planes: dict[int, dict[str, Any]] = field(default_factory=dict)
    parts: dict[tuple[int, int], PartFigures] = field(default_factory=dict)
    strips: dict[tuple[int, int], NDArray[np.float32]] = field(default_factory=dict)

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

    def whole(self, plane: int) -> PartFigures:
        """Sum over all blocks of a plane, in one order whatever that was in which they were predicted."""
        parts = [figures for (of, _), figures in sorted(self.parts.items()) if of == plane]
        return functools.reduce(operator.add, parts)

    def add_strip(self, plane: int, strip: int, cells: NDArray[np.float32]) -> None:
        """Keep the scores of the cells of a strip."""
        self.strips[plane, strip] = cells
        self._write({"plane": plane, "strip": strip, "cells": cells.astype(_STORED).tobytes().hex()})

    def done_strips(self, plane: int) -> set[int]:
        """Return the numbers of the strips of a plane whose scores are known."""
        return {strip for of, strip in self.strips if of == plane}

    def cells(self, plane: int) -> NDArray[np.float32] | None:
        """Scores of all cells of a plane in their order; None where there are none."""
        strips = [self.strips[key] for key in sorted(self.strips) if key[0] == plane]
        return np.concatenate(strips) if strips else None

    def _take(self, line: dict[str, Any]) -> None:
        if "first" in line:
            self.parts[line["plane"], line["first"]] = PartFigures.from_json(line["figures"])
        elif "strip" in line:
            cells = np.frombuffer(bytes.fromhex(line["cells"]), _STORED).astype(np.float32)
            self.strips[line["plane"], line["strip"]] = cells
        else:
            self.planes[line["plane"]] = line["measured"]

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("ab") as stream:
            stream.write(json.dumps(line).encode() + b"\n")
        flush_to_disk(self.path)


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
