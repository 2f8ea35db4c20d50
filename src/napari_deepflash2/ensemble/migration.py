"""Manifests of earlier versions, brought to the present layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def migrated(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bring the contents of an ``ensemble.json`` to the present schema.

    Parameters
    ----------
    values : mapping
        As read; not checked yet, so that what has another form than expected is passed on as it is.
    """
    return _from_1(values) if values.get("schema_version") == 1 else values


def _from_1(values: Mapping[str, Any]) -> dict[str, Any]:
    """Rename mean and standard deviation of a normalisation: schema 2 calls them centre and spread."""
    names = {"mean": "centre", "std": "spread"}
    members = values.get("members")
    if isinstance(members, list):
        members = [_renamed_within(member, "normalisation", names) for member in members]
    return {**values, "schema_version": 2, "members": members}


def _renamed_within(part: Any, key: str, names: Mapping[str, str]) -> Any:
    if not isinstance(part, Mapping) or not isinstance(part.get(key), Mapping):
        return part
    return {**part, key: {names.get(name, name): value for name, value in part[key].items()}}
