"""The command line: one sub-command per job; parses, calls, prints."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .config import Configuration, ConsensusConfig, Section, TrainingConfig
from .errors import InputError, Problem
from .progress import Cancelled, Progress

if TYPE_CHECKING:
    import pandas as pd
    from tqdm import tqdm

USAGE, STOPPED = 2, 130

app = typer.Typer(
    name="napari-deepflash2",
    help="Trustworthy segmentation of ambiguous microscopy images: consensus of experts, ensembles, "
    "uncertainty.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _setting(section: type[Section], field: str, *names: str) -> Any:
    return typer.Option(*names, help=section.model_fields[field].description, show_default=False)


Images = Annotated[Path, typer.Option(help="Folder of images; the name without extension is the ID.")]
Masks = Annotated[Path, typer.Option(help="Folder of masks, named ID plus one suffix for all.")]
Out = Annotated[Path, typer.Option(help="Folder to write to.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done.")] = False,
) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(levelname)s %(message)s")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("deepflash2-demo"),
    view: Annotated[bool, typer.Option("--view", help="Open napari with the result as layers.")] = False,
) -> None:
    """Run the whole work on sample data: consensus, ensemble, prediction."""
    from .jobs.demo import run_demo

    with _Bars() as bars:
        report = run_demo(out, bars)
    typer.echo(report.text)
    if view:
        from .viewer.demo import open_demo

        open_demo(report.folders)


@app.command()
def consensus(
    experts: Annotated[Path, typer.Argument(help="Folder with one sub-folder of masks per expert.")],
    out: Out,
    method: Annotated[str | None, _setting(ConsensusConfig, "method", "--method")] = None,
    undecided: Annotated[int | None, _setting(ConsensusConfig, "undecided_label", "--undecided")] = None,
    objects: Annotated[
        bool, typer.Option("--objects", help="Masks number single objects: decide on each object by itself.")
    ] = False,
    pooled: Annotated[
        bool, typer.Option("--pooled", help="STAPLE: one performance of each expert over all images.")
    ] = False,
    soft: Annotated[
        bool, typer.Option("--soft", help="Write the probability of foreground too, as soft/ID.tif.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Estimate the ground truth from the masks of several experts."""
    from .jobs.consensus import make_consensus, make_object_consensus

    settings = _settings(config, "consensus", method=method, undecided_label=undecided)
    with _Bars() as bars:
        if objects:
            report = make_object_consensus(experts, out, settings, bars)
        else:
            report = make_consensus(experts, out, settings, bars, pooled, soft)
    _tell_notes(report.notes)
    means = report.experts.drop(columns="image").groupby("expert", sort=False).mean()
    _show(means, "Experts against the consensus (mean over images)")
    typer.echo(f"{len(report.masks)} masks and experts.csv are in {report.out}")


@app.command()
def agreement(
    experts: Annotated[Path, typer.Argument(help="Folder with one sub-folder of masks per expert.")],
    out: Out,
    pixel_size: Annotated[
        tuple[float, float] | None, typer.Option(help="Height and width of a pixel, for distances.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Measure how far several experts agree: tables and figures."""
    from .consensus import kappa_in_words
    from .jobs.agreement import report_agreement

    with _Bars() as bars:
        found = report_agreement(experts, out, Configuration.of(config), pixel_size, bars)
    _tell_notes(found.notes)
    _show(found.pairwise_dice, "Dice of every two experts")
    _show(found.leave_one_out, "Each expert against the consensus of the others")
    for name, value in (
        ("Fleiss' kappa", found.fleiss_kappa),
        ("Krippendorff's alpha", found.krippendorff_alpha),
    ):
        typer.echo(f"{name}: {'n/a' if value is None else f'{value:.3f}'} ({kappa_in_words(value)})")
    typer.echo(f"Tables and figures are in {out}")


@app.command()
def check(images: Images, masks: Masks, config: ConfigFile = None) -> None:
    """Check images and masks before training on them."""
    from .data import check_data

    report = check_data(images, masks, Configuration.of(config).data)
    _tell_notes(report.notes)
    _show(report.table, f"{len(report.pairs)} pairs")


@app.command()
def train(
    images: Images,
    masks: Masks,
    out: Out,
    config: ConfigFile = None,
    iterations: Annotated[int | None, _setting(TrainingConfig, "iterations", "--iterations")] = None,
    models: Annotated[int | None, _setting(TrainingConfig, "models", "--models")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the output folder.")
    ] = False,
) -> None:
    """Train an ensemble by cross-validation."""
    from .ensemble import RunFolder, train_ensemble

    settings = _settings(config, "training", iterations=iterations, models=models)
    with _Bars() as bars:
        ensemble = train_ensemble(images, masks, out, settings, bars, resume=resume)
    *_, start = (event for event in RunFolder(out).events() if event["kind"] == "start")
    _tell_notes([*start["notes"], *ensemble.notes])
    for fold, value in ensemble.held_out_dice.items():
        typer.echo(f"fold {fold}: held-out Dice {value:.3f}")
    typer.echo(f"{len(ensemble.members)} models are in {out}")


@app.command()
def predict(
    images: Images,
    ensemble: Annotated[Path, typer.Option(help="Folder of a trained ensemble.")],
    out: Out,
    masks: Annotated[Path | None, typer.Option(help="Folder of true masks, for the Dice.")] = None,
    config: ConfigFile = None,
) -> None:
    """Predict a folder of images with an ensemble."""
    from .jobs.predict import predict_folder

    settings = Configuration.of(config) if config else None
    with _Bars() as bars:
        report = predict_folder(images, ensemble, out, masks, settings, bars)
    _tell_notes(report.notes)
    _show(report.table.dropna(axis="columns", how="all").set_index("image"), "Predictions")
    typer.echo(f"labels/, uncertainty/ and predictions.csv are in {report.out}")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process.

    The exit status is 0 when done, 2 for input that a user can mend (said on stderr, one line for each
    problem), 130 when stopped, and 1 for a bug, which shows its traceback.
    """
    try:
        app(arguments)
    except InputError as error:
        typer.echo(error, err=True)
        sys.exit(USAGE)
    except Cancelled:
        typer.echo("Stopped. What was finished is kept.", err=True)
        sys.exit(STOPPED)


def _settings(config: Path | None, section: str, **options: Any) -> Configuration:
    given = {name: value for name, value in options.items() if value is not None}
    return Configuration.of(config).replace(section, **given)


def _tell_notes(notes: Iterable[Problem | str]) -> None:
    for note in notes:
        typer.echo(f"Note: {note}", err=True)


def _show(table: pd.DataFrame, title: str) -> None:
    typer.echo(f"{title}\n{table.to_string(float_format='{:.3f}'.format, na_rep='n/a')}")


class _Bars:
    """Progress bars on stderr, one for each task, each on its own line."""

    def __init__(self) -> None:
        self._bars: dict[str, tqdm[Any]] = {}

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *error: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def __call__(self, progress: Progress) -> None:
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
