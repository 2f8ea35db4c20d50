"""Settings on disk: TOML or YAML, by extension."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import write_text

if TYPE_CHECKING:
    from yaml import MappingNode, SafeLoader

_YAML = {".yaml", ".yml"}
_KINDS = {".toml", *_YAML}
_MOST_BYTES = 2**20


def read_settings(path: Path) -> dict[str, Any]:
    """Read a file of settings into plain values.

    Raises
    ------
    InputError
        Where it is missing, too large, of another kind, or damaged; says where.
    """
    kind = _kind(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is larger than 1 MiB")
        text = path.read_text(encoding="utf-8-sig")
        values = _from_yaml(text) if kind in _YAML else tomllib.loads(text)
    # Both parsers' errors, and those of encodings, are kinds of ValueError.
    except (OSError, ValueError, RecursionError) as error:
        raise InputError.one(
            path,
            f"cannot be read as a {'YAML' if kind in _YAML else 'TOML'} file ({error})",
            "Mend or replace the file.",
            "bad-config",
        ) from error
    return values


def write_settings(path: Path, values: Mapping[str, Any]) -> None:
    """Write what `read_settings` reads back."""
    if _kind(path) in _YAML:
        import yaml

        write_text(path, yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))
    else:
        import tomli_w

        write_text(path, tomli_w.dumps(values))


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise InputError.one(
            path, "is neither a TOML nor a YAML file", "Name it .toml, .yaml or .yml.", "bad-config"
        )
    return kind


def _from_yaml(text: str) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Plain values only, and no name twice."""

    Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
    try:
        values = Loader(text).get_single_data()
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    if values is not None and not isinstance(values, dict):
        raise ValueError("it holds no settings by name")
    return values or {}


def _mapping(loader: SafeLoader, node: MappingNode) -> dict[Any, Any]:
    names = [key.value for key, _ in node.value]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is there twice, in line {node.start_mark.line + 1} or below")
    return loader.construct_mapping(node, deep=True)
