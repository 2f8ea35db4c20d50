"""One image of any size, predicted block by block into OME-Zarr; a run that ended early is gone on with."""

from __future__ import annotations

import functools
import hashlib
import json
import operator
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..config import Configuration
from ..data.lazy_image import LazyImage, LazyPlane, PlaneFigures, measure, with_lowest_instead
from ..data.lazy_resampling import ResampledPlane
from ..data.resampling import target_shape
from ..errors import Problem
from ..exchange import ome_zarr
from ..exchange.ome_zarr import Grid, OmeZarr
from ..progress import Progress, ProgressCallback
from .block_record import BlockRecord, PartFigures

if TYPE_CHECKING:
    from ..ensemble import Ensemble
    from ..prediction import Moments, Prediction
    from ..prediction.blocks import Block

UNFINISHED = ".unfinished"
_RECORD = "blocks.jsonl"


@dataclass(frozen=True)
class LargePrediction:
    """What was predicted of an image.

    Attributes
    ----------
    scores : tuple of float
        Of each plane, as `Prediction.score`.
    indices : tuple of tuple of int
        Place of each plane along the axes of the image beside Y, X and C.
    notes : tuple of Problem
        What a user should know about it.
    """

    scores: tuple[float, ...]
    indices: tuple[tuple[int, ...], ...]
    notes: tuple[Problem, ...]


def predict_large(
    image: LazyImage,
    name: str,
    ensemble: Ensemble,
    out: Path,
    config: Configuration,
    progress: ProgressCallback,
) -> LargePrediction:
    """Predict an image into ``labels/NAME.zarr`` and ``uncertainty/NAME.zarr``.

    While that goes on, all is in the folder ``.unfinished``; results appear when they are whole. Results of
    the same ensemble, settings and image are kept.

    Parameters
    ----------
    image : LazyImage
        With the channels of the training images.
    name : str
        Of the results.
    ensemble : Ensemble
        The models.
    out : path
        An existing folder.
    config : Configuration
        Its parts ``data`` and ``prediction`` are used.
    progress : callable
        Called after every batch of tiles; may raise `Cancelled`, after which the next call goes on.

    Raises
    ------
    InputError
        Where the image does not fit the ensemble, or a part of it cannot be read.
    """
    return _Large(image, name, ensemble, out, config).run(progress)


class _Large:
    """The work on one image."""

    def __init__(
        self, image: LazyImage, name: str, ensemble: Ensemble, out: Path, config: Configuration
    ) -> None:
        self._image, self._name, self._ensemble, self._config = image, name, ensemble, config
        self._out, self._folder = out, out / UNFINISHED / name
        data = ensemble.config.data
        self._size = config.data.size_of_pixels(image.pixel_size) or data.size_of_pixels(None)
        self._at_target = target_shape(image.name, image.shape, self._size, data.target_pixel_size)
        self._shape = config.prediction.scaled(self._at_target)
        self._grid = _grid(image, self._shape)
        self._key = self._hashed()

    def run(self, progress: ProgressCallback) -> LargePrediction:
        """Predict what is not predicted yet."""
        kept = OmeZarr(self._final("labels")).about()
        if kept and kept.get("key") == self._key:
            return self._described(kept)
        record = self._record()
        for number, plane in enumerate(self._planes()):
            self._predict(number, plane, record, progress)
        return self._finished(record, progress)

    def _record(self) -> BlockRecord:
        self._folder.mkdir(parents=True, exist_ok=True)
        found = BlockRecord.of(self._folder / _RECORD, self._key)
        if found is not None:
            return found
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        for kind, dtype in self._kinds().items():
            self._open(kind).create(self._grid, dtype)
        return BlockRecord.new(self._folder / _RECORD, self._key)

    def _predict(
        self, number: int, plane: LazyPlane, record: BlockRecord, progress: ProgressCallback
    ) -> None:
        if number not in record.planes:
            measured = measure(plane, progress, f"{self._name}: reading")
            record.add_plane(number, asdict(measured))
        figures = _figures(record.planes[number])
        source = plane if self._shape == plane.shape else ResampledPlane(plane, self._shape)
        arrays = {kind: self._open(kind) for kind in self._kinds()}
        rows = _ChunkRows(
            arrays,
            self._grid,
            self._place(plane.index),
            self._ensemble.classes,
            functools.partial(record.add_part, number),
        )
        self._ensemble.predict_blocks(
            source,
            figures,
            rows.take,
            self._config.prediction,
            record.done(number),
            progress,
            self._name,
            ome_zarr.CHUNK,
        )

    def _finished(self, record: BlockRecord, progress: ProgressCallback) -> LargePrediction:
        """Make the pyramids, and give the results their names: the labels, which vouch for all, last."""
        numbers = range(self._n_planes)
        about = {
            "key": self._key,
            "scores": [record.score(number) for number in numbers],
            "empty": [record.is_empty(number) for number in numbers],
            "ranges": [record.planes[number]["ranges"] for number in numbers],
        }
        kinds = [*reversed(self._kinds())]
        for done, kind in enumerate(kinds):
            progress(Progress(f"{self._name}: writing", done, len(kinds)))
            # What is not there any more has its name already: an earlier run came so far.
            if (self._folder / f"{kind}.zarr").exists():
                what: Literal["labels", "image"] = "labels" if kind == "labels" else "image"
                self._open(kind).finish(self._grid, self._name, what, about)
                _exchange(self._folder / f"{kind}.zarr", self._final(kind), self._folder / "old.zarr")
        progress(Progress(f"{self._name}: writing", len(kinds), len(kinds)))
        shutil.rmtree(self._folder)
        if not any(self._folder.parent.iterdir()):
            self._folder.parent.rmdir()
        return self._described(about)

    def _described(self, about: Mapping[str, Any]) -> LargePrediction:
        indices = tuple(plane.index for plane in self._image.planes())
        notes = dict.fromkeys(self._notes(about["empty"], about["ranges"]))
        return LargePrediction(tuple(about["scores"]), indices, tuple(notes))

    def _notes(
        self, empty: Sequence[bool], ranges: Sequence[Sequence[tuple[float, float]]]
    ) -> Iterator[Problem]:
        from ..ensemble.image_notes import notes_on_figures, resampled_note

        yield from self._image.notes
        for of_plane in ranges:
            yield from notes_on_figures(of_plane, self._name, self._ensemble.manifest, self._size)
        if self._at_target != self._image.shape:
            target = self._ensemble.config.data.target_pixel_size
            yield resampled_note(self._name, self._size, target)
        if all(empty):
            yield Problem(
                self._name,
                "no foreground is predicted, so the score is the mean uncertainty of the whole image",
                "Look at the uncertainty map; an image without objects is a result too.",
                "no-foreground",
            )

    def _planes(self) -> Iterator[LazyPlane]:
        for plane in self._image.planes():
            replaces = self._config.data.not_finite == "background" and self._image.dtype.kind == "f"
            yield with_lowest_instead(plane) if replaces else plane

    @property
    def _n_planes(self) -> int:
        return int(np.prod([self._image.length(axis) for axis in self._image.leading]))

    def _place(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Bring the place of a plane into the order of the axes of the results."""
        of_axis = dict(zip(self._image.leading, index, strict=True))
        return tuple(of_axis[axis] for axis in self._grid.axes[:-2])

    def _kinds(self) -> dict[str, np.dtype[Any]]:
        """List the maps that are wanted with what they hold, the labels first."""
        classes = np.min_scalar_type(max(self._ensemble.classes))
        single = np.dtype(np.float32)
        more = ("entropy", "mutual_information") if self._config.prediction.entropy else ()
        return {"labels": classes, "uncertainty": single, **dict.fromkeys(more, single)}

    def _open(self, kind: str) -> OmeZarr:
        return OmeZarr(self._folder / f"{kind}.zarr")

    def _final(self, kind: str) -> Path:
        return self._out / kind / f"{self._name}.zarr"

    def _hashed(self) -> str:
        """Hash all that the result depends on; of the image what tells without reading it."""
        path = Path(self._image.name)
        status = path.stat() if path.exists() else None
        depends_on = {
            "members": [member.sha256 for member in self._ensemble.members],
            "temperature": self._ensemble.temperature,
            "classes": self._ensemble.classes,
            "prediction": self._config.prediction.model_dump(mode="json"),
            "not_finite": self._config.data.not_finite,
            "grid": asdict(self._grid),
            "image": [self._image.name, str(self._image.dtype), self._image.array.shape],
            "file": status and [status.st_size, status.st_mtime_ns],
        }
        return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()


class _ChunkRows:
    """Puts blocks together to rows of chunks, which are written whole.

    Parameters
    ----------
    arrays : dict of str to OmeZarr
        By the kind of map.
    grid : Grid
        Of the arrays.
    index : tuple of int
        Of the plane, along the axes before Y and X.
    classes : sequence of int
        Of the labels, the background first.
    written : callable
        Is given the number of the first block and the figures of each row once it is on the disk.
    """

    def __init__(
        self,
        arrays: Mapping[str, OmeZarr],
        grid: Grid,
        index: tuple[int, ...],
        classes: Sequence[int],
        written: Callable[[int, PartFigures], None],
    ) -> None:
        self._arrays, self._height, self._index = arrays, grid.shape[-2], index
        self._classes, self._written = classes, written
        self._waiting: list[tuple[Block, Prediction]] = []

    def take(self, block: Block, moments: Moments) -> None:
        """Take the next block of a column; write what ends with it."""
        from ..prediction import Prediction

        self._waiting.append((block, Prediction.from_moments(moments, self._classes, "image")))
        bottom = block.region.bottom
        if bottom % ome_zarr.CHUNK == 0 or bottom == self._height:
            self._write([one for one, _ in self._waiting], [found for _, found in self._waiting])
            self._waiting = []

    def _write(self, blocks: Sequence[Block], found: Sequence[Prediction]) -> None:
        first, last = blocks[0].region, blocks[-1].region
        rows, columns = slice(first.top, last.bottom), slice(first.left, first.right)
        for kind, array in self._arrays.items():
            array.write(self._index, rows, columns, np.concatenate([getattr(one, kind) for one in found]))
        figures = functools.reduce(operator.add, (_figures_of(one, self._classes[0]) for one in found))
        self._written(blocks[0].number, figures)


def _figures_of(found: Prediction, background: int) -> PartFigures:
    foreground = found.labels != background
    uncertainty = found.uncertainty.astype(np.float64)
    of_foreground, of_all = float(uncertainty[foreground].sum()), float(uncertainty.sum())
    return PartFigures(1, int(foreground.sum()), foreground.size, of_foreground, of_all)


def _grid(image: LazyImage, shape: tuple[int, int]) -> Grid:
    """Lay the results over the image, in an order of axes that OME-Zarr allows."""
    lengths = dict(zip("YX", shape, strict=True))
    axes = "".join(axis for axis in "TZYX" if axis in image.axes)
    at = [image.axes.index(axis) for axis in axes]
    # Where pixels grow or shrink, the middle of the first one moves.
    factors = [image.length(axis) / lengths.get(axis, image.length(axis)) for axis in axes]
    return Grid(
        axes,
        tuple(lengths.get(axis, image.length(axis)) for axis in axes),
        tuple(image.steps[i] * factor for i, factor in zip(at, factors, strict=True)),
        tuple(image.units[i] for i in at),
        tuple(
            image.origin[i] + image.steps[i] * (factor - 1) / 2 for i, factor in zip(at, factors, strict=True)
        ),
    )


def _figures(measured: Mapping[str, Any]) -> PlaneFigures:
    ranges = tuple((low, high) for low, high in measured["ranges"])
    return PlaneFigures(tuple(measured["mean"]), tuple(measured["std"]), ranges)


def _exchange(new: Path, final: Path, aside: Path) -> None:
    final.parent.mkdir(exist_ok=True)
    if aside.exists():
        shutil.rmtree(aside)
    if final.exists():
        final.rename(aside)
    new.rename(final)
