"""Checkpoints of a member in training: two on disk, so that one is always whole, and one to go back to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import move, written_aside
from .weights import from_bytes, to_bytes

_FOLDER = "checkpoints"
_DIGEST_BYTES = 32


class Checkpoints:
    """The checkpoints of one fold.

    A file is the SHA-256 of its content followed by the content. The one before the last is kept: a power
    loss can leave a file whole in length and empty in content. So is that of the last validation, to which a
    training goes back when its loss is no number any more.

    Parameters
    ----------
    folder : path
        The ensemble's folder.
    fold : int
        Number of the fold, from 1.
    """

    def __init__(self, folder: Path, fold: int) -> None:
        self._latest = folder / _FOLDER / f"fold-{fold}.checkpoint"
        self._previous = folder / _FOLDER / f"fold-{fold}.previous"
        self._good = folder / _FOLDER / f"fold-{fold}.good"

    def save(self, state: Mapping[str, Any], good: bool = False) -> None:
        """Write a state of tensors and plain values.

        Parameters
        ----------
        state : mapping
            What to keep.
        good : bool
            Whether it is also one to go back to. That file is written first: a training that is resumed
            before this state comes to write it again.
        """
        data = to_bytes(state)
        content = hashlib.sha256(data).digest() + data
        if good:
            with written_aside(self._good) as aside:
                aside.write_bytes(content)
        with written_aside(self._latest) as aside:
            aside.write_bytes(content)
            # Only now that the new one is written; between the two renames the previous one counts.
            if self._latest.exists():
                move(self._latest, self._previous)

    def load(self) -> dict[str, Any] | None:
        """Read the latest whole state; None where there is none."""
        return self._first_whole(self._latest, self._previous)

    def load_good(self) -> dict[str, Any] | None:
        """Read the state to go back to; None where there is none."""
        return self._first_whole(self._good)

    def remove(self) -> None:
        """Delete the files, and the folder with the last of them."""
        for path in (self._latest, self._previous, self._good):
            path.unlink(missing_ok=True)
        if self._latest.parent.is_dir() and not any(self._latest.parent.iterdir()):
            self._latest.parent.rmdir()

    def _first_whole(self, *paths: Path) -> dict[str, Any] | None:
        for path in paths:
            data = path.read_bytes() if path.is_file() else b""
            digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
            if content and hashlib.sha256(content).digest() == digest:
                return from_bytes(content, path)
        return None
