"""``ensemble.json``: what an ensemble consists of and where it comes from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..config import Configuration
from ..data.normalisation import Normalisation
from ..errors import InputError
from ..files import write_text
from .migration import migrated

MANIFEST = "ensemble.json"
SCHEMA_VERSION = 2
# 10,000 images with their hashes and folds take some 4 MB.
_MOST_BYTES = 2**24
_SHA256 = r"^[0-9a-f]{64}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BFloat16Record(_Part):
    """What a model lost by computing in bfloat16, over images that it never saw.

    Attributes
    ----------
    agreement : float
        Share of the pixels that got the same class as in float32.
    dice_lost : float
        Mean Dice in float32 less that in bfloat16.
    """

    agreement: float = Field(ge=0, le=1)
    dice_lost: float = Field(ge=-1, le=1)

    @property
    def is_safe(self) -> bool:
        """Whether that is too little to matter."""
        return self.agreement >= 0.995 and abs(self.dice_lost) <= 0.002


class MemberRecord(_Part):
    """One trained model.

    Attributes
    ----------
    file : str
        Name of the file with its weights, in the ensemble's folder.
    sha256 : str
        Of that file.
    fold : int
        Number of the fold, from 1.
    finished : bool
        False where training was stopped and the best weights until then were kept.
    training_images, validation_images : tuple of str
        IDs of the images it learned from and of those it never saw.
    best_dice : float
        Mean Dice over the validation images, of these weights.
    normalisation : Normalisation
        How its images are standardised.
    notes : tuple of str
        What was out of the ordinary in its training.
    bfloat16 : BFloat16Record or None
        Whether it may be used with fewer bits; None where that was not measured.
    """

    file: str
    sha256: str = Field(pattern=_SHA256)
    fold: int = Field(ge=1, le=64)
    finished: bool
    training_images: tuple[str, ...]
    validation_images: tuple[str, ...]
    best_dice: float = Field(ge=0, le=1)
    normalisation: Normalisation
    notes: tuple[str, ...] = ()
    bfloat16: BFloat16Record | None = None

    @field_validator("file")
    @classmethod
    def _stays_in_the_folder(cls, name: str) -> str:
        if not re.fullmatch(r"[\w.-]+\.pth", name) or name.startswith("."):
            raise ValueError("a member is a plain file name that ends in .pth, without any folder")
        return name


class InitialRecord(_Part):
    """What the members started from.

    Attributes
    ----------
    source : str
        ``"random"``, ``"imagenet"``, or the path of a file of weights or of an ensemble.
    files : dict of str to str
        SHA-256 by name of file.
    seen : dict of int to tuple of str
        By fold, the IDs of held-out images that the model it started from had learned from.
    """

    source: str = "random"
    files: dict[str, str] = {}
    seen: dict[int, tuple[str, ...]] = {}


class QualityRecord(_Part):
    """What vouches for ``quality.json`` and ``quality.npz``.

    Attributes
    ----------
    sha256, arrays_sha256 : str
        Of the two files.
    """

    sha256: str = Field(pattern=_SHA256)
    arrays_sha256: str = Field(pattern=_SHA256)


class Manifest(_Part):
    """Contents of ``ensemble.json``.

    Attributes
    ----------
    schema_version : int
        Of this layout.
    run : str
        Random name of the training run.
    members : tuple of MemberRecord
        By fold.
    planned : int
        Models there are when training is done.
    classes : tuple of int
        Values of the masks, the background first.
    channels : int
        Channels of the images.
    configuration : Configuration
        All settings.
    image_hashes, mask_hashes : dict of str to str
        SHA-256 of what was trained on, by ID.
    experts : dict of str to tuple of str
        Who has a mask of each image, by ID; empty where masks were given. ``mask_hashes`` cover their masks
        too.
    consensus : str or None
        How they were fused to labels: the method, followed by "of objects" where objects were, one by one.
    value_ranges : tuple of (float, float)
        Least and greatest intensity of the training images, by channel.
    groups : dict of str to str
        Group of each image, by ID; images of one group are never on both sides of a split.
    folds : dict of str to int
        The fold in which an image is held out, by ID; images that never are have none.
    blocks : dict of str to (int, int, int, int)
        First row, first column, height and width of the images that are blocks of a larger one, by ID.
    pixel_sizes : dict of str to (float, float)
        Height and width of a pixel in micrometres, by ID, as they were trained on, where they are known.
    initial_weights : InitialRecord
        What the members started from.
    quality : QualityRecord or None
        Of what is known about the quality of predictions; None until all models are trained.
    versions : dict of str to str
        Of this package and of what it computed with.
    environment : dict
        Device and number of threads of the training.
    remarks : tuple of str
        What changed between the parts of a training that was interrupted.
    """

    schema_version: Literal[2] = 2
    run: str
    members: tuple[MemberRecord, ...] = Field(max_length=64)
    planned: int = Field(ge=1, le=64)
    classes: tuple[int, ...] = Field(min_length=2, max_length=256)
    channels: int = Field(ge=1, le=1024)
    configuration: Configuration
    image_hashes: dict[str, str]
    mask_hashes: dict[str, str]
    experts: dict[str, tuple[str, ...]] = {}
    consensus: str | None = None
    value_ranges: tuple[tuple[float, float], ...]
    groups: dict[str, str] = {}
    folds: dict[str, int] = {}
    blocks: dict[str, tuple[int, int, int, int]] = {}
    pixel_sizes: dict[str, tuple[float, float]] = {}
    initial_weights: InitialRecord = InitialRecord()
    quality: QualityRecord | None = None
    versions: dict[str, str]
    environment: dict[str, Any]
    remarks: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether all planned members are there and trained to the end."""
        return len(self.members) == self.planned and all(member.finished for member in self.members)

    def save(self, folder: Path) -> None:
        """Write ``ensemble.json``."""
        write_text(folder / MANIFEST, json.dumps(self.model_dump(mode="json"), indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read ``ensemble.json``.

        Raises
        ------
        InputError
            Where it is missing, too large, damaged, made by a newer version, or names paths outside
            the folder.
        """
        path = folder / MANIFEST
        values = _read_json(path)
        version = values.get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            _refuse(
                path,
                f"has schema version {version}, this program reads up to {SCHEMA_VERSION}",
                "Install a newer napari-deepflash2.",
                "newer-schema",
            )
        try:
            return cls.model_validate(migrated(values))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            _refuse(path, f"{where}: {first['msg']}", "Copy the ensemble again, or train it again.")


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        _refuse(path, "is missing", "Choose the folder that train made.", "no-manifest")
    if path.stat().st_size > _MOST_BYTES:
        _refuse(path, "is larger than a manifest can be (16 MiB)", "Copy the ensemble again.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        _refuse(path, f"cannot be read as JSON ({error})", "Copy the ensemble again.")
    if not isinstance(values, dict):
        _refuse(path, "is not a manifest", "Copy the ensemble again.")
    return values


def _refuse(path: Path, found: str, remedy: str, code: str = "bad-manifest") -> NoReturn:
    raise InputError.one(path, found, remedy, code)
