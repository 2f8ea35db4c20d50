"""Opening Zarr arrays and OME-Zarr images that anybody may have written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, Problem, listed
from .addresses import connection_errors, is_address, nothing_there, unknown_address, unreachable
from .decoded import DECODING_ERRORS, unreadable
from .lazy_image import Checked, LazyImage, axes_of_names

if TYPE_CHECKING:
    import zarr

# What image writers use. Others, such as pickle, run code that the file brings.
_CODECS = {
    "adler32", "astype", "bitround", "blosc", "bytes", "bz2", "crc32", "crc32c", "delta", "fixedscaleoffset",
    "fletcher32", "gzip", "jenkins_lookup3", "lz4", "lzma", "packbits", "pcodec", "quantize",
    "sharding_indexed", "shuffle", "transpose", "zlib", "zstd",
}  # fmt: skip
_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
_MOST_METADATA_BYTES = 2**20


def is_zarr(path: Path | str) -> bool:
    """Whether a path is a folder that Zarr wrote, or an address of one elsewhere."""
    if is_address(path):
        return True
    path = Path(path)
    return path.is_dir() and any((path / name).is_file() for name in _METADATA)


def open_zarr(path: Path | str, pages: str = "refuse", least: int | None = None) -> LazyImage:
    """Open an array, or one resolution of an OME-Zarr image, without reading any pixel.

    Parameters
    ----------
    path : path or str
        A folder, or an address such as ``https://...`` or ``s3://...`` that fsspec can read.
    pages : {"refuse", "slices", "channels"}
        What the first of three axes is in an array that does not name them.
    least : int, optional
        Open the coarsest resolution that has so many pixels along Y or X; by default, and where none has, the
        full one.

    Raises
    ------
    InputError
        Where it cannot be opened, is compressed by anything but what image writers use, holds no
        numbers, or has axes of unknown meaning.
    """
    refuse_without_zarr(path)
    with _as_input_error(path):
        multiscale, array = _opened(path, least)
        _refuse_codecs(path, array.metadata.to_dict())
        if np.dtype(array.dtype).kind not in "biuf" or 0 in array.shape:
            found = f"holds {array.dtype} of shape {array.shape}"
            raise InputError.one(path, found, "Choose an image of integers or real numbers.", "bad-dtype")
        axes = axes_of_names(str(path), _names(multiscale, array), array.shape, pages)
        chunks, grid = array.shards or array.chunks, _grid(multiscale, array.ndim)
        notes = _missing(array, str(path))
    return LazyImage(str(path), Checked(array, str(path)), axes, chunks, *grid, notes)


def refuse_without_zarr(path: Path | str) -> None:
    """Refuse a file that only Zarr can read part by part, where it is not installed."""
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise InputError.one(
            path,
            "is read by Zarr, which is not installed",
            "Install it: pip install 'napari-deepflash2[zarr]'.",
            "no-zarr",
        ) from error


@contextmanager
def _as_input_error(path: Path | str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except connection_errors() as error:
        raise unreachable(str(path), error) from error
    except (ImportError, *DECODING_ERRORS) as error:
        raise _refusal(path, error) from error


def _refusal(path: Path | str, error: Exception) -> InputError:
    if not is_address(path):
        return unreadable(path, error)
    # Releases of Zarr differ in what its errors are derived from.
    if "NotFound" in type(error).__name__:
        return nothing_there(str(path))
    if isinstance(error, ImportError) or "rotocol" in str(error):
        return unknown_address(str(path), error)
    return unreadable(path, error)


def _opened(path: Path | str, least: int | None) -> tuple[Mapping[str, Any] | None, zarr.Array]:
    import zarr

    _look_into(path, "")
    node = zarr.open(str(path), mode="r")
    if isinstance(node, zarr.Array):
        return None, node
    attributes = dict(node.attrs)
    multiscales = attributes.get("ome", attributes).get("multiscales")
    if not multiscales:
        raise InputError.one(path, "is a Zarr group without an image in it", "Choose an image.", "no-image")
    levels = multiscales[0]["datasets"]
    for level in reversed(levels if least else levels[:1]):
        array = _level(path, node, str(level["path"]))
        # What is beside Y and X has the same length at each resolution.
        if least is None or max(array.shape[-2:]) >= least or level is levels[0]:
            break
    return {**multiscales[0], "datasets": [level]}, array


def _level(path: Path | str, group: zarr.Group, dataset: str) -> zarr.Array:
    import zarr

    _look_into(path, dataset)
    array = group.get(dataset)
    if not isinstance(array, zarr.Array):
        raise InputError.one(path, f"has no array {dataset}", "Copy the image again.", "no-image")
    return array


def _look_into(path: Path | str, dataset: str) -> None:
    """Look at the codecs of a folder before Zarr does, which makes the decoders as soon as it opens it."""
    for name in () if is_address(path) else ("zarr.json", ".zarray"):
        found = Path(path) / dataset / name
        if not found.is_file():
            continue
        if found.stat().st_size > _MOST_METADATA_BYTES:
            raise unreadable(found, "more than 1 MiB of metadata")
        _refuse_codecs(path, json.loads(found.read_text(encoding="utf-8")))


def _refuse_codecs(path: Path | str, metadata: Mapping[str, Any]) -> None:
    foreign = sorted(set(_codecs(metadata)) - _CODECS)
    if foreign:
        raise InputError.one(
            path,
            f"is compressed by {listed(foreign)}, which is not read: it may run code that the file brings",
            "Save the image with a usual compression, such as zstd or blosc.",
            "foreign-codec",
        )


def _codecs(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Names of all codecs of an array, those within shards too."""
    if str(metadata.get("dtype", "")).endswith("O"):
        yield "objects"
    found = [*_listed(metadata.get("filters")), *_listed(metadata.get("compressor"))]
    found += [*_listed(metadata.get("codecs")), *_listed(metadata.get("index_codecs"))]
    for codec in found:
        name = codec.get("id") or codec.get("name") if isinstance(codec, Mapping) else codec
        yield str(name).removeprefix("numcodecs.")
        if isinstance(codec, Mapping) and isinstance(codec.get("configuration"), Mapping):
            yield from _codecs(codec["configuration"])


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] if value else []


def _names(multiscale: Mapping[str, Any] | None, array: zarr.Array) -> list[str | None]:
    if multiscale is None:
        names = getattr(array.metadata, "dimension_names", None)
        return list(names or [None] * array.ndim)
    axes = multiscale.get("axes") or list("tczyx")
    return [axis["name"] if isinstance(axis, Mapping) else str(axis) for axis in axes]


def _grid(
    multiscale: Mapping[str, Any] | None, n_axes: int
) -> tuple[tuple[float, ...], tuple[str, ...], tuple[float, ...]]:
    """Give the steps, units and origin of each axis, at full resolution."""
    steps, units, origin = np.ones(n_axes), [""] * n_axes, np.zeros(n_axes)
    if multiscale is not None:
        for axis, named in enumerate(multiscale.get("axes", [])):
            units[axis] = str(named.get("unit") or "") if isinstance(named, Mapping) else ""
        transforms = [*multiscale["datasets"][0].get("coordinateTransformations", [])]
        for one in [*transforms, *multiscale.get("coordinateTransformations", [])]:
            if one.get("type") == "scale":
                factors = np.array(one["scale"], float)
                steps, origin = steps * factors, origin * factors
            elif one.get("type") == "translation":
                origin = origin + np.array(one["translation"], float)
    return tuple(steps.tolist()), tuple(units), tuple(origin.tolist())


def _missing(array: zarr.Array, name: str) -> tuple[Problem, ...]:
    """Note chunks that are not there, which Zarr reads as empty without a word; on disk alone."""
    root = getattr(array.store, "root", None)
    if root is None:
        return ()
    folder = Path(root) / array.path
    chunks = array.shards or array.chunks
    grid = [-(-length // chunk) for length, chunk in zip(array.shape, chunks, strict=True)]
    absent = [
        place
        for place in product(*map(range, grid))
        if not (folder / array.metadata.encode_chunk_key(place)).is_file()
    ]
    if not absent:
        return ()
    first = "/".join(map(str, absent[0]))
    found = f"{len(absent)} of {int(np.prod(grid))} chunks are not there, the first of them {first}"
    return (
        Problem(
            name,
            f"{found}; they are read as {array.fill_value}",
            "Nothing to do where its writer leaves out empty chunks; else copy it again.",
            "missing-chunks",
        ),
    )
