"""What an ensemble knows about the quality of its predictions: ``quality.json`` and ``quality.npz``."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError
from ..files import write_text, written_aside
from ..objects import ObjectQuality
from ..prediction.likeness import Familiar, Unseen
from ..prediction.quality import QualityModel
from .manifest import QualityRecord

QUALITY, ARRAYS = "quality.json", "quality.npz"
# 64 networks with 4000 cells each take some 40 MB.
_MOST_BYTES = 2**30


class Card(BaseModel):
    """What a person may want to read of it.

    Attributes
    ----------
    key : str
        Hash of all that it was made of.
    images, groups : int
        How many images, of how many groups, no model had learned from that predicted them.
    temperature : float
        See `calibration`.
    error_before, error_after : float
        Expected calibration error of the class that is predicted, without and with the temperature.
    tile_size : int
        Side at most of the tiles in which images are compared with the training images, in pixels.
    unknown : tuple of str
        What is not known, and why.
    objects : int or None
        How many objects were found on those images; None where a version made it that looked at none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    key: str
    images: int = Field(ge=0)
    groups: int = Field(ge=0)
    temperature: float = Field(gt=0)
    error_before: float = Field(ge=0, le=1)
    error_after: float = Field(ge=0, le=1)
    tile_size: int = Field(ge=32)
    unknown: tuple[str, ...]
    objects: int | None = Field(None, ge=0)


@dataclass(frozen=True, eq=False)
class Likeness:
    """What the models saw in training, and how unlike that unseen images of the kind are.

    Attributes
    ----------
    familiar : mapping of int to Familiar
        By number of the fold.
    images, cells : Unseen
        Scores of images and of cells by the model that did not learn from them.
    """

    familiar: Mapping[int, Familiar]
    images: Unseen
    cells: Unseen


@dataclass(frozen=True, eq=False)
class Quality:
    """All that is known.

    Attributes
    ----------
    card : Card
        In short.
    dice : QualityModel or None
        None where too few images are there.
    likeness : Likeness or None
        Likewise.
    objects : ObjectQuality or None
        Likewise, and of ensembles of earlier versions.
    """

    card: Card
    dice: QualityModel | None
    likeness: Likeness | None
    objects: ObjectQuality | None

    def save(self, folder: Path) -> QualityRecord:
        """Write both files; gives what the manifest vouches for them with."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self._arrays())
        with written_aside(folder / ARRAYS) as aside:
            aside.write_bytes(buffer.getvalue())
        text = json.dumps(self.card.model_dump(mode="json"), indent=1) + "\n"
        write_text(folder / QUALITY, text)
        return QualityRecord(
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            arrays_sha256=hashlib.sha256(buffer.getvalue()).hexdigest(),
        )

    @classmethod
    def load(cls, folder: Path, record: QualityRecord) -> Quality:
        """Read both files.

        Raises
        ------
        InputError
            Where one is missing or is not the one that the manifest vouches for.
        """
        text = _read(folder / QUALITY, record.sha256)
        data = _read(folder / ARRAYS, record.arrays_sha256)
        try:
            card = Card.model_validate_json(text)
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                arrays = dict(stored)
            return cls(card, _dice_of(arrays), _likeness_of(arrays), _objects_of(arrays))
        except (ValidationError, ValueError, KeyError) as error:
            _refuse(folder / QUALITY, f"does not hold what it should ({error})")

    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any]] = {}
        if self.dice is not None:
            arrays |= {f"dice.{name}": array for name, array in _values(self.dice).items()}
        if self.objects is not None:
            arrays |= {f"objects.{name}": array for name, array in _values(self.objects).items()}
        if self.likeness is not None:
            for kind in ("images", "cells"):
                values = _values(getattr(self.likeness, kind))
                arrays |= {f"unseen.{kind}.{name}": array for name, array in values.items()}
            for fold, familiar in self.likeness.familiar.items():
                arrays |= {f"fold.{fold}.{name}": array for name, array in familiar.arrays.items()}
        return arrays


def _values(of: QualityModel | ObjectQuality | Unseen) -> dict[str, NDArray[Any]]:
    return {field.name: getattr(of, field.name) for field in fields(of)}


def _dice_of(arrays: Mapping[str, NDArray[Any]]) -> QualityModel | None:
    own = _within(arrays, "dice.")
    return QualityModel(**own) if own else None


def _objects_of(arrays: Mapping[str, NDArray[Any]]) -> ObjectQuality | None:
    own = _within(arrays, "objects.")
    return ObjectQuality(**own) if own else None


def _likeness_of(arrays: Mapping[str, NDArray[Any]]) -> Likeness | None:
    folds = sorted({int(name.split(".")[1]) for name in arrays if name.startswith("fold.")})
    if not folds:
        return None
    return Likeness(
        {fold: Familiar.from_arrays(_within(arrays, f"fold.{fold}.")) for fold in folds},
        Unseen(**_within(arrays, "unseen.images.")),
        Unseen(**_within(arrays, "unseen.cells.")),
    )


def _within(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _read(path: Path, sha256: str) -> bytes:
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _MOST_BYTES:
        _refuse(path, "is missing, is a link or is too large")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        _refuse(path, "is damaged or is not the file the ensemble was made with (its SHA-256 differs)")
    return data


def _refuse(path: Path, found: str) -> NoReturn:
    remedy = "Copy the whole ensemble folder again, or make it anew: napari-deepflash2 review --ensemble DIR."
    raise InputError.one(path, found, remedy, "quality-damaged")
