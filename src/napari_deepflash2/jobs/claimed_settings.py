"""What the results in a folder were made with: those of two settings must not lie in one folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, listed
from ..files import write_text

SETTINGS = ".prediction.json"

Settings = Mapping[str, Any]


def claim_settings(out: Path, settings: Settings) -> None:
    """Keep what results are about to be made with.

    Parameters
    ----------
    out : path
        The output folder.
    settings : mapping
        All that results depend on beside image and mask; goes into JSON.

    Raises
    ------
    InputError
        Where the folder has results of other settings; names what differs. They would be overwritten, and
        those of images that are not predicted now would stay beside the new ones.
    """
    now = json.loads(json.dumps(settings))
    earlier = _read(out / SETTINGS)
    if earlier is not None and earlier != now and _has_results(out):
        raise InputError.one(
            out,
            f"holds results of other settings or models ({listed(list(_differences(earlier, now)))})",
            "Choose another output folder, or delete this one.",
            "other-settings",
        )
    write_text(out / SETTINGS, json.dumps(now, indent=1) + "\n")


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _has_results(out: Path) -> bool:
    patterns = ("labels/[!.]*", ".unfinished/*")
    return any(True for pattern in patterns for _ in out.glob(pattern))


def _differences(earlier: Settings, now: Settings, within: str = "") -> Iterator[str]:
    for name in sorted({*earlier, *now}):
        one, other = earlier.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other, f"{name}.")
        elif one != other:
            short = not isinstance(one, list) and len(f"{one}{other}") < 60
            yield f"{within}{name}: {one}, now {other}" if short else f"{within}{name}"
