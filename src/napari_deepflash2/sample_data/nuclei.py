"""Real nuclei with instance masks, from the `stardist` wheel (BSD-3-Clause)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import tifffile

from ..errors import InputError
from .cells import Cells


def nuclei_are_installed() -> bool:
    """Whether the package that carries the real nuclei is there."""
    return _folder() is not None


def load_nuclei() -> Cells:
    """Load a real fluorescence image of nuclei and its instance labels.

    Returns
    -------
    Cells
        Image, (512, 512) uint16, and 125 nuclei as instance labels, uint16.

    Raises
    ------
    InputError
        Where the extra ``samples`` is not installed; says how to install it.

    References
    ----------
    The pair ``img2d.tif``, ``mask2d.tif`` of stardist (Schmidt et al., MICCAI 2018), BSD-3-Clause; taken
    there from the Data Science Bowl 2018 (BBBC038, CC0).
    """
    folder = _folder()
    if folder is None:
        raise InputError.one(
            "sample nuclei",
            "the package 'stardist', which carries them, is not installed",
            'Install it with: pip install "napari-deepflash2[samples]"',
            "missing-extra",
        )
    return Cells(
        tifffile.imread(folder / "img2d.tif").astype("uint16", copy=False),
        tifffile.imread(folder / "mask2d.tif").astype("uint16", copy=False),
    )


def _folder() -> Path | None:
    # Found, not imported: stardist's own import takes seconds and brings in numba.
    spec = find_spec("stardist")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / "data" / "images"
        if (folder / "img2d.tif").is_file() and (folder / "mask2d.tif").is_file():
            return folder
    return None
