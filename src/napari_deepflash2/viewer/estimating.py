"""How long a training will take here and what room it needs, before it is started."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config import Configuration, DataConfig
from ..data.resampling import target_shape
from ..errors import InputError
from ..progress import ProgressCallback
from .child import run_child
from .grids import data_at, grid_of
from .pairs import FolderPair, LayerPair, Pair

CLASSES = 2


@dataclass(frozen=True)
class Planned:
    """What an estimate depends on, and nothing else: the same is estimated once.

    Attributes
    ----------
    shapes : tuple of (int, int)
        Height and width of every plane.
    channels : int
    folders : tuple of FolderPair
        Whose images have still to be looked at.
    settings : str
        All settings, as JSON.
    """

    shapes: tuple[tuple[int, int], ...]
    channels: int
    folders: tuple[FolderPair, ...]
    settings: str


@dataclass(frozen=True)
class Told:
    """An estimate in words, and the room on the disk that it needs."""

    text: str
    disk_bytes: int


def plan_of(pairs: Sequence[Pair], config: Configuration) -> Planned:
    """Tell what the estimate of a training depends on; nothing is loaded.

    Raises
    ------
    InputError
        Where pixel sizes do not fit the settings.
    """
    layers = [pair for pair in pairs if isinstance(pair, LayerPair)]
    return Planned(
        tuple(shape for pair in layers for shape in _shapes(pair, config)),
        _channels(layers[0]) if layers else 1,
        tuple(pair for pair in pairs if isinstance(pair, FolderPair)),
        config.model_dump_json(),
    )


def estimate(planned: Planned, progress: ProgressCallback) -> Told:
    """Measure some steps in a process of its own, which takes some seconds; a job for a worker."""
    shapes, channels = list(planned.shapes), planned.channels
    settings = json.loads(planned.settings)
    for pair in planned.folders:
        shape, channels = _first_of(pair, Configuration.of(settings).data)
        shapes += [shape] * pair.count
    question = {
        "shapes": shapes,
        "channels": channels,
        "classes": CLASSES,
        "settings": settings,
    }
    said = run_child(
        ["napari_deepflash2.jobs.estimate"], "estimating time and room", progress, json.dumps(question)
    )
    found = json.loads(said)
    return Told(found["text"], found["disk_bytes"])


def room_text(told: Told, out: Path | None) -> str:
    """Say where the disk of the output folder has too little room; empty where it has, or is not known."""
    there = next((path for path in ([out, *out.parents] if out else []) if path.is_dir()), None)
    if there is None:
        return ""
    free = shutil.disk_usage(there).free
    return f"Only {free / 1e6:.0f} MB are free there." if free < told.disk_bytes else ""


def _shapes(pair: LayerPair, config: Configuration) -> list[tuple[int, int]]:
    grid = grid_of(pair.image, pair.how.channel_axis, pair.how.level)
    size = config.data.size_of_pixels(grid.pixel_size)
    target = config.data.target_pixel_size
    shape = target_shape(f'layer "{grid.name}"', (grid.shape[-2], grid.shape[-1]), size, target)
    return [shape] * int(np.prod(grid.shape[:-2], dtype=int))


def _channels(pair: LayerPair) -> int:
    data = data_at(pair.image, pair.how.level)
    if pair.image.rgb:
        return int(data.shape[-1])
    return 1 if pair.how.channel_axis is None else int(data.shape[pair.how.channel_axis])


def _first_of(pair: FolderPair, config: DataConfig) -> tuple[tuple[int, int], int]:
    """Size and channels of a folder's first image, which the others are taken to be like."""
    from ..data import pair_images_and_masks
    from ..data.set_reading import read_set_image

    paths = pair_images_and_masks(pair.images, pair.masks)
    if not paths:
        raise InputError.one(pair.images, "holds no pair any more", "Add the folders anew.", "no-images")
    image = read_set_image(paths[0][0], config)
    has_channels = image.axes.endswith("C")
    height, width = image.data.shape[image.axes.index("Y") : image.axes.index("X") + 1]
    return (height, width), int(image.data.shape[-1]) if has_channels else 1
