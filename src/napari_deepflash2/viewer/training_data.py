"""Training data on disk: what the layers held, and files from several folders together."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import written_aside
from ..progress import Progress, ProgressCallback
from .pairs import FolderPair, LayerPair, Pair, TakenPair
from .reading import Snapshot

MASK_SUFFIX = "_mask.tif"
CENTIMETRE = "centimeter"


@dataclass(frozen=True)
class TakenData:
    """What an ensemble is to be trained on, as it was when training was started."""

    layers: tuple[TakenPair, ...] = ()
    folders: tuple[FolderPair, ...] = ()


def take_pairs(pairs: Sequence[Pair]) -> TakenData:
    """Copy what the layers of the pairs hold now."""
    return TakenData(
        tuple(pair.taken() for pair in pairs if isinstance(pair, LayerPair)),
        tuple(pair for pair in pairs if isinstance(pair, FolderPair)),
    )


def write_training_data(data: TakenData, folder: Path, progress: ProgressCallback) -> tuple[Path, Path]:
    """Write everything to one folder of images and one of masks.

    Parameters
    ----------
    data : TakenData
        Layers become TIFF files with their axes and pixel size, a plane of a stack a file of its own
        unless the planes are one specimen. Of folders the images are copied.
    folder : path
        Where the folders ``images`` and ``masks`` are made.
    progress : callable
        Called after each pair of layers and each pair of folders.

    Returns
    -------
    path, path
        The folder of images and the folder of masks.
    """
    images, masks = folder / "images", folder / "masks"
    images.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    everything: list[TakenPair | FolderPair] = [*data.layers, *data.folders]
    for number, pair in enumerate(everything, 1):
        if isinstance(pair, FolderPair):
            _copy(pair, images, masks, f"{number:04d}_")
        else:
            name = f"{number:04d}_{_safe(pair.image.name)}"
            (_write_stack if pair.one_specimen else _write_planes)(pair, images / name, masks / name)
        progress(Progress("writing the training data", number, len(everything)))
    return images, masks


def _copy(pair: FolderPair, images: Path, masks: Path, prefix: str) -> None:
    from ..data import image_id, pair_images_and_masks, read_labels

    for image, mask in pair_images_and_masks(pair.images, pair.masks):
        shutil.copyfile(image, images / f"{prefix}{image.name}")
        labels = read_labels(mask)
        path = masks / f"{prefix}{image_id(image)}{MASK_SUFFIX}"
        _write_tiff(path, _smallest(labels.data), {"axes": labels.axes})


def _write_planes(pair: TakenPair, image_base: Path, mask_base: Path) -> None:
    planes = zip(pair.image.planes(), pair.labels.planes(), strict=True)
    for (index, image), (_, mask) in planes:
        place = "".join(f"-{position:03d}" for position in index)
        _write(image_base.with_name(f"{image_base.name}{place}.tif"), image, pair.image, "")
        _write(mask_base.with_name(f"{mask_base.name}{place}{MASK_SUFFIX}"), _smallest(mask), pair.labels, "")


def _write_stack(pair: TakenPair, image_base: Path, mask_base: Path) -> None:
    images = np.stack([plane for _, plane in pair.image.planes()])
    masks = np.stack([plane for _, plane in pair.labels.planes()])
    _write(image_base.with_name(f"{image_base.name}.tif"), images, pair.image, "Z")
    _write(mask_base.with_name(f"{mask_base.name}{MASK_SUFFIX}"), _smallest(masks), pair.labels, "Z")


def _write(path: Path, data: NDArray[Any], snapshot: Snapshot, stack: str) -> None:
    has_channels = data.ndim - len(stack) == 3
    is_rgb = snapshot.channels_last and data.dtype == np.uint8
    options: dict[str, Any] = {"planarconfig": "contig"} if has_channels else {}
    axes = f"{stack}YX" + (("S" if is_rgb else "C") if has_channels else "")
    options |= {"photometric": "rgb"} if is_rgb and has_channels else {}
    _write_tiff(path, data, {"axes": axes}, **options, **_resolution(snapshot))


def _write_tiff(path: Path, data: NDArray[Any], metadata: dict[str, Any], **options: Any) -> None:
    import tifffile

    settings = {"photometric": "minisblack", **options}
    with written_aside(path) as aside:
        tifffile.imwrite(aside, _storable(data), metadata=metadata, ome=False, **settings)


def _resolution(snapshot: Snapshot) -> dict[str, Any]:
    """Pixel size as TIFF tags, which other programs read too; nothing where it is not a length."""
    units = snapshot.grid.spatial["units"][-2:]
    if any(unit.dimensionality != {"[length]": 1} for unit in units):
        return {}
    sizes = [
        (scale * unit).to(CENTIMETRE).magnitude
        for scale, unit in zip(snapshot.grid.spatial["scale"][-2:], units, strict=True)
    ]
    return {"resolution": (1 / abs(sizes[1]), 1 / abs(sizes[0])), "resolutionunit": "CENTIMETER"}


def _storable(data: NDArray[Any]) -> NDArray[Any]:
    return data.astype(np.uint8) if data.dtype == bool else data


def _smallest(mask: NDArray[Any]) -> NDArray[Any]:
    """Labels in napari are often int64, which few programs open in a TIFF."""
    if mask.size and mask.min() < 0:
        return mask
    return mask.astype(np.min_scalar_type(int(mask.max(initial=0))))


def _safe(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", name).strip("_")[:60] or "image"
