"""Predicting an Image layer with an ensemble."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..config import Configuration, PredictionConfig
from ..errors import InputError, Problem
from ..hashing import hash_of
from ..progress import Cancelled, Progress, ProgressCallback
from .frames import Frame
from .growing_layers import LABELS, UNCERTAINTY, UNLIKE, GrowingLayers, probability_roles
from .known import Figures
from .object_layer import OBJECTS, LayerObjects, find_layer_objects
from .placing import checksum
from .reading import Snapshot
from .regions import Target

if TYPE_CHECKING:
    from ..data.lazy_image import PlaneFigures
    from ..ensemble import Ensemble

# Settings that say which maps are wanted, and change none of them.
_OUTPUTS = {"entropy", "epistemic", "probabilities", "batch_size", OBJECTS}


@dataclass(frozen=True)
class LayerPrediction:
    """What is known of an image after a run, and of earlier runs that it belongs together with.

    Attributes
    ----------
    image : Snapshot
        What was predicted.
    target : Target
        Which part of it was to be predicted in this run.
    frame : Frame
        The pixels of the image's grid that the maps have: all, unless there is no room for them.
    labels : array of int, shape of `frame`
        Background where nothing is known.
    uncertainty : array of float32, shape of `frame`
        NaN where nothing is known.
    probabilities : array of float32, shape (L - 1, *frame), or None
        Calibrated probabilities of the foreground classes, NaN where nothing is known; None where they were
        not asked for.
    ood_map : array of float32, shape of `frame`, or None
        How unlike the training images each place is, above 0 it is called unlike; NaN where nothing is known,
        None where it cannot be.
    classes : tuple of int
        Values that `labels` may hold, the background first.
    planes : tuple of Figures
        What is known of which region of which plane, in the order of the planes.
    notes : tuple of Problem
        What to know about it, each once.
    is_stopped : bool
        Whether the run was ended before all of the target was predicted.
    epistemic : array of float32, shape of `frame`, or None
        The part of the uncertainty that is disagreement; None where it was not asked for.
    objects : LayerObjects or None
        None where they were not asked for, or the run was ended before they were found.
    """

    image: Snapshot
    target: Target
    frame: Frame
    labels: NDArray[np.integer]
    uncertainty: NDArray[np.float32]
    probabilities: NDArray[np.float32] | None
    ood_map: NDArray[np.float32] | None
    classes: tuple[int, ...]
    planes: tuple[Figures, ...]
    notes: tuple[Problem, ...] = ()
    is_stopped: bool = False
    epistemic: NDArray[np.float32] | None = None
    objects: LayerObjects | None = None

    def where(self, figures: Figures) -> tuple[int | slice, ...]:
        """Index the maps with the region that some figures are of; gives (Y, X)."""
        return self.frame.where(figures.index, figures.region)


def predict_layer(
    image: Snapshot,
    target: Target,
    folder: Path,
    config: Configuration,
    growing: GrowingLayers,
    progress: ProgressCallback,
) -> LayerPrediction:
    """Predict a part of an image plane by plane, tile by tile; a job for a worker.

    Where it is cancelled, what was predicted so far is the result.

    Parameters
    ----------
    image : Snapshot
        The image.
    target : Target
        Which part of it.
    folder : path
        Of the ensemble.
    config : Configuration
        Its part ``prediction`` is used.
    growing : GrowingLayers
        Are given what is known as soon as it is.
    progress : callable
        Called after every batch of tiles; may raise `Cancelled`.

    Raises
    ------
    InputError
        Where the ensemble is damaged or the image does not fit it.
    Cancelled
        Where nothing was predicted yet.
    """
    return _Run(image, target, folder, config.prediction, growing, progress).run()


class _Run:
    """The work of one worker."""

    def __init__(
        self,
        image: Snapshot,
        target: Target,
        folder: Path,
        config: PredictionConfig,
        growing: GrowingLayers,
        progress: ProgressCallback,
    ) -> None:
        self._image, self._target, self._config = image, target, config
        self._growing, self._progress = growing, progress
        progress(Progress("loading the ensemble", 0, 0))
        self._ensemble = _loaded(folder)
        self._notes: list[Problem] = []

    def run(self) -> LayerPrediction:
        """Predict all planes of the target, or until it is stopped."""
        # There may be no room for all of it, which is said before anything is done.
        Frame.of(self._image, self._target)
        self._growing.begin(self._ensemble.classes, self._key(), self._ensemble.knows_likeness)
        is_stopped = False
        try:
            for number, index in enumerate(self._target.indices):
                self._predict(number, index)
        except Cancelled:
            if not self._growing.has_begun:
                raise
            is_stopped = True
        finally:
            self._growing.seal()
        result = self._result(is_stopped)
        return self._with_objects(result) if self._config.objects and not is_stopped else result

    def _predict(self, number: int, index: tuple[int, ...]) -> None:
        progress = self._within(number)
        try:
            found = self._ensemble.predict_region(
                self._image.lazy_plane(index),
                self._target.region,
                functools.partial(self._growing.take, index),
                self._target.centre,
                self._config,
                progress,
                self._image.grid.pixel_size,
                self._figures(index, progress),
            )
        except Cancelled:
            self._growing.interrupt(index)
            raise
        self._growing.finish(index, found)
        self._notes += found.notes

    def _with_objects(self, result: LayerPrediction) -> LayerPrediction:
        try:
            return replace(result, objects=find_layer_objects(result, self._ensemble, self._progress))
        except Cancelled:
            return result

    def _figures(self, index: tuple[int, ...], progress: ProgressCallback) -> PlaneFigures | None:
        """Measure a very large plane on a coarser level, where its own figures are asked for."""
        plane, overview = self._image.coarse_plane(index), self._image.overview
        if plane is None or overview is None or not self._ensemble.normalises_by_image:
            return None
        from ..data.lazy_image import measure

        self._notes.append(
            Problem(
                f'layer "{self._image.name}"',
                f"was standardised by mean and spread of its level {overview.grid.level}, as reading all "
                "pixels would take long; the spread of a coarser level is a little smaller",
                "Predict the file with napari-deepflash2 predict where that matters.",
                "measured-on-coarser-level",
            )
        )
        return measure(plane, progress, f"{plane.image.name}: reading")

    def _within(self, number: int) -> Callable[[Progress], None]:
        total = len(self._target.indices)
        if total == 1:
            return self._progress
        return lambda step: self._progress(
            Progress(f"plane {number + 1} of {total}, {step.task}", step.done, step.total, step.values)
        )

    def _key(self) -> str:
        """Hash all that results depend on which belong together."""
        image, ensemble = self._image, self._ensemble
        depends_on = {
            "members": [member.sha256 for member in ensemble.members],
            "temperature": ensemble.temperature,
            "classes": ensemble.classes,
            "prediction": self._config.model_dump(mode="json", exclude=_OUTPUTS),
            "grid": [image.grid.level, image.grid.shape, image.grid.pixel_size],
            "channels": [image.channel_axis, image.channels_last, image.channels],
            "image": _fingerprint(image.data),
        }
        return hash_of(depends_on)

    def _result(self, is_stopped: bool) -> LayerPrediction:
        maps = self._growing.maps
        assert maps is not None, "a region has a pixel"
        roles = [role for role in probability_roles(self._ensemble.classes) if role in maps.arrays]
        replaced = (_replaced(self._image),) if self._growing.has_replaced else ()
        return LayerPrediction(
            self._image,
            self._target,
            maps.frame,
            maps.on_grid(LABELS),
            maps.on_grid(UNCERTAINTY),
            np.stack([maps.on_grid(role) for role in roles]) if roles else None,
            maps.on_grid(UNLIKE) if UNLIKE in maps.arrays else None,
            self._ensemble.classes,
            self._growing.known,
            tuple(dict.fromkeys([*self._notes, *replaced, *self._ensemble.unknown])),
            is_stopped,
            maps.on_grid("epistemic") if "epistemic" in maps.arrays else None,
        )


def _loaded(folder: Path) -> Ensemble:
    """Load an ensemble, or take the one that was loaded last where its files are what they were."""
    files = [(path.name, path.stat()) for path in sorted(folder.glob("*")) if path.is_file()]
    return _kept(folder, tuple((name, status.st_size, status.st_mtime_ns) for name, status in files))


@functools.lru_cache(maxsize=1)
def _kept(folder: Path, _: tuple[tuple[str, int, int], ...]) -> Ensemble:
    try:
        from ..ensemble import load_ensemble

        return load_ensemble(folder)
    except ImportError as error:
        # A torch that does not load beside Qt (on Windows the order matters) is the machine's fault.
        raise InputError.one(
            "PyTorch",
            f"cannot be loaded here ({error})",
            "Predict by command line (napari-deepflash2 predict), or install PyTorch again.",
            "no-torch",
        ) from error


def _fingerprint(data: Any) -> int | str:
    """Tell apart what is in memory by what it holds, and what is not by its name."""
    if isinstance(data, np.ndarray):
        return checksum(data)
    return f"{getattr(data, 'name', '')} {data}"


def _replaced(image: Snapshot) -> Problem:
    return Problem(
        f'layer "{image.name}"',
        "was predicted before with other settings, another ensemble or other pixels; these results are gone",
        "Duplicate a layer before you predict again, to keep it.",
        "replaced",
    )
