"""Settings that are unknown or out of their range, in words."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..errors import Problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def problem_of(error: ErrorDetails, settings: type[BaseModel], where: str) -> Problem:
    """Say which setting is wrong, and what to do.

    Parameters
    ----------
    error : dict
        One of the errors of a `pydantic.ValidationError`.
    settings : type
        The model that refused the values.
    where : str
        Where the values come from.
    """
    path = error["loc"]
    place = f"{where}, {'.'.join(str(part) for part in path)}"
    if error["type"] == "extra_forbidden":
        return Problem(place, "there is no such setting", _nearest(path, settings), "unknown-setting")
    found = f"{error['msg']} (found {reprlib.repr(error['input'])})"
    return Problem(place, found, "Correct this setting.", "bad-setting")


def _nearest(path: Sequence[str | int], settings: type[BaseModel]) -> str:
    known = _known(settings, "")
    own, section = str(path[-1]), ".".join(str(part) for part in path[:-1])
    beside = [name for name, parent in known if parent == section]
    near = difflib.get_close_matches(own, beside, n=1)
    if near:
        return f"Did you mean {near[0]}?"
    elsewhere = [parent for name, parent in known if name == own]
    if elsewhere:
        return f"It belongs in {' or '.join(elsewhere)}." if all(elsewhere) else "It belongs at the top."
    return f"Remove it; there are {', '.join(sorted(beside))}."


def _known(settings: type[BaseModel], parent: str) -> list[tuple[str, str]]:
    """All settings by name and section, such as ``("zoom", "training.augmentation")``."""
    known = []
    fields: Mapping[str, Any] = settings.model_fields
    for name, field in fields.items():
        known.append((name, parent))
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            known += _known(field.annotation, f"{parent}.{name}".lstrip("."))
    return known
