"""Reading the tables that users write: CSV files with a row of names."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import InputError, listed

_MOST_BYTES = 2**24


def read_columns(
    path: Path, columns: Sequence[str], refused: Callable[[str], InputError]
) -> list[dict[str, str]]:
    """Read a CSV file in UTF-8 that is separated by comma, semicolon or tab.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        Names, in lower case, of the columns that are wanted; others are passed over.
    refused : callable
        Makes the error from what was found.

    Returns
    -------
    list of dict of str to str
        One for each row that is not empty, without spaces around the values.

    Raises
    ------
    InputError
        Where it is no such table.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise refused("larger than such a table can be (16 MiB)")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            stream.seek(0)
            rows = list(csv.DictReader(stream, delimiter=_separator(header), restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise refused(str(error)) from error
    named = [{_plain(name): value for name, value in row.items() if name is not None} for row in rows]
    if not named or any(column not in named[0] for column in columns):
        raise refused(f"its columns are {listed(list(rows[0]))}" if rows else "it has no row")
    return [{column: row[column].strip() for column in columns} for row in named if any(row.values())]


def _separator(header: str) -> str:
    return max(",;\t", key=header.count)


def _plain(name: str) -> str:
    return name.strip().casefold()
