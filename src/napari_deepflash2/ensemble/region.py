"""Predicting a part of an image with an ensemble, in results that grow tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ..config import PredictionConfig
from ..data.lazy_image import LazyPlane, PlaneFigures, figures_of
from ..data.lazy_resampling import ResampledPlane
from ..data.normalisation import FloatImage
from ..data.pixel_size import PixelSize
from ..data.resampling import target_shape
from ..errors import Problem
from ..prediction import Moments, Prediction
from ..prediction.calibration import calibrated
from ..prediction.canvas import Region
from ..prediction.engine import TileMaps
from ..prediction.growing import Growing, Point, RegionTiles, Window, predict_growing
from ..progress import Progress, ProgressCallback
from .image_notes import notes_on, notes_on_size, resampled_note
from .memory import kept_memory

if TYPE_CHECKING:
    import torch

    from ..config import Configuration
    from .judging import Judge
    from .manifest import Manifest

Grown = Callable[[Region, Moments], None]
# How tiles become maps, once the figures of the whole image are known.
RunOf = Callable[[PlaneFigures], TileMaps]
# Least side of what is read at once, in pixels.
_SIDE = 1024


class Networks(Protocol):
    """What is known of the networks that predict: an `Ensemble`, or a `Student`."""

    @property
    def manifest(self) -> Manifest:
        """Of the ensemble."""

    @property
    def config(self) -> Configuration:
        """The settings that it was trained with."""

    @property
    def classes(self) -> tuple[int, ...]:
        """Values of the masks."""

    @property
    def temperature(self) -> float:
        """What is left to calibrate."""

    @property
    def judge(self) -> Judge | None:
        """What is known of the quality of its predictions."""

    @property
    def normalises_by_image(self) -> bool:
        """Whether the figures of the whole image are needed."""


class RegionRun:
    """The prediction of one region.

    Parameters
    ----------
    networks : Networks
        What is known of them.
    run_of : callable
        Makes what runs them over tiles, from the figures of the whole image.
    device : torch.device
        Where they are.
    plane : LazyPlane
        The image, of which no more is read than is needed.
    region : Region
        Part of it, in its own pixels.
    config : PredictionConfig
        Settings.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    """

    def __init__(
        self,
        networks: Networks,
        run_of: RunOf,
        device: torch.device,
        plane: LazyPlane,
        region: Region,
        config: PredictionConfig,
        pixel_size: PixelSize | None,
    ) -> None:
        self._networks, self._run_of, self._device = networks, run_of, device
        self._plane, self._region, self._config = plane, region, config
        data = networks.config.data
        self._size = data.size_of_pixels(pixel_size)
        self._at_target = target_shape(self._name, plane.shape, self._size, data.target_pixel_size)
        shape = config.scaled(self._at_target)
        self._source = plane if shape == plane.shape else ResampledPlane(plane, shape)
        self._scaling = _Scaling(plane.shape, shape)

    def predict(
        self,
        grown: Grown,
        centre: Point | None,
        figures: PlaneFigures | None,
        progress: ProgressCallback,
    ) -> Prediction:
        """Predict, and judge what was predicted whole as an image of its own.

        Parameters
        ----------
        grown : callable
            Is given parts of the region, in pixels of the image, with their calibrated moments so far: NaN
            where nothing is known yet.
        centre : (float, float) or None
            Row and column of the point to begin at; the middle of the region by default.
        figures : PlaneFigures or None
            Of the whole image where they are known; else they are measured if a network needs them.
        progress : callable
            Called after every part that is read and every batch of tiles; may raise `Cancelled`.

        Returns
        -------
        Prediction
            Of the region alone.

        Raises
        ------
        InputError
            Where a part of the image cannot be read or a member gives values that are no numbers.
        """
        wanted = self._scaling.needed(self._region)
        start = self._scaling.point(centre or self._region.middle)
        tiles = RegionTiles.of(self._source.shape, wanted, start, self._config)
        window = self._read(tiles.needed, progress)
        figures = figures or self._measured(window, progress)
        moments = self._own(self._grow(window, figures, tiles, wanted, grown, progress), self._region)
        notes = self._notes(window)
        found = Prediction.from_moments(moments, self._networks.classes, self._name, notes)
        judge = self._networks.judge
        if judge is None:
            return found
        # Standardised as the whole image, as which it would be predicted and judged.
        looks = {
            one.normalisation: one.normalisation.for_figures(figures.mean, figures.std)
            for one in judge.encoders.values()
        }
        rate, pixels = self._config.false_alarm_rate, window.read(*wanted.slices)
        return judge.judge(found, pixels, self._name, rate, progress, looks)

    def _read(self, region: Region, progress: ProgressCallback) -> Window:
        """Read a part of the image piece by piece, each stored part once."""
        pixels = np.empty((*region.shape, self._plane.image.channels), np.float32)
        window = Window(pixels, region, self._source.shape)
        for piece in self._pieces(region, progress):
            window.read(*piece.slices)[:] = self._source.read(*piece.slices)
        return window

    def _measured(self, window: Window, progress: ProgressCallback) -> PlaneFigures:
        """Measure the whole image where a network asks for it, else no more than what was read."""
        if window.is_whole or not self._networks.normalises_by_image:
            pieces = pieces_of(window.region, (_SIDE, _SIDE))
            return figures_of(window.read(*piece.slices) for piece in pieces)
        whole = Region(0, window.shape[0], 0, window.shape[1])
        return figures_of(self._source.read(*piece.slices) for piece in self._pieces(whole, progress))

    def _pieces(self, region: Region, progress: ProgressCallback) -> Iterator[Region]:
        pieces = pieces_of(region, self._step)
        for done, piece in enumerate(pieces):
            progress(Progress(f"{self._name}: reading", done, len(pieces)))
            yield piece

    @property
    def _step(self) -> tuple[int, int]:
        """Sides of the pieces that are read at once: whole parts of what is stored."""
        image = self._plane.image
        if self._source is not self._plane:
            return _SIDE, _SIDE
        height, width = (image.chunks[image.axes.index(axis)] for axis in "YX")
        return height * -(-_SIDE // height), width * -(-_SIDE // width)

    def _grow(
        self,
        window: Window,
        figures: PlaneFigures,
        tiles: RegionTiles,
        wanted: Region,
        grown: Grown,
        progress: ProgressCallback,
    ) -> Growing:
        def tell(growing: Growing, part: Region) -> None:
            touched = self._scaling.touched(part)
            if touched.touches(self._region):
                own = touched.within(self._region)
                grown(own, self._own(growing, own))

        with kept_memory():
            return predict_growing(
                self._run_of(figures),
                window,
                self._config,
                self._device,
                tiles,
                wanted,
                tell,
                progress,
                self._name,
            )

    def _own(self, growing: Growing, part: Region) -> Moments:
        """Bring the averages of a part to the image's own grid."""
        if self._source is self._plane:
            return calibrated(growing.moments(part), self._networks.temperature)
        averages = _Averages(growing, self._networks.temperature, self._source.shape)
        maps = np.moveaxis(ResampledPlane(averages, self._plane.shape).read(*part.slices), -1, 0)
        return unstacked(maps, len(self._networks.classes))

    def _notes(self, window: Window) -> list[Problem]:
        manifest = self._networks.manifest
        if window.is_whole:
            notes = notes_on(window.pixels, self._name, manifest, self._size)
        else:
            # A part may well have less contrast than an image.
            notes = notes_on_size(self._name, manifest, self._size)
        if self._at_target != self._plane.shape:
            target = self._networks.config.data.target_pixel_size
            notes.append(resampled_note(self._name, self._size, target))
        return notes

    @property
    def _name(self) -> str:
        return self._plane.image.name


@dataclass(frozen=True)
class _Scaling:
    """From an image's own pixels to those that it is predicted at, and back."""

    own: tuple[int, int]
    other: tuple[int, int]

    def point(self, centre: Point) -> Point:
        """Find where a point of the image lies among the pixels that it is predicted at."""
        y, x = (at * new / old for at, old, new in zip(centre, self.own, self.other, strict=True))
        return y, x

    def needed(self, region: Region) -> Region:
        """Find what has to be predicted for a region of the image."""
        return self._around(region, self.own, self.other)

    def touched(self, region: Region) -> Region:
        """Find what of the image changes with a part of what is predicted, or a little more."""
        return self._around(region, self.other, self.own)

    @staticmethod
    def _around(region: Region, old: tuple[int, int], new: tuple[int, int]) -> Region:
        if old == new:
            return region
        found: list[int] = []
        for (low, high), before, after in zip(region.spans, old, new, strict=True):
            # A pixel is interpolated from its neighbours, or from as many as become one.
            reach = 2 * max(1, after / before) + 1
            found += [
                max(0, floor(low * after / before - reach)),
                min(after, ceil(high * after / before + reach)),
            ]
        return Region(*found)


@dataclass(frozen=True, eq=False)
class _Averages:
    """Calibrated averages as an image (Y, X, M), to be resampled as one."""

    growing: Growing
    temperature: float
    shape: tuple[int, int]

    def read(self, rows: slice, columns: slice) -> FloatImage:
        """Give a part of those that are in work."""
        part = Region(rows.start, rows.stop, columns.start, columns.stop)
        return np.moveaxis(stacked(calibrated(self.growing.moments(part), self.temperature)), 0, -1)


def stacked(moments: Moments) -> NDArray[np.float32]:
    """Lay moments one after the other, (M, Y, X)."""
    entropy = () if moments.mean_entropy is None else (moments.mean_entropy[np.newaxis],)
    return np.concatenate([moments.mean, moments.mean_of_squares, *entropy])


def unstacked(maps: NDArray[np.float32], n_classes: int) -> Moments:
    """Take apart what `stacked` laid together."""
    found = np.ascontiguousarray(maps)
    entropy = found[2 * n_classes] if len(found) > 2 * n_classes else None
    return Moments(found[:n_classes], found[n_classes : 2 * n_classes], entropy)


def pieces_of(region: Region, step: tuple[int, int]) -> list[Region]:
    """Cut a region along a grid of that height and width, which begins at the image's first pixel."""
    rows, columns = (_cuts(low, high, side) for (low, high), side in zip(region.spans, step, strict=True))
    return [Region(*down, *across) for down in pairwise(rows) for across in pairwise(columns)]


def _cuts(low: int, high: int, step: int) -> list[int]:
    return [low, *range((low // step + 1) * step, high, step), high]
