"""The command line: one sub-command per job; parses, calls, prints."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from .cli_experts import blind_kit, import_
from .cli_learning_rate import find_learning_rate
from .cli_networks import download_weights, networks
from .cli_parts import (
    Bars,
    ConfigFile,
    Experts,
    ExpertsFolder,
    Groups,
    Images,
    Masks,
    Out,
    PresetName,
    setting,
    settings_of,
    show,
    tell_notes,
)
from .cli_predict import predict
from .cli_review import review
from .cli_student import distil
from .config import Configuration, ConsensusConfig, TrainingConfig
from .errors import InputError
from .progress import Cancelled

USAGE, STOPPED = 2, 130

app = typer.Typer(
    name="napari-deepflash2",
    help="Trustworthy segmentation of ambiguous microscopy images: consensus of experts, ensembles, "
    "uncertainty.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.add_typer(blind_kit, name="blind-kit")
app.add_typer(import_, name="import")


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

    with Bars() as bars:
        report = run_demo(out, bars)
    typer.echo(report.text)
    if view:
        from .viewer.demo import open_demo

        open_demo(report.folders)


@app.command()
def consensus(
    experts: ExpertsFolder,
    out: Out,
    method: Annotated[str | None, setting(ConsensusConfig, "method", "--method")] = None,
    undecided: Annotated[int | None, setting(ConsensusConfig, "undecided_label", "--undecided")] = None,
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

    settings = settings_of(config, "consensus", method=method, undecided_label=undecided)
    with Bars() as bars:
        if objects:
            report = make_object_consensus(experts, out, settings, bars)
        else:
            report = make_consensus(experts, out, settings, bars, pooled, soft)
    tell_notes(report.notes)
    means = report.experts.drop(columns="image").groupby("expert", sort=False).mean()
    show(means, "Experts against the consensus (mean over images)")
    typer.echo(f"{len(report.masks)} masks and experts.csv are in {report.out}")


@app.command()
def agreement(
    experts: ExpertsFolder,
    out: Out,
    pixel_size: Annotated[
        tuple[float, float] | None, typer.Option(help="Height and width of a pixel, for distances.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Measure how far several experts agree: tables and figures."""
    from .consensus import kappa_in_words
    from .jobs.agreement import report_agreement

    with Bars() as bars:
        found = report_agreement(experts, out, Configuration.of(config), pixel_size, bars)
    tell_notes(found.notes)
    show(found.pairwise_dice, "Dice of every two experts")
    show(found.leave_one_out, "Each expert against the consensus of the others")
    for name, value in (
        ("Fleiss' kappa", found.fleiss_kappa),
        ("Krippendorff's alpha", found.krippendorff_alpha),
    ):
        typer.echo(f"{name}: {'n/a' if value is None else f'{value:.3f}'} ({kappa_in_words(value)})")
    typer.echo(f"Tables and figures are in {out}")


@app.command()
def check(
    images: Images,
    masks: Masks = None,
    experts: Experts = None,
    groups: Groups = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write tables and pictures to.")] = None,
    config: ConfigFile = None,
) -> None:
    """Check images and masks, or the masks of several experts, before training on them."""
    from .jobs.check import check_folders

    report = check_folders(images, masks, out, Configuration.of(config), groups, experts)
    tell_notes(report.notes)
    show(report.table.drop(columns=["findings", "what_to_do"]), f"{len(report.pairs)} pairs")
    show(report.classes, "Classes", index=False)
    show(report.split, "Fold in which each image is held out", index=False)
    if out is not None:
        typer.echo(f"check.csv, classes.csv, split.csv and the pictures of the pairs are in {out}")


@app.command()
def train(
    images: Images,
    out: Out,
    masks: Masks = None,
    experts: Experts = None,
    config: ConfigFile = None,
    preset: PresetName = None,
    iterations: Annotated[int | None, setting(TrainingConfig, "iterations", "--iterations")] = None,
    models: Annotated[int | None, setting(TrainingConfig, "models", "--models")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the output folder.")
    ] = False,
    groups: Groups = None,
) -> None:
    """Train an ensemble by cross-validation, from masks or from the masks of several experts."""
    from .ensemble import RunFolder, train_ensemble

    settings = settings_of(config, "training", preset, iterations=iterations, models=models)
    with Bars() as bars:
        ensemble = train_ensemble(
            images,
            masks,
            out,
            settings,
            bars,
            resume,
            experts=experts,
            groups=groups,
            tell=lambda takes: typer.echo(takes.text),
        )
    *_, start = (event for event in RunFolder(out).events() if event["kind"] == "start")
    tell_notes([*start["notes"], *ensemble.notes])
    for fold, value in ensemble.held_out_dice.items():
        typer.echo(f"fold {fold}: held-out Dice {value:.3f}")
    typer.echo(f"{len(ensemble.members)} models are in {out}")


app.command()(predict)
app.command("find-learning-rate")(find_learning_rate)
app.command()(networks)
app.command("download-weights")(download_weights)
app.command()(review)
app.command()(distil)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process.

    The exit status is 0 when done, 2 for input that a user can mend (said on stderr, one line for each
    problem), 3 where some images were refused so and the others are done, 130 when stopped, and 1 for a bug,
    which shows its traceback.
    """
    # Threads that wait by spinning take the processor from each other, and from a viewer beside them: on a
    # busy machine a training took five times as long. Has to be set before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        app(arguments)
    except InputError as error:
        typer.echo(error, err=True)
        sys.exit(USAGE)
    except Cancelled:
        typer.echo("Stopped. What was finished is kept.", err=True)
        sys.exit(STOPPED)
