"""What is to be predicted: small images that are read whole, and large ones that are read part by part."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ..config import DataConfig
from ..data import image_id, list_images
from ..data.folders import TIFF_EXTENSIONS
from ..data.lazy_image import LazyImage
from ..data.lazy_tiff import open_tiff, planes_are_large
from ..data.zarr_files import is_zarr, open_zarr
from ..errors import InputError

# Of 8192 pixels a side: with its maps such a plane takes some 2 GB of memory.
_MOST_PIXELS = 2**26


@dataclass(frozen=True)
class Input:
    """An image to predict.

    Attributes
    ----------
    path : path or str
        A file, a Zarr folder, or an address.
    id : str
        Name of its results.
    """

    path: Path | str
    id: str

    def opened(self, config: DataConfig) -> LazyImage | None:
        """Open a large image; None for one that is to be read whole.

        Raises
        ------
        InputError
            Where it cannot be opened.
        """
        if is_zarr(self.path):
            return open_zarr(self.path, config.pages)
        path = Path(self.path)
        if path.suffix.lower() in TIFF_EXTENSIONS and planes_are_large(path, _MOST_PIXELS):
            return open_tiff(path, config.pages)
        return None


def find_inputs(images: Path | str) -> list[Input]:
    """List what is to be predicted.

    Parameters
    ----------
    images : path or str
        A folder of images, Zarr folders among them, or a single image, or its address.

    Raises
    ------
    InputError
        Where there is none.
    """
    if is_zarr(images) or Path(images).is_file():
        return [_input(images)]
    folders = _zarr_folders(Path(images))
    try:
        files = list_images(images)
    except InputError as error:
        if not folders or error.problems[0].code != "no-images":
            raise
        files = []
    return [_input(path) for path in sorted([*files, *folders], key=lambda path: path.name)]


def _zarr_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.suffix.lower() == ".zarr" and is_zarr(path)]


def _input(path: Path | str) -> Input:
    if not is_zarr(path):
        return Input(path, image_id(path))
    name = str(path).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    return Input(path, unicodedata.normalize("NFC", name.removesuffix(".zarr").removesuffix(".ome")))
