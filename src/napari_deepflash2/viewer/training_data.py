"""Training data on disk: what the layers held, and files from several folders together."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import write_text, written_aside
from ..progress import Progress, ProgressCallback
from .pairs import FolderPair, LayerPair, Pair, TakenPair, expert_names
from .reading import Snapshot

MASK_SUFFIX, GROUPS = "_mask.tif", "groups.csv"
MICROMETRES_IN_CENTIMETRE = 1e4

# An image and its group; empty where it has none.
Group = tuple[str, str]


@dataclass(frozen=True)
class DataOnDisk:
    """Where the data of a run lie, as its command takes them.

    Attributes
    ----------
    images : pathlib.Path
    masks, experts : pathlib.Path or None
        A folder of masks, or a folder with one sub-folder of masks for each expert.
    groups : pathlib.Path or None
        Table of the images and their groups.
    """

    images: Path
    masks: Path | None = None
    experts: Path | None = None
    groups: Path | None = None

    @classmethod
    def of(cls, paths: Mapping[str, str]) -> DataOnDisk:
        """Take what `paths` gave."""
        return cls(**{name: Path(path) for name, path in paths.items()})

    def paths(self) -> dict[str, str]:
        """Name and path of what there is."""
        return {name: str(path) for name, path in vars(self).items() if path is not None}

    def options(self) -> list[str]:
        """Give the options of the command line."""
        return [part for name, path in self.paths().items() for part in (f"--{name}", path)]


Taken = TakenPair | FolderPair


def take_pairs(pairs: Sequence[Pair]) -> tuple[Taken, ...]:
    """Copy what the layers of the pairs hold now.

    Raises
    ------
    InputError
        Where some images have the masks of several experts and others a single one.
    """
    with_experts = [isinstance(pair, LayerPair) and pair.has_experts for pair in pairs]
    if any(with_experts) and not all(with_experts):
        rows = [str(row) for row, has_experts in enumerate(with_experts, 1) if not has_experts]
        raise InputError.one(
            f"rows {', '.join(rows)}",
            "hold a single mask for each image, and other rows those of several experts",
            "Remove one kind of rows, or estimate the ground truth of the experts first.",
            "experts-mixed",
        )
    return tuple(pair.taken() if isinstance(pair, LayerPair) else pair for pair in pairs)


def data_on_disk(taken: Sequence[Taken], folder: Path, progress: ProgressCallback) -> DataOnDisk:
    """Write what is not on disk yet.

    Parameters
    ----------
    taken : sequence of TakenPair and FolderPair
        Layers become TIFF files with their axes and pixel size, a plane of a stack a file of its own
        unless the planes are one specimen. A single pair of folders is used where it is; of several, or
        beside layers, the images are copied. Names begin with the number of the pair, from 0001.
    folder : path
        Where the folders ``images`` and ``masks`` (or ``experts``) and ``groups.csv`` are made.
    progress : callable
        Called after each pair.
    """
    if len(taken) == 1 and isinstance(taken[0], FolderPair):
        alone = taken[0]
        rows = _groups_of_folder(alone, "")
        return DataOnDisk(alone.images, alone.masks, groups=_write_groups(rows, folder))
    with_experts = any(isinstance(pair, TakenPair) and len(pair.masks) > 1 for pair in taken)
    images, masks = folder / "images", folder / ("experts" if with_experts else "masks")
    images.mkdir(parents=True, exist_ok=True)
    masks.mkdir(parents=True, exist_ok=True)
    groups: list[Group] = []
    for number, pair in enumerate(taken, 1):
        if isinstance(pair, FolderPair):
            groups += _copy(pair, images, masks, f"{number:04d}_")
        else:
            groups += _write_layers(pair, images, masks, file_name(number - 1, pair))
        progress(Progress("writing the training data", number, len(taken)))
    table = _write_groups(groups, folder)
    return DataOnDisk(images, groups=table, **{"experts" if with_experts else "masks": masks})


def expert_folders(pair: TakenPair) -> list[str]:
    """Name the folders of the experts of a pair, in the order of their masks."""
    return [_safe(name) for name in expert_names(pair.image.name, [mask.name for mask in pair.masks])]


def file_name(row: int, pair: TakenPair) -> str:
    """Name the files of a pair, without what follows: plane and ending."""
    return f"{row + 1:04d}_{_safe(pair.image.name)}"


def row_of_file(name: str) -> int | None:
    """Tell from which pair a file was written, from 0; None where its name does not begin with a number."""
    found = re.match(r"(\d{4,})_", name)
    return int(found[1]) - 1 if found else None


def _groups_of_folder(pair: FolderPair, prefix: str) -> list[Group]:
    from ..data import image_id, pair_images_and_masks

    given = dict(pair.groups)
    ids = [image_id(image) for image, _ in pair_images_and_masks(pair.images, pair.masks)]
    return [(f"{prefix}{id_}", given.get(id_, pair.group)) for id_ in ids]


def _write_groups(rows: Sequence[Group], folder: Path) -> Path | None:
    """Write the groups where any was given; an image without one stands for itself."""
    if not any(group for _, group in rows):
        return None
    text = io.StringIO()
    csv.writer(text).writerows([("image", "group"), *((image, group or image) for image, group in rows)])
    path = folder / GROUPS
    write_text(path, text.getvalue())
    return path


def _copy(pair: FolderPair, images: Path, masks: Path, prefix: str) -> list[Group]:
    from ..data import image_id, pair_images_and_masks, read_labels

    for image, mask in pair_images_and_masks(pair.images, pair.masks):
        shutil.copyfile(image, images / f"{prefix}{image.name}")
        labels = read_labels(mask)
        path = masks / f"{prefix}{image_id(image)}{MASK_SUFFIX}"
        _write_tiff(path, _smallest(labels.data), {"axes": labels.axes})
    return _groups_of_folder(pair, prefix)


def _write_layers(pair: TakenPair, images: Path, masks: Path, name: str) -> list[Group]:
    names = _write_arrays(pair.image, pair.one_specimen, images, name, ".tif", lambda image: image)
    if len(pair.masks) == 1:
        _write_arrays(pair.masks[0], pair.one_specimen, masks, name, MASK_SUFFIX, _smallest)
    else:
        for expert, mask in zip(expert_folders(pair), pair.masks, strict=True):
            _write_arrays(mask, pair.one_specimen, masks / expert, name, ".tif", _smallest)
    return [(one, pair.group) for one in names]


def _write_arrays(
    snapshot: Snapshot,
    as_stack: bool,
    folder: Path,
    name: str,
    ending: str,
    to_store: Callable[[NDArray[Any]], NDArray[Any]],
) -> list[str]:
    """Write a stack as one file, or each plane as one; give the names without ending."""
    if as_stack:
        data = to_store(np.stack([plane for _, plane in snapshot.planes()]))
        _write(folder / f"{name}{ending}", data, snapshot, "Z")
        return [name]
    names = []
    for index, plane in snapshot.planes():
        names.append(name + "".join(f"-{position:03d}" for position in index))
        _write(folder / f"{names[-1]}{ending}", to_store(plane), snapshot, "")
    return names


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
    size = snapshot.grid.pixel_size
    if size is None:
        return {}
    height, width = size
    return {
        "resolution": (MICROMETRES_IN_CENTIMETRE / width, MICROMETRES_IN_CENTIMETRE / height),
        "resolutionunit": "CENTIMETER",
    }


def _storable(data: NDArray[Any]) -> NDArray[Any]:
    return data.astype(np.uint8) if data.dtype == bool else data


def _smallest(mask: NDArray[Any]) -> NDArray[Any]:
    """Labels in napari are often int64, which few programs open in a TIFF."""
    if mask.size and mask.min() < 0:
        return mask
    return mask.astype(np.min_scalar_type(int(mask.max(initial=0))))


def _safe(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", name).strip("_")[:60] or "image"
