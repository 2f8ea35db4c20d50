"""The folder ``out_of_fold``: maps of each image that a model predicted without having seen it, and a record.

Everything is written aside and renamed, the record last: where there is a record, the maps are whole.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, get_args

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError
from ..files import write_text, written_aside
from ..prediction.hesitation import Row as HesitationRow
from .against_experts import AgainstExperts
from .differences import Difference
from .label_check import Contradiction

FOLDER = "out_of_fold"
Kind = Literal["images", "masks", "labels", "uncertainty", "probabilities", "disagreement"]
# Only of images that several experts annotated.
OF_EXPERTS: Kind = "disagreement"

_RECORDS = "records"
_AXES = {2: "YX", 3: "CYX"}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Row(_Part):
    """Figures of one training image, or of one block of a large one.

    Attributes
    ----------
    image : str
        Its ID.
    scores : dict of str to float or None
        As `score_labels` gives them; empty where nothing was judged.
    score : float
        Mean uncertainty over the predicted foreground.
    contradiction : float
        Share of the foreground in which model and mask contradict; see `contradiction_share`.
    """

    image: str
    scores: dict[str, float | None]
    score: float
    contradiction: float


class ExpertHesitation(_Part):
    """The model's uncertainty beside the experts' disagreement.

    Attributes
    ----------
    rows : tuple of Row
        As `Hesitation.rows` gives them.
    regions : tuple of Difference
        Where the two differ most.
    """

    rows: tuple[HesitationRow, ...]
    regions: tuple[Difference, ...]


class Record(_Part):
    """What is known of one image, beside its maps.

    Attributes
    ----------
    key : str
        Hash of all that the maps depend on.
    rows : tuple of Row
        Of the image, or of its blocks.
    reliability : dict of str to tuple of (int, float, float)
        Of ``"prediction"`` and of each foreground class, by its value: count, sum of the confidence and
        number of right pixels of each bin.
    regions : tuple of Contradiction
        Where model and mask contradict most.
    against_experts : AgainstExperts or None
        None where there are no experts.
    hesitation : ExpertHesitation or None
        None where there are fewer than two experts.
    """

    key: str
    rows: tuple[Row, ...] = Field(min_length=1)
    reliability: dict[str, tuple[tuple[int, float, float], ...]]
    regions: tuple[Contradiction, ...]
    against_experts: AgainstExperts | None = None
    hesitation: ExpertHesitation | None = None


class OutOfFoldFolder:
    """Reads and writes what is known of the images of an ensemble.

    Parameters
    ----------
    ensemble : path
        The ensemble's folder.
    """

    def __init__(self, ensemble: Path) -> None:
        self._path = ensemble / FOLDER

    def write_map(self, kind: Kind, name: str, values: NDArray[Any]) -> None:
        """Write one map, (Y, X) or (C, Y, X), as ``KIND/NAME.tif``."""
        import tifffile

        with written_aside(self._map(kind, name)) as aside:
            tifffile.imwrite(
                aside,
                values,
                compression="zlib",
                photometric="minisblack",
                metadata={"axes": _AXES[values.ndim]},
            )

    def read_map(self, kind: Kind, name: str) -> NDArray[Any]:
        """Read one map as it was written.

        Raises
        ------
        InputError
            Where it is missing or damaged.
        """
        from ..data.tiff import decode_tiff

        path = self._map(kind, name)
        if not path.is_file():
            raise InputError.one(
                path,
                "is missing",
                "Resume the training with the same data: it predicts this image again.",
                "out-of-fold-missing",
            )
        return decode_tiff(path).data

    def write_record(self, name: str, record: Record) -> None:
        """Write what is known of an image."""
        write_text(self._record(name), json.dumps(record.model_dump(mode="json")) + "\n")

    def read_record(self, name: str) -> Record | None:
        """Read what is known of an image; None where nothing is, or where it is damaged."""
        try:
            return Record.model_validate_json(self._record(name).read_bytes())
        except (OSError, ValidationError):
            return None

    def holds(self, name: str, key: str) -> bool:
        """Whether maps and record of an image are there, made of what `key` stands for."""
        record = self.read_record(name)
        if record is None or record.key != key:
            return False
        kinds = [kind for kind in get_args(Kind) if kind != OF_EXPERTS or record.hesitation is not None]
        return all(self._map(kind, name).is_file() for kind in kinds)

    def names(self) -> list[str]:
        """Names of the images of which there is a record."""
        return sorted(path.stem for path in (self._path / _RECORDS).glob("[!.]*.json"))

    def _map(self, kind: Kind, name: str) -> Path:
        return self._path / kind / f"{name}.tif"

    def _record(self, name: str) -> Path:
        return self._path / _RECORDS / f"{name}.json"
