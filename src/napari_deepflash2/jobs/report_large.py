"""Pictures, for the report, of images that were predicted block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.channels import with_channels
from ..data.lazy_image import LazyImage
from ..data.overview import overview
from ..data.zarr_files import is_zarr, open_zarr
from .report_pictures import LONGEST, draw_pictures


def draw_large(
    image: LazyImage,
    out: Path,
    name: str,
    place: Mapping[str, int],
    classes: Sequence[int],
    is_ood: bool,
    channels: Sequence[int] | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """Draw one plane of a large image and its results, from coarse resolutions where they have some.

    Parameters
    ----------
    image : LazyImage
        The image.
    out : path
        Folder of the results, which are finished.
    name : str
        Of the results.
    place : mapping of str to int
        Of the plane, along each axis of the image beside Y, X and C.
    classes : sequence of int
        Values of the labels, the background first.
    is_ood : bool
        Whether to show what is unlike the training images.
    channels : sequence of int, optional
        Which channels of its file `image` has; all of them by default.

    Returns
    -------
    dict of str to ndarray of uint8
        As `draw_pictures`.
    """
    labels = _map(out / "labels" / f"{name}.zarr", place)
    unlike = out / "ood_map" / f"{name}.zarr"
    coarse = image
    if is_zarr(image.name):
        coarse = with_channels(open_zarr(image.name, "slices", LONGEST), channels)
    # Axes without a name mean what they were taken for when the image was opened.
    seen = overview(coarse if coarse.axes == image.axes else image, place, LONGEST)
    return draw_pictures(
        _resized(seen, labels.shape),
        labels,
        _map(out / "uncertainty" / f"{name}.zarr", place),
        classes,
        unlike=_map(unlike, place) > 0 if is_ood and is_zarr(unlike) else None,
    )


def _map(folder: Path, place: Mapping[str, int]) -> NDArray[Any]:
    found = open_zarr(folder, least=LONGEST)
    return overview(found, place, LONGEST)[..., 0]


def _resized(image: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Take the nearest pixels, since resolutions of image and results may differ."""
    rows, columns = (
        (np.arange(length) + 0.5) * own // length for length, own in zip(shape, image.shape, strict=False)
    )
    return image[np.ix_(rows.astype(np.intp), columns.astype(np.intp))]
