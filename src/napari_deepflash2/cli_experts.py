"""Commands for those who collect annotations: blind kits, and what was drawn elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cli_parts import Bars, Images, Out, show, tell_notes

blind_kit = typer.Typer(help="Have images annotated blind, and read the masks back.", no_args_is_help=True)
import_ = typer.Typer(help="Bring in what was drawn in other programs.", no_args_is_help=True)


@blind_kit.command("make")
def make_kit(
    images: Images,
    out: Out,
    expert: Annotated[list[str], typer.Option(help="Name of an expert; give it once for each.")],
    repeats: Annotated[
        float, typer.Option(help="Images that come twice: a count, or a share of them below 1.")
    ] = 0.1,
    random_state: Annotated[int, typer.Option(help="The same number gives the same kit.")] = 42,
) -> None:
    """Write one package of images per expert: neutral names, an order of their own, some images twice."""
    from .data.blind_kit import make_blind_kit

    with Bars() as bars:
        kit = make_blind_kit(images, out, expert, repeats, random_state, bars)
    typer.echo(f"{len(kit.packages)} packages are in {out}. Keep key.json, and keep it to yourself.")


@blind_kit.command("read")
def read_kit(
    kit: Annotated[Path, typer.Argument(help="Folder of the kit, with key.json.")],
    returned: Annotated[Path, typer.Argument(help="Folder with the packages that came back.")],
    out: Out,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Take what is there and note the rest.")
    ] = False,
) -> None:
    """Check the masks that came back and make a folder of experts of them."""
    from .data.blind_return import read_back

    with Bars() as bars:
        report = read_back(kit, returned, out, allow_missing, progress=bars)
    tell_notes(report.notes)
    if len(report.own_error):
        mean = report.own_error.groupby("expert")[["dice"]].mean()
        show(mean, "Each expert against himself or herself, on the images shown twice")
    typer.echo(f"The experts' masks are in {report.out}")


@import_.command("rois")
def import_rois(
    rois: Annotated[Path, typer.Argument(help="Folder with one sub-folder of ROI sets per expert.")],
    images: Images,
    out: Out,
) -> None:
    """Turn ImageJ's ROI sets (.roi, .zip) into masks of experts."""
    from .exchange import import_expert_rois

    with Bars() as bars:
        done = import_expert_rois(rois, images, out, bars)
    tell_notes(done.notes)
    typer.echo(f"Masks of {len(done.masks)} images are in {done.out}")
