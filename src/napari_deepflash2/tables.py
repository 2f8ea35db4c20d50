"""Tables on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import printable
from .files import written_aside

if TYPE_CHECKING:
    import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(table: pd.DataFrame, path: Path | str) -> None:
    """Write a table aside as UTF-8 CSV without its index, then rename.

    What is not known is an empty cell. A text that a spreadsheet would run as a formula is quoted inert.
    """
    with written_aside(path) as aside:
        inert(table).to_csv(aside, index=False, encoding="utf-8", errors="backslashreplace")


def write_xlsx(tables: Mapping[str, pd.DataFrame], path: Path | str) -> None:
    """Write tables aside as the sheets of an Excel file without their indices, then rename.

    What is not known is an empty cell. Texts are no formulas, and characters that Excel does not allow are
    written as escapes.
    """
    import pandas as pd

    with written_aside(path) as aside, pd.ExcelWriter(aside, engine="openpyxl") as writer:
        for name, table in tables.items():
            inert(table).map(_printable).to_excel(writer, sheet_name=name, index=False)


def inert(table: pd.DataFrame) -> pd.DataFrame:
    """Copy of a table in which no text, headers included, starts a formula: such texts get an apostrophe."""
    return table.map(without_formula).rename(index=without_formula, columns=without_formula)


def _printable(cell: Any) -> Any:
    return printable(cell) if isinstance(cell, str) else cell


def without_formula(cell: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would run as a formula; leave all else."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
