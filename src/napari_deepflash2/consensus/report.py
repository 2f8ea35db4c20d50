"""Agreement and consensus as files: tables as CSV and XLSX, figures as PNG and SVG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import written_aside
from ..tables import inert
from .agreement import Agreement
from .chance import kappa_in_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def agreement_tables(agreement: Agreement, objects: bool = True) -> dict[str, pd.DataFrame]:
    """All tables of an agreement by name.

    Parameters
    ----------
    agreement : Agreement
    objects : bool
        Whether to include those that need objects and surface distances, which take longer.

    Returns
    -------
    dict of str to pandas.DataFrame
    """
    tables = {
        "summary": _summary(agreement),
        "pairwise_dice": agreement.pairwise_dice,
        "pairwise_iou": agreement.pairwise_iou,
        "leave_one_out": agreement.leave_one_out,
        "leave_one_out_by_class": agreement.leave_one_out_by_class.reset_index(),
        "dice_by_image": agreement.dice_by_image,
        "stability": agreement.stability,
        "notes": _notes(agreement),
    }
    if objects:
        tables |= {
            "pairwise_ap50": agreement.pairwise_ap50,
            "pairwise_surface_distance": agreement.pairwise_surface_distance,
            "bias": agreement.bias,
            "objects_seen_by": agreement.objects_seen_by.to_frame(),
        }
    return tables


def save_tables(tables: Mapping[str, pd.DataFrame], folder: Path | str) -> list[Path]:
    """Write each table as CSV, and all of them as the sheets of ``agreement.xlsx``.

    What is not known is an empty cell. Text that a spreadsheet would run as a formula gets an apostrophe in
    front.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
    folder : path
        Made where it is missing; older files of these names are replaced.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    import pandas as pd

    safe = {name: inert(table) for name, table in tables.items()}
    paths = []
    for name, table in safe.items():
        paths.append(Path(folder) / f"{name}.csv")
        with written_aside(paths[-1]) as aside:
            table.to_csv(aside)
    paths.append(Path(folder) / "agreement.xlsx")
    with written_aside(paths[-1]) as aside, pd.ExcelWriter(aside, engine="openpyxl") as writer:
        for name, table in safe.items():
            # Excel allows no more than 31 characters.
            table.to_excel(writer, sheet_name=name[:31])
    return paths


def draw_matrix(matrix: pd.DataFrame, title: str, low: float = 0.0, high: float = 1.0) -> Figure:
    """Draw a matrix of experts as a heat map with its figures.

    Parameters
    ----------
    matrix : pandas.DataFrame, R x R
    title : str
    low, high : float
        Ends of the colour scale.
    """
    from matplotlib.figure import Figure

    values = matrix.to_numpy(dtype=float, na_value=np.nan)
    size = 2 + 0.6 * len(values)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(values, vmin=low, vmax=high, cmap="cividis")
    axes.set_xticks(range(len(values)), _plain(matrix.columns), rotation=45, ha="right")
    axes.set_yticks(range(len(values)), _plain(matrix.index))
    axes.set_title(title)
    middle = (low + high) / 2
    for (row, column), value in np.ndenumerate(values):
        text = "n/a" if np.isnan(value) else f"{value:.2f}"
        colour = "white" if value < middle else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour)
    figure.colorbar(image, ax=axes, shrink=0.8)
    return figure


def draw_leave_one_out(table: pd.DataFrame) -> Figure:
    """Draw each expert's Dice with the consensus of the others as bars with 95 % intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        `Agreement.leave_one_out`.
    """
    from matplotlib.figure import Figure

    dice, low, high = (
        table[name].to_numpy(dtype=float, na_value=np.nan) for name in ("dice", "dice_low", "dice_high")
    )
    figure = Figure(figsize=(2 + 0.6 * len(table), 4), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(table))
    axes.bar(places, np.nan_to_num(dice), color="#4477aa")
    known = ~np.isnan(low)
    axes.errorbar(
        places[known],
        dice[known],
        yerr=[dice[known] - low[known], high[known] - dice[known]],
        fmt="none",
        color="black",
        capsize=4,
    )
    axes.set_xticks(places, _plain(table.index), rotation=45, ha="right")
    axes.set(ylim=(0, 1), ylabel="Dice", title="Against the others' consensus")
    return figure


def draw_stability(table: pd.DataFrame) -> Figure:
    """Draw the Dice of the consensus of k experts with that of all.

    Parameters
    ----------
    table : pandas.DataFrame
        `Agreement.stability`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.add_subplot()
    numbers = table.index.to_numpy(dtype=int)
    axes.plot(numbers, table["dice"], "o-", color="#4477aa")
    axes.fill_between(numbers, table["dice_low"], table["dice_high"], color="#4477aa", alpha=0.2)
    axes.set_xticks(numbers)
    axes.set(ylim=(0, 1.02), xlabel="experts", ylabel="Dice", title="Consensus of some and of all")
    return figure


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure; the suffix decides the format, ``.png`` or ``.svg``."""
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=200)


def save_agreement(agreement: Agreement, folder: Path | str, objects: bool = True) -> list[Path]:
    """Write all tables and figures of an agreement.

    Parameters
    ----------
    agreement : Agreement
    folder : path
        Made where it is missing; older files of these names are replaced.
    objects : bool
        As for `agreement_tables`.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    paths = save_tables(agreement_tables(agreement, objects), folder)
    figures = {
        "pairwise_dice": draw_matrix(agreement.pairwise_dice, "Dice of every two experts"),
        "leave_one_out": draw_leave_one_out(agreement.leave_one_out),
        "stability": draw_stability(agreement.stability),
    }
    for name, figure in figures.items():
        for suffix in (".png", ".svg"):
            paths.append(Path(folder) / f"{name}{suffix}")
            save_figure(figure, paths[-1])
    return paths


def _summary(agreement: Agreement) -> pd.DataFrame:
    import pandas as pd

    rows = {
        "experts": (len(agreement.experts), ""),
        "images": (len(agreement.patterns), ""),
        "fleiss_kappa": (agreement.fleiss_kappa, kappa_in_words(agreement.fleiss_kappa)),
        "krippendorff_alpha": (agreement.krippendorff_alpha, kappa_in_words(agreement.krippendorff_alpha)),
        "outliers": (len(agreement.outliers), "; ".join(agreement.outliers)),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "meaning"]).rename_axis("measure")


def _notes(agreement: Agreement) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [vars(note) for note in agreement.notes], columns=["where", "found", "remedy", "code"]
    )


def _plain(names: Any) -> list[str]:
    # A dollar sign would start mathematical notation.
    return [str(name).replace("$", r"\$") for name in names]
