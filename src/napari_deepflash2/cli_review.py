"""The command that reviews a training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .cli_parts import show, tell_notes

if TYPE_CHECKING:
    import pandas as pd

    from .ensemble import Review

_MOST_REGIONS = 10


def review(
    ensemble: Annotated[Path, typer.Option(help="Folder of a trained ensemble.")],
    experts: Annotated[
        Path | None,
        typer.Option(
            help="Folder with one sub-folder of masks per expert, to place the model among those who "
            "annotated its training images."
        ),
    ] = None,
) -> None:
    """Show what an ensemble says of its training images, each by the model that never saw it."""
    from .jobs.review import review_ensemble
    from .prediction import hesitation_in_words

    found = review_ensemble(ensemble, experts)
    tell_notes(found.notes)
    show(found.images.set_index("image"), "Training images, each by the model that never saw it")
    show(_means(found), "Means over the images")
    show(_errors(found), "Expected calibration error")
    if len(found.label_check):
        title = f"Where model and mask contradict most ({len(found.label_check)} regions in label_check.csv)"
        show(found.label_check.head(_MOST_REGIONS).set_index("image"), title)
    if found.against_experts is not None:
        table = found.against_experts.rename(columns=lambda name: name.removeprefix("expert "))
        show(table.set_index("image"), "Model against experts, Dice")
        typer.echo(_place(found.against_experts))
    if found.hesitation is not None:
        typer.echo(hesitation_in_words(found.hesitation.auroc))
    typer.echo(f"Tables and figures are in {ensemble}")


def _means(review: Review) -> pd.DataFrame:
    figures = review.images.drop(columns=["image", "fold", "group"])
    return figures.mean().to_frame("mean").T


def _errors(review: Review) -> pd.DataFrame:
    import pandas as pd

    from .ensemble.review_figures import reliability_title

    errors = {
        reliability_title(name): one.expected_calibration_error for name, one in review.reliabilities.items()
    }
    return pd.DataFrame({"error": errors})


def _place(table: pd.DataFrame) -> str:
    counts = [f"{(table['place'] == place).sum()} {place}" for place in ("below", "within", "above")]
    return (
        f"Of {len(table)} images the model is {counts[0]}, {counts[1]} and {counts[2]} the range of the "
        f"experts; its mean Dice is {table['dice'].mean():.3f}, theirs {table['ceiling'].mean():.3f}"
    )
