"""One image of any size, predicted block by block into OME-Zarr; a run that ended early is gone on with."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Configuration
from ..data.lazy_image import LazyImage, LazyPlane, PlaneFigures, measure, with_lowest_instead
from ..data.lazy_resampling import ResampledPlane
from ..data.resampling import target_shape
from ..errors import Problem
from ..exchange import ome_zarr
from ..exchange.ome_zarr import OmeZarr
from ..hashing import hash_of
from ..progress import Progress, ProgressCallback
from .block_maps import BlockMaps
from .block_record import BlockRecord
from .block_rows import ChunkRows
from .large_masks import LargeMask
from .maps import wanted_maps

if TYPE_CHECKING:
    from ..ensemble import Ensemble

UNFINISHED = ".unfinished"
_RECORD = "blocks.jsonl"
_OOD_MAP = "ood_map"


@dataclass(frozen=True)
class LargePlane:
    """What is known of the prediction of one plane.

    Attributes
    ----------
    index : tuple of int
        Its place along the axes of the image beside Y, X and C.
    score, expected_dice, expected_dice_interval, ood_score, is_ood
        As `Prediction` has them.
    scores : dict of str to float or None
        As `Target.scores` gives them; empty where there is no mask.
    """

    index: tuple[int, ...]
    score: float
    expected_dice: float | None
    expected_dice_interval: tuple[float, float] | None
    ood_score: float | None
    is_ood: bool | None
    scores: dict[str, float | None]


@dataclass(frozen=True)
class LargePrediction:
    """What was predicted of an image.

    Attributes
    ----------
    planes : tuple of LargePlane
        In the order of the image.
    notes : tuple of Problem
        What a user should know about it.
    """

    planes: tuple[LargePlane, ...]
    notes: tuple[Problem, ...]


def predict_large(
    image: LazyImage,
    name: str,
    ensemble: Ensemble,
    out: Path,
    config: Configuration,
    progress: ProgressCallback,
    mask: LargeMask | None = None,
) -> LargePrediction:
    """Predict an image into ``labels/NAME.zarr``, ``uncertainty/NAME.zarr`` and what else is wanted.

    While that goes on, all is in the folder ``.unfinished``; results appear when they are whole. Results of
    the same ensemble, settings, image and mask are kept.

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
    mask : LargeMask, optional
        The true mask.

    Raises
    ------
    InputError
        Where the image does not fit the ensemble, or a part of it or of the mask cannot be read.
    """
    return _Large(image, name, ensemble, out, config, mask).run(progress)


class _Large:
    """The work on one image."""

    def __init__(
        self,
        image: LazyImage,
        name: str,
        ensemble: Ensemble,
        out: Path,
        config: Configuration,
        mask: LargeMask | None,
    ) -> None:
        self._image, self._name, self._ensemble, self._config = image, name, ensemble, config
        self._out, self._folder, self._mask = out, out / UNFINISHED / name, mask
        data = ensemble.config.data
        self._size = config.data.size_of_pixels(image.pixel_size) or data.size_of_pixels(None)
        self._at_target = target_shape(image.name, image.shape, self._size, data.target_pixel_size)
        self._shape = config.prediction.scaled(self._at_target)
        kinds = wanted_maps(ensemble, config.prediction)
        self._maps = BlockMaps(self._folder, image, self._shape, kinds, ensemble.classes)
        self._key = self._hashed()

    def run(self, progress: ProgressCallback) -> LargePrediction:
        """Predict what is not predicted yet."""
        kept = OmeZarr(self._final("labels")).about()
        if (
            kept
            and kept.get("key") == self._key
            and all(map(Path.exists, map(self._final, self._maps.kinds)))
        ):
            return self._described(kept)
        instances = self._mask is not None and self._mask.is_instances(self._mask.values(progress))
        record = self._record()
        for number, plane in enumerate(self._planes()):
            self._predict(number, plane, record, instances, progress)
        return self._finished(record, progress)

    def _record(self) -> BlockRecord:
        self._folder.mkdir(parents=True, exist_ok=True)
        found = BlockRecord.of(self._folder / _RECORD, self._key)
        if found is not None:
            self._maps.go_on()
            return found
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self._maps.create()
        return BlockRecord.new(self._folder / _RECORD, self._key)

    def _predict(
        self, number: int, plane: LazyPlane, record: BlockRecord, instances: bool, progress: ProgressCallback
    ) -> None:
        source = plane if self._shape == plane.shape else ResampledPlane(plane, self._shape)
        if number not in record.planes:
            record.add_plane(number, asdict(measure(source, progress, f"{self._name}: reading")))
        figures = _figures(record.planes[number])
        rows = ChunkRows(
            self._maps,
            plane.index,
            self._ensemble.classes,
            functools.partial(self._mask.part, plane.index, self._shape, instances) if self._mask else None,
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
        strips = self._ensemble.unlikeness(
            source, figures, record.done_strips(number), progress, f"{self._name}: likeness"
        )
        for strip, cells in strips:
            record.add_strip(number, strip, cells)

    def _finished(self, record: BlockRecord, progress: ProgressCallback) -> LargePrediction:
        """Make the pyramids, and give the results their names: the labels, which vouch for all, last."""
        planes = [self._plane(number, record) for number in range(self._image.n_planes)]
        about = {"key": self._key, "planes": planes}
        kinds = [*reversed(self._maps.kinds)]
        for done, kind in enumerate(kinds):
            progress(Progress(f"{self._name}: writing", done, len(kinds)))
            # What is not there any more has its name already: an earlier run came so far.
            if self._maps.path(kind).exists():
                if kind == _OOD_MAP:
                    self._paint(record)
                self._maps.finish(kind, self._name, about)
                _exchange(self._maps.path(kind), self._final(kind), self._folder / "old.zarr")
        progress(Progress(f"{self._name}: writing", len(kinds), len(kinds)))
        shutil.rmtree(self._folder)
        if not any(self._folder.parent.iterdir()):
            self._folder.parent.rmdir()
        return self._described(about)

    def _plane(self, number: int, record: BlockRecord) -> dict[str, Any]:
        """Put together what is known of a plane, for JSON."""
        from ..ensemble.judging import Verdict

        figures, rate = record.whole(number), self._config.prediction.false_alarm_rate
        judge = self._ensemble.judge
        verdict = judge.verdict(figures.sums, record.cells(number), rate) if judge else Verdict()
        return {
            "score": figures.sums.score,
            "empty": not figures.sums.foreground,
            "ranges": record.planes[number]["ranges"],
            **asdict(verdict),
            "scores": figures.overlap.scores(self._ensemble.classes) if figures.overlap else {},
        }

    def _paint(self, record: BlockRecord) -> None:
        """Write the map of what is unlike, from the scores of the cells."""
        judge, rate = self._ensemble.judge, self._config.prediction.false_alarm_rate
        for number, plane in enumerate(self._image.planes()):
            cells = record.cells(number)
            if judge is None or cells is None:
                continue
            for region in self._maps.regions():
                values = judge.ood_map(cells, self._shape, region, rate)
                self._maps.write_map(_OOD_MAP, plane.index, region, values)

    def _described(self, about: Mapping[str, Any]) -> LargePrediction:
        indices = [plane.index for plane in self._image.planes()]
        planes = [_plane_of(index, found) for index, found in zip(indices, about["planes"], strict=True)]
        return LargePrediction(tuple(planes), tuple(dict.fromkeys(self._notes(about["planes"]))))

    def _notes(self, planes: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
        from ..ensemble.image_notes import notes_on_figures, resampled_note, unlike_note

        yield from self._image.notes
        for plane in planes:
            yield from notes_on_figures(plane["ranges"], self._name, self._ensemble.manifest, self._size)
            if plane["is_ood"]:
                yield unlike_note(self._name)
        if self._at_target != self._image.shape:
            target = self._ensemble.config.data.target_pixel_size
            yield resampled_note(self._name, self._size, target)
        if self._mask is not None:
            yield Problem(
                self._name,
                "is read part by part, so its average precision, which takes whole objects, is not known",
                "Predict parts of it as images of their own, where objects count.",
                "no-average-precision",
            )
        if all(plane["empty"] for plane in planes):
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

    def _final(self, kind: str) -> Path:
        return self._out / kind / f"{self._name}.zarr"

    def _hashed(self) -> str:
        """Hash all that the result depends on; of image and mask what tells without reading them."""
        quality = self._ensemble.manifest.quality
        depends_on = {
            "members": [member.sha256 for member in self._ensemble.members],
            "quality": quality and quality.sha256,
            "classes": self._ensemble.classes,
            "prediction": self._config.prediction.model_dump(mode="json"),
            "data": self._config.data.model_dump(mode="json"),
            "grid": [self._image.axes, self._image.steps, self._image.units, self._image.origin, self._shape],
            "image": _identity(self._image),
            "mask": self._mask and _identity(self._mask.image),
        }
        return hash_of(depends_on)


def _plane_of(index: tuple[int, ...], found: Mapping[str, Any]) -> LargePlane:
    interval = found["expected_dice_interval"]
    return LargePlane(
        index,
        found["score"],
        found["expected_dice"],
        (interval[0], interval[1]) if interval else None,
        found["ood_score"],
        found["is_ood"],
        found["scores"],
    )


def _identity(image: LazyImage) -> list[Any]:
    """Tell one file from another without reading it."""
    path = Path(image.name)
    status = path.stat() if path.exists() else None
    return [
        image.name,
        str(image.dtype),
        list(image.array.shape),
        status and [status.st_size, status.st_mtime_ns],
    ]


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
