"""The command that makes a preview network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cli_parts import Bars, ConfigFile, setting
from .config import Configuration, StudentConfig


def distil(
    ensemble: Annotated[Path, typer.Option(help="Folder of a trained ensemble.")],
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of images of the kind that will be looked at, or one image; no masks are needed. "
            "Without it the training images, as far as the ensemble's folder keeps them."
        ),
    ] = None,
    config: ConfigFile = None,
    iterations: Annotated[int | None, setting(StudentConfig, "iterations", "--iterations")] = None,
) -> None:
    """Distil an ensemble into one small network for instant previews."""
    from .ensemble import distil_student
    from .ensemble.manifest import Manifest

    settings = Configuration.of(config) if config else Manifest.load(ensemble).configuration
    if iterations is not None:
        settings = settings.replace("student", iterations=iterations)
    with Bars() as bars:
        student = distil_student(ensemble, images, settings, bars)
    typer.echo(f"The preview network {student.note}.")
    for name, value in student.figures.items():
        typer.echo(f"{name}: {'n/a' if value is None else f'{value:.3f}'}")
    typer.echo(f"It is in {ensemble / 'preview_network'}; predict does not use it.")
