"""What is known of images that are predicted already, so that a second run makes only what is missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Configuration
from ..errors import Problem
from ..files import sha256_of, write_text
from ..hashing import hash_of
from .claimed_settings import claim_settings
from .report_pictures import Pictures
from .targets import Target

if TYPE_CHECKING:
    from ..ensemble import Ensemble

FOLDER = ".predicted"
# What may be changed on the way, as where memory is too small: results are the same.
_NO_MATTER = {"batch_size", "compiled"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Predicted:
    """Rows of the table and notes of one image, and rows of its objects where they were asked for."""

    rows: Sequence[Row]
    notes: Sequence[Problem]
    objects: Sequence[Row] = ()


class Predictions:
    """Records of the images in an output folder, one file an image.

    Parameters
    ----------
    out : path
        The output folder.
    ensemble : Ensemble
        What predicts.
    config : Configuration
        How.
    kinds : sequence of str
        Sub-folders that have a file for each image.

    Attributes
    ----------
    pictures : Pictures
        For the report, beside the records.

    Raises
    ------
    InputError
        Where the folder has results of other models or settings.
    """

    def __init__(self, out: Path, ensemble: Ensemble, config: Configuration, kinds: Sequence[str]) -> None:
        self._out, self._kinds = out, kinds
        self.pictures = Pictures(out / FOLDER)
        self._settings = {
            "members": [member.sha256 for member in ensemble.members],
            "quality": ensemble.manifest.quality and ensemble.manifest.quality.sha256,
            "prediction": config.prediction.model_dump(mode="json", exclude=_NO_MATTER),
            "data": config.data.model_dump(mode="json"),
        }
        claim_settings(out, self._settings)

    def find(self, name: str, path: Path, target: Target | None) -> Predicted | None:
        """Look an image up; None unless all of it is there and it, the mask and the settings are the same."""
        record = self._record(name)
        if not record.is_file() or not self.pictures.has(name):
            return None
        if not all(self._map(kind, name).is_file() for kind in self._kinds):
            return None
        try:
            found = json.loads(record.read_text(encoding="utf-8"))
        except ValueError:
            return None
        if not isinstance(found, dict) or found.get("key") != self._key(path, target):
            return None
        notes = [Problem(**{**note, "names": tuple(note["names"])}) for note in found["notes"]]
        return Predicted(found["rows"], notes, found["objects"])

    def keep(self, name: str, path: Path, target: Target | None, predicted: Predicted) -> None:
        """Record an image whose maps are written."""
        values = {
            "key": self._key(path, target),
            "rows": list(predicted.rows),
            "notes": [asdict(note) for note in predicted.notes],
            "objects": list(predicted.objects),
        }
        write_text(self._record(name), json.dumps(values, indent=1) + "\n")

    def _key(self, path: Path, target: Target | None) -> str:
        mask = hashlib.sha256()
        if target is not None:
            mask.update(target.labels.tobytes())
        depends_on = {**self._settings, "image": sha256_of(path), "mask": mask.hexdigest()}
        return hash_of(depends_on)

    def _record(self, name: str) -> Path:
        return self._out / FOLDER / f"{name}.json"

    def _map(self, kind: str, name: str) -> Path:
        return self._out / kind / f"{name}.tif"
