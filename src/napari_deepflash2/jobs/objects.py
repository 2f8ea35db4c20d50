"""The objects of predictions on disk: a label image of each image, one table of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Problem

if TYPE_CHECKING:
    import pandas as pd

    from ..objects import ObjectMap
    from .predicted import Row

OBJECTS = "objects"


def rows_of_objects(name: str, leading: tuple[int, ...], objects: ObjectMap) -> Iterator[Row]:
    """Give a row an object, with the image and the place of its plane as in ``predictions.csv``.

    Parameters
    ----------
    name : str
        Of the image.
    leading : tuple of int
        Lengths of the axes before Y and X.
    objects : ObjectMap
        Of all its planes, in their order.
    """
    slices = [" ".join(map(str, index)) for index in np.ndindex(leading)]
    table = objects.table
    known = table.astype(object).where(table.notna(), None)
    for row in known.to_dict("records"):
        yield {"image": name, "slice": slices[row.pop("plane")], **row}


def table_of_objects(rows: Sequence[Row]) -> pd.DataFrame:
    """Put the rows of all images together; without the column ``slice`` where no image is a stack."""
    import pandas as pd

    from ..objects.finding import COLUMNS

    columns: list[Any] = ["image", "slice", *COLUMNS]
    table = pd.DataFrame(list(rows), columns=columns)
    return table if table["slice"].any() else table.drop(columns="slice")


def no_objects_of_large(name: str) -> Problem:
    """Say that objects are not found in what is predicted block by block."""
    return Problem(
        name,
        "is predicted block by block, so its objects are not looked for",
        "Predict a part of it to have its objects.",
        "no-objects",
    )
