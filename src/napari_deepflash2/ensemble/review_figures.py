"""Figures of a review, by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..prediction import Hesitation, Reliability

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Of Paul Tol's schemes, told apart by colour-blind people and in print.
_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
PLACES = {"below": "#ee6677", "within": "#4477aa", "above": "#228833"}


def draw_reliability(reliabilities: Mapping[str, Reliability]) -> Figure:
    """Draw how often that which was given a probability is so, and how many pixels were given it.

    Parameters
    ----------
    reliabilities : mapping of str to Reliability
        `Review.reliabilities`. The calibration error of each stands in the legend.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
    for number, (name, one) in enumerate(reliabilities.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        table = one.table[one.table["count"] > 0]
        error = one.expected_calibration_error or 0.0
        label = f"{reliability_title(name)}: calibration error {error:.3f}"
        upper.plot(table["confidence"], table["accuracy"], "o-", color=colour, label=label)
        lower.stairs(one.counts, np.linspace(0, 1, len(one.counts) + 1), color=colour)
    upper.set(ylim=(0, 1), ylabel="share of pixels on which it is so", title="Out-of-fold reliability")
    upper.legend(loc="upper left", fontsize="small")
    lower.set(xlim=(0, 1), yscale="log", xlabel="predicted probability", ylabel="pixels")
    return figure


def reliability_title(name: str) -> str:
    """Say in words of what a reliability is."""
    return "predicted class" if name == "prediction" else f"class {name}"


def draw_against_experts(table: pd.DataFrame) -> Figure:
    """Draw each image's range of experts, and where the model is.

    Parameters
    ----------
    table : pandas.DataFrame
        `Review.against_experts`.
    """
    from matplotlib.figure import Figure

    table = table.sort_values("ceiling", ignore_index=True)
    places, ceiling = np.arange(len(table)), table["ceiling"].mean()
    figure = Figure(figsize=(3 + 0.25 * len(table), 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.vlines(places, table["lowest"], table["highest"], color="0.8", linewidth=6, label="experts")
    axes.plot(places, table["ceiling"], "_", color="black", markersize=8, label="mean expert")
    for place, colour in PLACES.items():
        chosen = table["place"] == place
        name = f"model {place}: {chosen.sum()} of {len(table)}"
        axes.plot(places[chosen], table["dice"][chosen], "o", color=colour, label=name)
    axes.axhline(ceiling, linestyle="--", color="black", linewidth=1, label=f"experts' ceiling {ceiling:.3f}")
    axes.axhline(table["dice"].mean(), color="0.5", linewidth=1, label=_mean_of(table))
    axes.set_xticks(places, [name.replace("$", r"\$") for name in table["image"]], rotation=90)
    axes.set(ylim=(0, 1), ylabel="Dice with the consensus of the others", title="Model against experts")
    figure.legend(loc="outside right upper", fontsize="small")
    return figure


def draw_hesitation(hesitation: Hesitation) -> Figure:
    """Draw a model's uncertainty by the share of the experts who marked a pixel.

    Parameters
    ----------
    hesitation : Hesitation
        `Review.hesitation`. Its figure stands in the title.
    """
    from matplotlib.figure import Figure

    curve = hesitation.curve
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.vlines(curve["share"], curve["low"], curve["high"], color="0.8", linewidth=6, label="nine in ten")
    axes.plot(curve["share"], curve["mean"], "o-", color=_COLOURS[0], label="mean over pixels")
    figures = ", ".join(
        f"{name} {'n/a' if value is None else f'{value:.3f}'}"
        for name, value in (("marked", hesitation.auroc), ("all pixels", hesitation.auroc_whole))
    )
    axes.set(ylim=(0, 1), xlabel="share of experts who marked the pixel", ylabel="uncertainty of the model")
    axes.set_title(f"Uncertainty and disagreement of experts\nAUROC: {figures}", fontsize="medium")
    axes.legend(loc="upper right", fontsize="small")
    return figure


def _mean_of(table: pd.DataFrame) -> str:
    return f"model, mean {table['dice'].mean():.3f}"
