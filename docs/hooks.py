"""Pages of the reference that are made from the code, so that the two cannot disagree."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping

from pydantic import BaseModel
from typer.main import get_command

from napari_deepflash2.cli import app
from napari_deepflash2.config import PRESETS, Configuration


def on_page_markdown(markdown: str, **_: object) -> str:
    """Fill the places that pages leave for generated text."""
    if "{{ configuration }}" in markdown:
        markdown = markdown.replace("{{ configuration }}", _configuration(Configuration, ""))
    if "{{ presets }}" in markdown:
        markdown = markdown.replace("{{ presets }}", _presets())
    if "{{ commands }}" in markdown:
        markdown = markdown.replace("{{ commands }}", _commands())
    return markdown


def _configuration(section: type[BaseModel], path: str) -> str:
    rows, below = [], []
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            below.append(_configuration(kind, f"{path}.{name}".lstrip(".")))
            continue
        limits = ", ".join(str(limit) for limit in field.metadata)
        rows.append(
            f"| `{name}` | {_type_name(kind)} | `{field.default!r}` | {limits} | {field.description} |"
        )
    head = f"## `[{path}]`\n\n{section.__doc__}\n\n| setting | type | default | limits | |\n"
    head += "|---|---|---|---|---|\n"
    return "\n\n".join([head + "\n".join(rows)] * bool(rows) + below)


def _presets() -> str:
    rows = [
        f"| {name} | {preset.purpose} | {', '.join(_values(preset.settings)) or 'the defaults'} |"
        for name, preset in PRESETS.items()
    ]
    return "\n".join(["| preset | | settings |", "|---|---|---|", *rows])


def _values(settings: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    for section, values in settings.items():
        yield from (f"`{section}.{name} = {value!r}`" for name, value in values.items())


def _type_name(kind: object) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(kind))
    return getattr(kind, "__name__", str(kind)).replace("|", "or")


def _commands() -> str:
    return "\n\n".join(_of_group(get_command(app), ""))


def _of_group(group: object, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _of_group(command, f"{path}{name} ")
        else:
            yield _of_command(f"{path}{name}", command)


def _of_command(name: str, command: object) -> str:
    rows = [f"| `{' '.join(option.opts)}` | {option.help or ''} |" for option in command.params]
    return f"## `{name}`\n\n{command.help}\n\n| option | |\n|---|---|\n" + "\n".join(rows)
