"""What augmented training tiles of a pair look like, as layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from ..config import Configuration
from ..data.ignored import IGNORE, judged
from ..data.pixel_size import PixelSize
from ..errors import InputError
from ..progress import Progress, ProgressCallback
from .colours import class_colormap
from .pairs import FolderPair
from .placing import Output, place
from .training_data import Taken

TILES_ON_A_SIDE = 3
GAP = 4
ROLES = ("augmented image", "augmented mask")


@dataclass(frozen=True)
class AugmentedTiles:
    """Nine tiles in a square, with a gap between them.

    Attributes
    ----------
    image : array (Y, X) or (Y, X, 3)
        Intensities in the units of the image; of more channels the first.
    labels : array of int, (Y, X)
        Values of the mask; 0 too where nobody judged.
    classes : tuple of int
        Values that may be there.
    limits : (float, float)
        Contrast of the image that they were cut from.
    spatial : dict
        Place of a plane of that image.
    """

    image: NDArray[Any]
    labels: NDArray[np.integer]
    classes: tuple[int, ...]
    limits: tuple[float, float]
    spatial: dict[str, Any]


def augmented_tiles(
    pair: Taken, config: Configuration, random_state: int, progress: ProgressCallback
) -> AugmentedTiles:
    """Draw and vary tiles of the plane with most in its mask; a job for a worker.

    Raises
    ------
    InputError
        Where nothing was judged in the mask, its values cannot be understood, or its pixel size is not
        known though another is wanted.
    """
    from ..data import interpret_masks
    from ..data.augmentation_preview import preview_tiles

    progress(Progress("augmenting", 0, 1))
    plane = _at_target(_plane_of(pair, config), config)
    data = config.data
    found = interpret_masks(
        [plane.mask], [plane.name], data.mask_kind, data.mask_classes, ignore=data.ignore_label
    )
    [labels] = found.labels
    if not judged(labels).any():
        raise InputError.one(
            plane.name, "holds nothing that was judged", "Paint in it first.", "nothing-judged"
        )
    images, maps = preview_tiles(plane.image, labels, config.training, TILES_ON_A_SIDE**2, random_state)
    values = np.zeros(IGNORE + 1, np.int64)
    values[: len(found.classes)] = found.classes
    low, high = (float(value) for value in np.percentile(plane.image, (1, 99.8)))
    return AugmentedTiles(
        image=_in_a_square(images if images.shape[-1] == 3 else images[..., 0], low),
        labels=values[_in_a_square(maps, IGNORE)],
        classes=found.classes,
        limits=(low, max(high, low + 1e-12)),
        spatial=plane.spatial,
    )


def show_augmented(viewer: ViewerModel, tiles: AugmentedTiles) -> list[Layer]:
    """Place them at the corner of their image, in the layers of the tiles before."""
    is_rgb = tiles.image.ndim == 3
    image: NDArray[Any] = tiles.image
    appearance: dict[str, Any] = {"contrast_limits": tiles.limits}
    if is_rgb:
        low, high = tiles.limits
        image = np.clip((image - low) / (high - low), 0, 1)
        appearance = {"rgb": True}
    outputs = (
        Output("image", ROLES[0], "augmented tiles", image, appearance, reshapes=True),
        Output(
            "labels",
            ROLES[1],
            "augmented masks",
            tiles.labels,
            {"opacity": 0.4, "colormap": class_colormap(tiles.classes)},
            reshapes=True,
        ),
    )
    return [place(viewer, output, ("augmented",), tiles.spatial) for output in outputs]


@dataclass(frozen=True)
class _Plane:
    image: NDArray[np.float32]
    mask: NDArray[np.integer]
    name: str
    pixel_size: PixelSize | None
    spatial: dict[str, Any]


def _plane_of(pair: Taken, config: Configuration) -> _Plane:
    if isinstance(pair, FolderPair):
        return _plane_of_file(pair, config)
    grid = pair.image.grid
    masks = dict(pair.masks[0].planes())
    at = max(masks, key=lambda place: np.count_nonzero(masks[place]))
    flat = {name: grid.spatial[name][-2:] for name in ("scale", "translate", "units")}
    return _Plane(
        _with_channels(pair.image.plane(at)),
        masks[at],
        f'layer "{pair.masks[0].name}"',
        grid.pixel_size,
        flat if at else dict(grid.spatial),
    )


def _plane_of_file(pair: FolderPair, config: Configuration) -> _Plane:
    from ..data import pair_images_and_masks, read_labels
    from ..data.set_reading import read_set_image

    image_path, mask_path = pair_images_and_masks(pair.images, pair.masks)[0]
    image, mask = read_set_image(image_path, config.data), read_labels(mask_path, config.data.pages).data
    at = max(np.ndindex(mask.shape[:-2]), key=lambda place: np.count_nonzero(mask[place]))
    pixels = _with_channels(image.data[at])
    return _Plane(pixels, mask[at], str(mask_path), image.pixel_size, {})


def _at_target(plane: _Plane, config: Configuration) -> _Plane:
    """Bring a plane to the pixel size that is trained at."""
    from ..data.resampling import resized, resized_labels, target_shape

    height, width = plane.mask.shape
    size = config.data.size_of_pixels(plane.pixel_size)
    shape = target_shape(plane.name, (height, width), size, config.data.target_pixel_size)
    if shape == (height, width):
        return plane
    image = np.moveaxis(resized(np.moveaxis(plane.image, -1, 0), shape), 0, -1)
    factors = (height / shape[0], width / shape[1])
    scale = plane.spatial.get("scale", (1.0, 1.0))
    larger = {"scale": tuple(step * factor for step, factor in zip(scale, factors, strict=True))}
    return replace(
        plane, image=image, mask=resized_labels(plane.mask, shape), spatial={**plane.spatial, **larger}
    )


def _with_channels(image: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(image if image.ndim == 3 else image[..., np.newaxis], np.float32)


def _in_a_square(tiles: NDArray[Any], between: float) -> NDArray[Any]:
    n, side = TILES_ON_A_SIDE, tiles.shape[1]
    step = side + GAP
    square = np.full((n * step - GAP, n * step - GAP, *tiles.shape[3:]), between, tiles.dtype)
    for number, tile in enumerate(tiles):
        y, x = (number // n) * step, (number % n) * step
        square[y : y + side, x : x + side] = tile
    return square
