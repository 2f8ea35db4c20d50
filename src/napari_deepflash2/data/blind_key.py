"""The key of a blind kit: which neutral name is which image, for every expert."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError

KEY_NAME, IMAGES, MASKS = "key.json", "images", "masks"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KitImage(_Part):
    """An original image: its file name, the shape of a mask of it, its bytes, the SHA-256 of its pixels."""

    name: str
    shape: tuple[int, ...]
    n_bytes: int = Field(ge=0)
    pixels_sha256: str


class Showing(_Part):
    """What an expert gets under one neutral name; `repeat` for the second time of the same image."""

    image: int = Field(ge=0)
    repeat: bool = False


class BlindKey(_Part):
    """The whole key.

    Attributes
    ----------
    images : tuple of KitImage
        The originals, sorted by name.
    packages : dict of str to dict of str to Showing
        For each expert, neutral name without extension to what it stands for, in the order of the names.
    """

    format: Literal["napari-deepflash2 blind kit"] = "napari-deepflash2 blind kit"
    version: Literal[1] = 1
    created: str
    random_state: int
    images: tuple[KitImage, ...]
    packages: dict[str, dict[str, Showing]]


def pixels_sha256(data: NDArray[np.generic]) -> str:
    """SHA-256 of the values of an image, by which it is known again in any format."""
    return hashlib.sha256(np.ascontiguousarray(data, dtype=np.float64).data).hexdigest()


def read_key(path: Path | str) -> BlindKey:
    """Read the key of a kit.

    Parameters
    ----------
    path : path
        The kit's folder, or its key.

    Raises
    ------
    InputError
        Where there is no key, or it is damaged.
    """
    path = Path(path)
    path = path / KEY_NAME if path.is_dir() else path
    remedy = "Give the folder that the kit was made in, with its key.json as it was written."
    try:
        key = BlindKey.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError.one(path, f"cannot be read ({error.strerror})", remedy, "no-key") from error
    except ValidationError as error:
        found = f"is no key of a blind kit, or is damaged ({error.errors()[0]['msg']})"
        raise InputError.one(path, found, remedy, "bad-key") from error
    shown = [one.image for showings in key.packages.values() for one in showings.values()]
    if any(image >= len(key.images) for image in shown):
        raise InputError.one(path, "is damaged: it names images that it does not list", remedy, "bad-key")
    return key
