"""Images that are read part by part, because they may be larger than memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem
from ..progress import Progress, ProgressCallback, ignore_progress
from .addresses import connection_errors, unreachable
from .decoded import DECODING_ERRORS
from .normalisation import FloatImage
from .pixel_size import PixelSize, from_lengths

if TYPE_CHECKING:
    import zarr

AXES = "TCZYX"


@dataclass(frozen=True)
class LazyImage:
    """An image on disk or elsewhere, of which nothing but the header was read.

    Attributes
    ----------
    name : str
        Its path or address.
    array : array
        Has `shape`, `dtype` and indexing by slices, as a numpy or zarr array.
    axes : str
        One of "TCZYX" for each axis of `array`, in any order; always with Y and X.
    chunks : tuple of int
        Shape of the parts that it is stored in.
    steps : tuple of float
        Distance of neighbours along each axis, in its unit; 1 where it is not known.
    units : tuple of str
        Of each axis, such as ``micrometer`` or ``second``; empty where there is none.
    origin : tuple of float
        Where the first pixel's middle lies along each axis, in its unit.
    notes : tuple of Problem
        What a user should know about it.
    """

    name: str
    array: Any
    axes: str
    chunks: tuple[int, ...]
    steps: tuple[float, ...]
    units: tuple[str, ...]
    origin: tuple[float, ...]
    notes: tuple[Problem, ...] = ()

    @property
    def pixel_size(self) -> PixelSize | None:
        """Height and width of a pixel in micrometres; None where that is not known."""
        y, x = self.axes.index("Y"), self.axes.index("X")
        if self.units[y] != self.units[x]:
            return None
        return from_lengths(self.steps[y], self.steps[x], self.units[y])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.length("Y"), self.length("X")

    @property
    def channels(self) -> int:
        """Channels; 1 where there is no such axis."""
        return self.length("C")

    @property
    def leading(self) -> str:
        """The axes beside Y, X and C, as they are stored."""
        return "".join(axis for axis in self.axes if axis not in "CYX")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values as stored."""
        return np.dtype(self.array.dtype)

    def length(self, axis: str) -> int:
        """Length of an axis; 1 where there is no such axis."""
        return int(self.array.shape[self.axes.index(axis)]) if axis in self.axes else 1

    @property
    def n_planes(self) -> int:
        """Slices of a stack or series; 1 for an image that is none."""
        return math.prod(self.length(axis) for axis in self.leading)

    def planes(self) -> Iterator[LazyPlane]:
        """Go through the slices of a stack or series, one for an image that is none."""
        for index in np.ndindex(*(self.length(axis) for axis in self.leading)):
            yield LazyPlane(self, index)


@dataclass(frozen=True)
class LazyPlane:
    """One (Y, X, C) plane of an image.

    Attributes
    ----------
    image : LazyImage
        Where it is from.
    index : tuple of int
        Its place along the axes that the image has beside Y, X and C.
    instead : tuple of float or None
        What stands in for values that are no finite numbers, by channel; None refuses them.
    """

    image: LazyImage
    index: tuple[int, ...] = ()
    instead: tuple[float, ...] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape

    def read(self, rows: slice, columns: slice) -> FloatImage:
        """Read a part.

        Parameters
        ----------
        rows, columns : slice
            Within the plane.

        Returns
        -------
        ndarray of float32, shape (height, width, C)

        Raises
        ------
        InputError
            Where the file is damaged there, or holds values that are no finite numbers.
        """
        return self._finite(self.read_values(rows, columns).astype(np.float32), rows, columns)

    def read_values(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read a part as it is stored, (height, width, C); refuses a file that is damaged there."""
        at = dict(zip(self.image.leading, self.index, strict=True)) | {"Y": rows, "X": columns}
        where = tuple(at.get(axis, slice(None)) for axis in self.image.axes)
        left = [axis for axis in self.image.axes if axis not in self.image.leading]
        part = np.asarray(self.image.array[where])
        if "C" not in left:
            part, left = part[..., np.newaxis], [*left, "C"]
        return part.transpose([left.index(axis) for axis in "YXC"])

    def chunks(self) -> Iterator[tuple[slice, slice]]:
        """Go through the plane in pieces that share no stored part, each at least 512 pixels a side."""
        height, width = (self._step(axis) for axis in "YX")
        for top in range(0, self.shape[0], height):
            for left in range(0, self.shape[1], width):
                bottom, right = min(top + height, self.shape[0]), min(left + width, self.shape[1])
                yield slice(top, bottom), slice(left, right)

    def _step(self, axis: str) -> int:
        chunk = self.image.chunks[self.image.axes.index(axis)]
        return chunk * -(-512 // chunk)

    def _finite(self, pixels: FloatImage, rows: slice, columns: slice) -> FloatImage:
        finite = np.isfinite(pixels)
        if finite.all():
            return pixels
        if self.instead is None:
            y, x, _ = (int(i) for i in np.argwhere(~finite)[0])
            raise InputError.one(
                self.image.name,
                f"{int((~finite).sum())} values are NaN or infinite, the first at y {rows.start + y}, "
                f"x {columns.start + x}",
                "Replace them, or set 'not_finite' to 'background'.",
                "not-finite",
            )
        return np.where(finite, pixels, np.array(self.instead, np.float32))


class Checked:
    """An array that names the chunk where it is damaged.

    Parameters
    ----------
    array : zarr.Array
        What is read.
    name : str
        What the user calls it.
    """

    def __init__(self, array: zarr.Array, name: str) -> None:
        self._array, self._name = array, name
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, where: tuple[slice | int, ...]) -> Any:
        try:
            return self._array[where]
        except connection_errors() as error:
            raise unreachable(self._name, error) from error
        except DECODING_ERRORS as error:
            reason = " ".join(str(error).split())[:100]
            raise InputError.one(
                self._name,
                f"chunk {self._damaged(where)} is damaged or cut short ({reason})",
                "Copy or export the image again.",
                "damaged-chunk",
            ) from error

    def _damaged(self, where: tuple[slice | int, ...]) -> str:
        chunks = self._array.shards or self._array.chunks
        spans = [
            range(*(slice(one, one + 1) if isinstance(one, int) else one).indices(length))
            for one, length in zip(where, self._array.shape, strict=True)
        ]
        touched = (
            range(span.start // chunk, (span.stop - 1) // chunk + 1)
            for span, chunk in zip(spans, chunks, strict=True)
        )
        for place in product(*touched):
            try:
                self._array[tuple(slice(i * c, (i + 1) * c) for i, c in zip(place, chunks, strict=True))]
            except DECODING_ERRORS:
                return "/".join(map(str, place))
        return "of an unknown place"


@dataclass(frozen=True)
class PlaneFigures:
    """What is known of a plane once all of it was read.

    Attributes
    ----------
    mean, std : tuple of float
        Of each channel.
    ranges : tuple of (float, float)
        Least and greatest value of each channel.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    ranges: tuple[tuple[float, float], ...]


class InPieces(Protocol):
    """A plane that is read in pieces."""

    def chunks(self) -> Iterator[tuple[slice, slice]]:
        """Go through the plane in pieces."""

    def read(self, rows: slice, columns: slice) -> FloatImage:
        """Read a piece as float32 (Y, X, C)."""


def measure(
    plane: InPieces, progress: ProgressCallback = ignore_progress, task: str = "reading"
) -> PlaneFigures:
    """Read a plane once, for its figures and for faults in it, with little memory.

    Parameters
    ----------
    plane : InPieces
        The plane, as the networks see it.
    progress : callable
        Called after every piece of it; may raise `Cancelled`.
    task : str
        Name of the task in the progress.

    Raises
    ------
    InputError
        Where any part of it cannot be read.
    """
    pieces = list(plane.chunks())

    def read() -> Iterator[FloatImage]:
        for done, (rows, columns) in enumerate(pieces, start=1):
            yield plane.read(rows, columns)
            progress(Progress(task, done, len(pieces)))

    return figures_of(read())


def figures_of(pieces: Iterable[FloatImage]) -> PlaneFigures:
    """Measure a plane by pieces (height, width, C) that cover it once."""
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    low, high = np.full(1, np.inf), np.full(1, -np.inf)
    for piece in pieces:
        pixels = piece.reshape(-1, piece.shape[-1])
        low, high = np.minimum(low, pixels.min(0)), np.maximum(high, pixels.max(0))
        count, mean, squares = _with_more(count, mean, squares, pixels)
    std = np.sqrt(squares / count)
    ranges = tuple(zip(low.tolist(), high.tolist(), strict=True))
    return PlaneFigures(tuple(mean.tolist()), tuple(std.tolist()), ranges)


def with_lowest_instead(plane: LazyPlane) -> LazyPlane:
    """Let the lowest value of each channel stand in for those that are no finite numbers."""
    infinite = replace(plane, instead=(float("inf"),) * plane.image.channels)
    lowest = np.full(plane.image.channels, np.inf)
    for rows, columns in plane.chunks():
        lowest = np.minimum(lowest, infinite.read(rows, columns).min((0, 1)))
    return replace(plane, instead=tuple(np.where(np.isfinite(lowest), lowest, 0).tolist()))


def axes_of_names(name: str, names: Sequence[str | None], shape: Sequence[int], pages: str) -> str:
    """Find out what the axes are that a file names, or does not name.

    Parameters
    ----------
    name : str
        What the user calls the file.
    names : sequence of str or None
        Name of each axis, None where it has none.
    shape : sequence of int
        Of the array.
    pages : {"refuse", "slices", "channels"}
        What the first of three axes without names is.

    Raises
    ------
    InputError
        Where that is in doubt.
    """
    letters = "".join((axis or "?").upper() for axis in names)
    letters = {"??": "YX", "???": "?YX"}.get(letters, letters)
    if letters.count("?") == 1 and pages != "refuse":
        letters = letters.replace("?", "Z" if pages == "slices" else "C")
    if len(set(letters)) == len(letters) and {"Y", "X"} <= set(letters) <= set(AXES):
        return letters
    raise InputError.one(
        name,
        f"has axes of unknown meaning (shape {' x '.join(map(str, shape))}, named {letters})",
        "Save it as OME-Zarr or OME-TIFF, which name the axes t, c, z, y and x, or set 'pages'.",
        "unknown-axes",
    )


def _with_more(
    count: int, mean: NDArray[np.float64], squares: NDArray[np.float64], pixels: FloatImage
) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Add pixels to a running mean and sum of squared deviations (Chan, Golub and LeVeque 1979)."""
    own = pixels.mean(0, dtype=np.float64)
    distance, total = own - mean, count + len(pixels)
    own_squares = np.square(pixels - own).sum(0)
    share = len(pixels) / total
    return total, mean + distance * share, squares + own_squares + distance**2 * count * share
