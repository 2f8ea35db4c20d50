"""Folders that are written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Problem


def new_folder_problems(out: Path, source: Path) -> list[Problem]:
    """Say what speaks against writing to `out`: it lies inside of `source`, or something is there already."""
    if out.resolve().is_relative_to(source.resolve()):
        found = f"lies inside the folder {source}, which is read"
        return [Problem(str(out), found, "Choose a folder outside of it.", "output-in-input")]
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        return [Problem(str(out), "is there already and not empty", "Choose a new folder.", "output-exists")]
    return []


@contextmanager
def built_aside(out: Path) -> Iterator[Path]:
    """Give a folder beside `out`, which becomes `out` when the block ends without error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".writing-", dir=out.parent))
    built = aside / out.name
    try:
        # `mkdtemp` lets nobody else read its folder; one made in it gets the rights that users set.
        built.mkdir()
        yield built
        if out.exists():
            out.rmdir()
        built.replace(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
