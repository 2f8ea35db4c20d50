"""Small pictures for the report, drawn while an image is at hand and kept beside its results."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.ignored import IGNORE
from ..data.pair_picture import pair_picture
from ..files import written_aside
from .targets import numbered

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST = 512
# Each kind with the suffix of its files: outlines and photographs, and shares on the scale of colours.
_SUFFIXES = {"labels": ".jpg", "uncertainty": ".png", "truth": ".jpg", "unlike": ".jpg"}
_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}
# Outlines one pixel wide would fade if colours were stored coarser than brightness.
_OPTIONS: dict[str, dict[str, Any]] = {".jpg": {"quality": 88, "subsampling": 0}, ".png": {"optimize": True}}


def draw_pictures(
    image: NDArray[Any],
    labels: NDArray[np.integer],
    uncertainty: NDArray[np.float32],
    classes: Sequence[int],
    truth: NDArray[np.uint8] | None = None,
    unlike: NDArray[np.bool_] | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """Draw what there is to see of one plane, at most 512 pixels on a side.

    Parameters
    ----------
    image : ndarray, shape (Y, X, C)
        Intensities as stored.
    labels : ndarray of int, shape (Y, X)
        Values of classes.
    uncertainty : ndarray of float32, shape (Y, X)
        In [0, 1].
    classes : sequence of int
        Values of the labels, the background first.
    truth : ndarray of uint8, shape (Y, X), optional
        The mask, classes 0 to L - 1, `IGNORE` where nobody judged.
    unlike : ndarray of bool, shape (Y, X), optional
        Where it is unlike the training images.

    Returns
    -------
    dict of str to ndarray of uint8
        ``labels``, and ``truth`` where it is given: the image with outlines, (Y, X, 3). ``unlike``, where
        that is given: the same without outlines, dark where it is like the training images.
        ``uncertainty``, (Y, X): 0 to 255 for 0 to 1.
    """
    step = -(-max(labels.shape) // LONGEST)
    few = np.s_[::step, ::step]
    pictures = {
        "labels": pair_picture(image[few], numbered(labels[few], classes)),
        "uncertainty": shares(uncertainty[few]),
    }
    if truth is not None:
        pictures["truth"] = pair_picture(image[few], truth[few])
    if unlike is not None:
        pictures["unlike"] = pair_picture(image[few], np.where(unlike[few], 0, IGNORE))
    return pictures


def shares(map_: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Write shares in [0, 1] as 0 to 255, on the same scale for every image."""
    return np.asarray(np.clip(map_, 0, 1) * 255 + 0.5, np.uint8)


def scale_picture() -> str:
    """Draw the colours of 0 to 1 from left to right, as the address of an image that is its own content."""
    buffer = io.BytesIO()
    _as_image(np.arange(256, dtype=np.uint8)[np.newaxis]).save(buffer, "PNG")
    return address(buffer.getvalue(), ".png")


def address(content: bytes, suffix: str) -> str:
    """Give an image as an address that holds all of it."""
    return f"data:{_TYPES[suffix]};base64,{base64.b64encode(content).decode('ascii')}"


class Pictures:
    """Pictures in a folder.

    Parameters
    ----------
    folder : path
        Where they are; is made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Write the pictures of an image in place of those that it had."""
        for kind in _SUFFIXES:
            path = self._path(name, kind)
            if kind not in pictures:
                path.unlink(missing_ok=True)
                continue
            with written_aside(path) as aside:
                _as_image(pictures[kind]).save(aside, **_OPTIONS[path.suffix])

    def has(self, name: str) -> bool:
        """Whether there are pictures of an image."""
        return self._path(name, "labels").is_file() and self._path(name, "uncertainty").is_file()

    def has_later(self, name: str, path: Path) -> bool:
        """Whether there are pictures of an image that were written after a file."""
        written = path.stat().st_mtime_ns
        return self.has(name) and self._path(name, "labels").stat().st_mtime_ns >= written

    def address(self, name: str, kind: str) -> str | None:
        """Give a picture as an address that holds all of it; None where there is none."""
        path = self._path(name, kind)
        return address(path.read_bytes(), path.suffix) if path.is_file() else None

    def _path(self, name: str, kind: str) -> Path:
        return self._folder / f"{name}.{kind}{_SUFFIXES[kind]}"


def _as_image(pixels: NDArray[np.uint8]) -> Image:
    from matplotlib import colormaps
    from PIL import Image

    image = Image.fromarray(pixels)
    if pixels.ndim == 2:
        colours = colormaps["magma"](np.arange(256), bytes=True)[:, :3]
        image.putpalette(colours.tobytes())
    return image
