"""The command that predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cli_parts import Bars, ConfigFile, Out, setting, show, tell_notes
from .config import Configuration, PredictionConfig
from .errors import InputError

SOME_REFUSED = 3


def predict(
    images: Annotated[
        list[str],
        typer.Option(
            help="Folder of images, OME-Zarr among them; one image, or its address; a list of images (.txt "
            "with a path in each line, .csv with a column image). May be given several times."
        ),
    ],
    ensemble: Annotated[Path, typer.Option(help="Folder of a trained ensemble.")],
    out: Out,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of true masks, for Dice, IoU and average precision.")
    ] = None,
    config: ConfigFile = None,
    epistemic: Annotated[bool, setting(PredictionConfig, "epistemic", "--epistemic")] = False,
    probabilities: Annotated[bool, setting(PredictionConfig, "probabilities", "--probabilities")] = False,
    entropy: Annotated[bool, setting(PredictionConfig, "entropy", "--entropy")] = False,
    objects: Annotated[bool, setting(PredictionConfig, "objects", "--objects")] = False,
    channels: Annotated[
        str,
        typer.Option(
            help="Which channels of the images to take, counted from 0, such as 1,0 for two of them in this "
            "order; those of the settings by default.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Predict images of any size with an ensemble."""
    from .data.channels import parse_channels
    from .data.set_checks import gathered
    from .jobs.predict import predict_folder

    asked = {"epistemic": epistemic, "probabilities": probabilities, "entropy": entropy, "objects": objects}
    settings = _settings(config, ensemble, [name for name, wanted in asked.items() if wanted])
    chosen = parse_channels(channels)
    if chosen is not None:
        settings = settings.replace("data", channels=chosen)
    with Bars() as bars:
        report = predict_folder(images, ensemble, out, masks, settings, bars)
    tell_notes(gathered(report.notes))
    show(report.table.dropna(axis="columns", how="all").set_index("image"), "Predictions")
    typer.echo(f"report.html, labels/, uncertainty/, predictions.csv, predictions.xlsx are in {report.out}")
    if report.refused:
        typer.echo(InputError(report.refused), err=True)
        raise typer.Exit(SOME_REFUSED)


def _settings(config: Path | None, ensemble: Path, maps: list[str]) -> Configuration:
    """Take the settings of a file, else those of the ensemble, and ask for further maps."""
    from .ensemble.manifest import Manifest

    settings = Configuration.of(config) if config else Manifest.load(ensemble).configuration
    return settings.replace("prediction", **dict.fromkeys(maps, True))
