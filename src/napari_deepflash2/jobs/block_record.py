"""Which blocks of an image are predicted and written: a record that outlives any end of the program."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..files import flush_to_disk


@dataclass(frozen=True)
class BlockFigures:
    """Sums over a block, from which those of the whole plane are made.

    Attributes
    ----------
    foreground, pixels : int
        Pixels that are predicted as anything but background, and all.
    of_foreground, of_all : float
        Sum of the uncertainty over these.
    """

    foreground: int
    pixels: int
    of_foreground: float
    of_all: float


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
    blocks : dict of (int, int) to BlockFigures
        By the numbers of plane and block.
    """

    path: Path
    key: str
    planes: dict[int, dict[str, Any]] = field(default_factory=dict)
    blocks: dict[tuple[int, int], BlockFigures] = field(default_factory=dict)

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

    def add_block(self, plane: int, block: int, figures: BlockFigures) -> None:
        """Keep that a block is on the disk."""
        self.blocks[plane, block] = figures
        self._write({"plane": plane, "block": block, "figures": asdict(figures)})

    def done(self, plane: int) -> set[int]:
        """Return the numbers of the blocks of a plane that are on the disk."""
        return {block for of, block in self.blocks if of == plane}

    def score(self, plane: int) -> float:
        """Mean uncertainty over the foreground of a plane; over all of it where there is none."""
        blocks = [figures for (of, _), figures in sorted(self.blocks.items()) if of == plane]
        foreground = sum(figures.foreground for figures in blocks)
        if foreground:
            return sum(figures.of_foreground for figures in blocks) / foreground
        return sum(figures.of_all for figures in blocks) / sum(figures.pixels for figures in blocks)

    def is_empty(self, plane: int) -> bool:
        """Whether a plane has no foreground."""
        return not any(figures.foreground for (of, _), figures in self.blocks.items() if of == plane)

    def _take(self, line: dict[str, Any]) -> None:
        if "block" in line:
            self.blocks[line["plane"], line["block"]] = BlockFigures(**line["figures"])
        else:
            self.planes[line["plane"]] = line["measured"]

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("ab") as stream:
            stream.write(json.dumps(line).encode() + b"\n")
        flush_to_disk(self.path)
