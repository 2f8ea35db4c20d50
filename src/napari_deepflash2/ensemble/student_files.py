"""The folder ``preview_network`` of an ensemble: a network distilled from it, and its card.

The weights are written first, under a name that holds their hash, and the card last: where there is a card,
its weights are whole. The card is bound to the models it was made of.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..config import PredictionConfig
from ..data.normalisation import Normalisation
from ..errors import InputError
from ..files import write_text, written_aside
from ..hashing import hash_of
from .manifest import BFloat16Record, Manifest
from .weights import safetensors_of

if TYPE_CHECKING:
    from torch import Tensor

FOLDER, CARD = "preview_network", "student.json"
SCHEMA_VERSION = 1
_MOST_BYTES = 2**20
_SHA256 = r"^[0-9a-f]{64}$"
_MAKE_AGAIN = "Make it again: napari-deepflash2 distil --ensemble DIR."


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Fidelity(_Part):
    """How near a preview network comes to its ensemble, on images that it did not learn from.

    Attributes
    ----------
    images : int
        How many they were.
    agreement : float
        Share of the pixels that get the same class.
    dice : float
        Mean Dice of its classes with the ensemble's.
    uncertainty, epistemic : float or None
        Correlation of the two maps with the ensemble's, over all pixels; None where a map is constant.
    """

    images: int = Field(ge=1)
    agreement: float = Field(ge=0, le=1)
    dice: float = Field(ge=0, le=1)
    uncertainty: float | None = Field(ge=-1, le=1)
    epistemic: float | None = Field(ge=-1, le=1)


class StudentCard(_Part):
    """Contents of ``student.json``.

    Attributes
    ----------
    schema_version : int
        Of this layout.
    weights, sha256 : str
        File of the weights in the same folder, and its hash.
    run, members, temperature : str, tuple of str, float
        What it was made of: the ensemble's run, the SHA-256 of each model, and how they are calibrated.
    architecture : str
        Name of the network in the registry.
    classes : tuple of int
        Values of the masks, the background first.
    channels : int
        Channels of the images.
    normalisation : Normalisation
        How its images are standardised.
    prediction : PredictionConfig
        How the ensemble predicted what was learned.
    images, iterations : int
        How many images (or planes) it learned from, in how many steps.
    fidelity : Fidelity
        How near it comes to the ensemble.
    bfloat16 : BFloat16Record or None
        What it loses in fewer bits; None where that was not measured.
    versions : dict of str to str
        Of what it was computed with.
    """

    schema_version: Literal[1] = 1
    weights: str
    sha256: str = Field(pattern=_SHA256)
    run: str
    members: tuple[str, ...] = Field(min_length=1, max_length=64)
    temperature: float = Field(gt=0)
    architecture: str
    classes: tuple[int, ...] = Field(min_length=2, max_length=256)
    channels: int = Field(ge=1, le=1024)
    normalisation: Normalisation
    prediction: PredictionConfig
    images: int = Field(ge=1)
    iterations: int = Field(ge=1)
    fidelity: Fidelity
    bfloat16: BFloat16Record | None
    versions: dict[str, str]

    @field_validator("weights")
    @classmethod
    def _stays_in_the_folder(cls, name: str) -> str:
        if not re.fullmatch(r"[\w-]+\.safetensors", name):
            raise ValueError("a plain file name that ends in .safetensors, without any folder")
        return name


def save_student(folder: Path, weights: Mapping[str, Tensor], values: Mapping[str, Any]) -> StudentCard:
    """Write a preview network into an ensemble's folder, in place of an earlier one.

    Parameters
    ----------
    folder : path
        The ensemble's.
    weights : mapping of str to Tensor
        State of the network.
    values : mapping
        Of the card, but for the two about the weights.
    """
    data = safetensors_of(weights)
    sha256 = hashlib.sha256(data).hexdigest()
    card = StudentCard(weights=f"student-{sha256[:16]}.safetensors", sha256=sha256, **values)
    with written_aside(folder / FOLDER / card.weights) as aside:
        aside.write_bytes(data)
    content = card.model_dump(mode="json")
    text = json.dumps({"sha256": _digest(content), "card": content}, indent=1)
    write_text(folder / FOLDER / CARD, text + "\n")
    for other in (folder / FOLDER).glob("student-*.safetensors"):
        if other.name != card.weights:
            other.unlink()
    return card


def has_card(folder: Path) -> bool:
    """Whether there is a preview network in an ensemble's folder, whatever its worth."""
    return (folder / FOLDER / CARD).is_file()


def read_card(folder: Path, manifest: Manifest, temperature: float) -> StudentCard | None:
    """Read what is known of an ensemble's preview network; None where there is none.

    Parameters
    ----------
    folder, manifest : path, Manifest
        Of the ensemble.
    temperature : float
        That its probabilities are calibrated with.

    Raises
    ------
    InputError
        Where it is damaged, made by a newer version or for another ensemble, or the ensemble has changed
        since it was made.
    """
    path = folder / FOLDER / CARD
    if not has_card(folder):
        return None
    card = _card_of(path, _checked(path))
    if card.run != manifest.run:
        _refuse(path, "was made for another ensemble", "student-of-another")
    same = card.members == tuple(member.sha256 for member in manifest.members)
    if not same or abs(card.temperature - temperature) > 1e-6:
        _refuse(
            path, "is out of date: the ensemble was trained on, or calibrated anew, since", "student-outdated"
        )
    return card


def _checked(path: Path) -> dict[str, Any]:
    """Give the card once its hash is found to be right."""
    try:
        data = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b""
        values = json.loads(data)
        content, stated = values["card"], values["sha256"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        _refuse(path, f"cannot be read ({error})", "student-damaged")
    if not isinstance(content, dict) or _digest(content) != stated:
        _refuse(path, "is damaged or was changed (its SHA-256 differs)", "student-damaged")
    return content


def _card_of(path: Path, content: dict[str, Any]) -> StudentCard:
    version = content.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError.one(
            path,
            f"has schema version {version}, this program reads up to {SCHEMA_VERSION}",
            "Install a newer napari-deepflash2.",
            "newer-schema",
        )
    try:
        return StudentCard.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        _refuse(path, f"{where}: {first['msg']}", "student-damaged")


def _digest(content: Mapping[str, Any]) -> str:
    return hash_of(content)


def _refuse(path: Path, found: str, code: str) -> NoReturn:
    raise InputError.one(path, f"the preview network {found}", _MAKE_AGAIN, code)
