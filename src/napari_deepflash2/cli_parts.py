"""What the commands share: options, settings, tables, notes and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cli_signals import StopSignals
from .config import PRESETS, Configuration, Section
from .errors import Problem
from .progress import Progress
from .told_progress import tell_progress

if TYPE_CHECKING:
    import pandas as pd
    from tqdm import tqdm


def setting(section: type[Section], field: str, *names: str) -> Any:
    """Make the option of a setting, with the help that the setting has."""
    return typer.Option(*names, help=section.model_fields[field].description, show_default=False)


Images = Annotated[Path, typer.Option(help="Folder of images; the name without extension is the ID.")]
Masks = Annotated[
    Path | None, typer.Option("--masks", help="Folder of masks, named ID plus one suffix for all.")
]
Experts = Annotated[
    Path | None,
    typer.Option(
        "--experts",
        help="Folder with one sub-folder of masks per expert, in place of --masks; training.target says what "
        "is learned from them.",
    ),
]
Groups = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        help="CSV file with the columns image and group (animal, slide, ...): no model is tested on a group "
        "that it has seen.",
    ),
]
Out = Annotated[Path, typer.Option(help="Folder to write to.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML or YAML file with settings.")]
PresetName = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help=" ".join(f"{name!r}: {preset.purpose}" for name, preset in PRESETS.items()),
        show_default=False,
    ),
]
ExpertsFolder = Annotated[Path, typer.Argument(help="Folder with one sub-folder of masks per expert.")]


def settings_of(
    config: Path | None, section: str, preset: str | None = None, **options: Any
) -> Configuration:
    """Read the file of settings, and put a preset and the options given on the command line over it."""
    given = {name: value for name, value in options.items() if value is not None}
    settings = Configuration.of(config)
    if preset is not None:
        settings = settings.with_preset(preset)
    return settings.replace(section, **given)


def tell_notes(notes: Iterable[Problem | str]) -> None:
    """Print notes on stderr, a line each."""
    for note in notes:
        typer.echo(f"Note: {note}", err=True)


def show(table: pd.DataFrame, title: str, index: bool = True) -> None:
    """Print a table with three decimals; what is not known is n/a."""
    # pandas writes its own sign for a missing value of its own types, whatever else is asked for.
    plain = table.astype(object).where(table.notna(), float("nan"))
    text = plain.to_string(float_format="{:.3f}".format, na_rep="n/a", index=index)
    typer.echo(f"{title}\n{text}")


class Bars:
    """Progress bars on stderr, one for each task, each on its own line; the job stops at a signal.

    A viewer that has started the command is told too, by `tell_progress`.
    """

    def __init__(self) -> None:
        self._bars: dict[str, tqdm[Any]] = {}
        self._signals = StopSignals()

    def __enter__(self) -> Bars:
        self._signals.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._signals.__exit__(*error)
        for bar in self._bars.values():
            bar.close()

    def __call__(self, progress: Progress) -> None:
        """Draw how far a task has come; raise `Cancelled` where a signal asked for the end."""
        self._signals.check()
        tell_progress(progress)
        bar = self._bars.get(progress.task) or self._open(progress)
        if progress.done < bar.n:
            bar.reset()
        bar.total = progress.total
        bar.set_postfix({name: f"{value:.3g}" for name, value in progress.values.items()}, refresh=False)
        bar.update(progress.done - bar.n)

    def _open(self, progress: Progress) -> tqdm[Any]:
        from tqdm import tqdm

        bar = tqdm(desc=progress.task, total=progress.total, file=sys.stderr, position=len(self._bars))
        self._bars[progress.task] = bar
        return bar
