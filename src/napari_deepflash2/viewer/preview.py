"""The present prediction of a run as layers over the image that is predicted."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from numpy.typing import NDArray

from ..data.ignored import IGNORE
from ..ensemble.manifest import Manifest
from ..ensemble.preview import PREVIEW
from ..ensemble.run import INPUT
from ..errors import InputError
from .colours import class_colormap
from .placing import Output, place, role_of
from .run_sources import Source, source_of

OUTLINE = 2
ROLES = ("preview image", "preview uncertainty", "preview")


@dataclass(frozen=True)
class RunPreview:
    """What a run has predicted last of a held-out image.

    Attributes
    ----------
    fold, iteration : int
        Which model, from 1, and how far it was.
    image_id : str
        Of the image as it was read.
    corner, shape : (int, int)
        Where the arrays begin in that image, and its height and width.
    image : array (Y, X, C)
        Intensities.
    labels : array of uint8, (Y, X)
        Classes from 0.
    uncertainty : array of float32, (Y, X)
        In [0, 1].
    classes : tuple of int
        The value of each class.
    """

    fold: int
    iteration: int
    image_id: str
    corner: tuple[int, int]
    shape: tuple[int, int]
    image: NDArray[Any]
    labels: NDArray[np.uint8]
    uncertainty: NDArray[np.float32]
    classes: tuple[int, ...]


class PreviewReader:
    """Gives each preview of a run once.

    Parameters
    ----------
    folder : path
        The ensemble's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[Path, int] | None = None

    def news(self) -> RunPreview | None:
        """Read the last preview; None where it was read before, or cannot be read now."""
        written = _last_written(self._folder / PREVIEW)
        if written is None or written == self._seen:
            return None
        try:
            found = _read(written[0], self._folder)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            # Half of it is of the next one, or the folder has gone: there will be another, or none.
            return None
        self._seen = written
        return found


def show_preview(viewer: ViewerModel, preview: RunPreview, folder: Path) -> tuple[list[Layer], str]:
    """Place labels and uncertainty over the image they are of, in the layers of the preview before.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where the image was taken from a layer that is still there they lie over it, in its plane; else they
        come with the image.
    preview : RunPreview
        What to show.
    folder : path
        The ensemble's folder.

    Returns
    -------
    list of Layer, str
        The layers, and the name of the image they are of.
    """
    source = source_of(preview.image_id, folder / INPUT)
    layer = None if source is None else source.layer_in(viewer)
    plane = () if source is None else source.plane_of(preview.image_id)
    spatial = spatial_over(source, layer, plane, preview.shape, preview.corner)
    outputs = [*([] if layer else [_image(preview)]), _uncertainty(preview), _labels(preview)]
    if layer is not None:
        _remove(viewer, "preview image")
    shape = (1,) * (0 if layer is None else len(plane))
    before = set(viewer.layers)
    layers = [_place(viewer, one, shape, spatial) for one in outputs]
    if layers[-1] not in before:
        # As outlines it can be compared with the mask below.
        layers[-1].contour = OUTLINE
    return layers, preview.image_id if source is None else source.name_of(preview.image_id)


def hide_preview(viewer: ViewerModel) -> None:
    """Take the layers of the preview away."""
    for role in ROLES:
        _remove(viewer, role)


def go_to(viewer: ViewerModel, layers: Sequence[Layer]) -> None:
    """Move the sliders to where the layers lie."""
    low, high = layers[-1].extent.world
    first = viewer.dims.ndim - len(low)
    for axis in range(len(low) - 2):
        viewer.dims.set_point(first + axis, (low[axis] + high[axis]) / 2)


def _read(path: Path, folder: Path) -> RunPreview:
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with np.load(path, allow_pickle=False) as arrays:
        image, labels, uncertainty = (arrays[name] for name in ("image", "labels", "uncertainty"))
    region, whole = about["region"], about["whole"]
    if labels.shape != (region["height"], region["width"]):
        raise ValueError("arrays and description are of two previews")
    return RunPreview(
        fold=int(path.stem.rpartition("-")[2]),
        iteration=int(about["iteration"]),
        image_id=str(whole["image"]),
        corner=(int(whole["y"]), int(whole["x"])),
        shape=(int(whole["shape"][0]), int(whole["shape"][1])),
        image=image,
        labels=labels,
        uncertainty=uncertainty,
        classes=_classes(folder),
    )


def _classes(folder: Path) -> tuple[int, ...]:
    try:
        return Manifest.load(folder).classes
    except InputError as error:
        raise ValueError(str(error)) from error


def _last_written(folder: Path) -> tuple[Path, int] | None:
    try:
        # The description is written last.
        found = [(path.with_suffix(".npz"), path.stat().st_mtime_ns) for path in folder.glob("fold-*.json")]
    except OSError:
        return None
    return max(found, key=lambda one: one[1], default=None)


def spatial_over(
    source: Source | None,
    layer: Image | None,
    plane: tuple[int, ...],
    shape: tuple[int, int],
    corner: tuple[int, int] = (0, 0),
) -> dict[str, Any]:
    """Tell where maps of a training image lie: over the layer it was taken from, where that is there.

    Parameters
    ----------
    source : Source or None
        What the image was taken from, as far as it is known.
    layer : Image or None
        The same as a layer of the viewer.
    plane : tuple of int
        The plane of the layer.
    shape : (int, int)
        Height and width of the image as it was trained on.
    corner : (int, int)
        First row and column of the maps in it.

    Returns
    -------
    dict
        Keyword arguments for a new layer, with an axis for each of `plane` where there is a layer.
    """
    if source is None:
        return {}
    if layer is None:
        return {"scale": source.scale[-2:], "units": source.units[-2:]}
    grid = source.grid_in(layer)
    spatial = dict(grid.spatial)
    # Trained on at another pixel size, the image has other pixels than the layer.
    steps = [1.0] * len(plane) + [old / new for old, new in zip(grid.shape[-2:], shape, strict=True)]
    scale = np.array(spatial["scale"]) * steps
    first = np.array([*plane, *corner]) * scale + np.array(spatial["scale"]) * (np.array(steps) - 1) / 2
    spatial["scale"] = tuple(scale.tolist())
    spatial["translate"] = tuple(
        (np.array(spatial["translate"]) + spatial["rotate"] @ spatial["shear"] @ first).tolist()
    )
    return spatial


def _image(preview: RunPreview) -> Output:
    pixels = preview.image
    rgb = pixels.shape[-1] == 3
    shown = pixels if rgb else pixels[..., 0]
    low, high = np.percentile(shown, (1, 99.8))
    span = max(float(high - low), 1e-12)
    data = np.clip((shown - low) / span, 0, 1).astype(np.float32)
    return Output("image", ROLES[0], "training preview image", data, {"rgb": rgb}, reshapes=True)


def _uncertainty(preview: RunPreview) -> Output:
    # At first all is uncertain, and would be hidden under it.
    appearance = {"colormap": "inferno", "contrast_limits": (0, 1), "opacity": 0.8, "visible": False}
    name = "training preview uncertainty (0 to 1)"
    return Output("image", ROLES[1], name, preview.uncertainty, appearance, reshapes=True)


def _labels(preview: RunPreview) -> Output:
    values = np.zeros(IGNORE + 1, np.int32)
    values[: len(preview.classes)] = preview.classes
    appearance = {"opacity": 1.0, "colormap": class_colormap(preview.classes)}
    return Output("labels", ROLES[2], "training preview", values[preview.labels], appearance, reshapes=True)


def _place(viewer: ViewerModel, output: Output, leading: tuple[int, ...], spatial: dict[str, Any]) -> Layer:
    data = output.data.reshape(*leading, *output.data.shape)
    # One preview for a viewer, whichever run it is of.
    return place(viewer, replace(output, data=data), (PREVIEW,), spatial)


def _remove(viewer: ViewerModel, role: str) -> None:
    for layer in [layer for layer in viewer.layers if role_of(layer) == role]:
        viewer.layers.remove(layer)
