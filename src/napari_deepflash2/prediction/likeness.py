"""How unlike the training images an image is, cell by cell.

Where a network is sure, it need not be right: on a foreign stain it may be both sure and wrong. So what it
sees (see `encoder`) is compared with what it saw in training, by the distance to the nearest cells of
training images (after Sun et al., ICML 2022, arXiv 2204.06507, who take whole images and normalised
features), in principal components that are whitened by a shrunk covariance (Ledoit and Wolf, Journal of
Multivariate Analysis 88:365-411, 2004). The deepest map and simple statistics are compared apart: the few
statistics would count for nothing among hundreds of channels, and each finds what the other overlooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .conformal import limit_at

Floats = NDArray[np.float32]

# Cells of a network that are kept for comparison, at most.
_MOST_CELLS = 4000
_COMPONENTS = 16
_NEIGHBOURS = 3
# In whitened units, where neighbours are about 1 apart: cells of a flat background may be equal.
_LEAST_DISTANCE = 0.1
_LEAST_SPREAD = 1e-6
# Of the logarithm: a handful of cells may be equally far from each other.
_LEAST_DEVIATION = 0.1
# Share of an image's cells that speak for it: a fold in a corner must not be averaged away.
_SHARE = 4


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Where the cells of training images lie in one kind of description.

    Attributes
    ----------
    centre, spread : ndarray of float32, shape (D,)
        Mean and standard deviation of the descriptions.
    axes : ndarray of float32, shape (D, Q)
        Principal components, Q at most 16.
    location : ndarray of float32, shape (R,)
        Mean of components and, where there are fewer than D, of the logarithm of what they leave out.
    whitening : ndarray of float32, shape (R, R)
        What these are multiplied with.
    cells : ndarray of float32, shape (N, R)
        The training cells, whitened.
    usual : ndarray of float32, shape (2,)
        Mean and standard deviation of the logarithm of a training cell's distance to those of other groups.
    """

    centre: Floats
    spread: Floats
    axes: Floats
    location: Floats
    whitening: Floats
    cells: Floats
    usual: Floats

    @classmethod
    def of(cls, cells: Floats, groups: NDArray[np.intp]) -> Surroundings:
        """Learn from cells (N, D) of two groups or more; `groups` are those of the cells, (N,)."""
        from sklearn.covariance import LedoitWolf

        centre, spread = cells.mean(0), cells.std(0) + np.float32(_LEAST_SPREAD)
        scaled = (cells - centre) / spread
        # Eigenvalues come from the least to the largest.
        axes = np.linalg.eigh(scaled.T @ scaled)[1][:, -min(_COMPONENTS, *scaled.shape) :]
        reduced = _reduced(scaled, axes)
        shrunk = LedoitWolf().fit(reduced)
        covariance = shrunk.covariance_ + _LEAST_SPREAD * np.eye(reduced.shape[1])
        whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T.astype(np.float32)
        location = shrunk.location_.astype(np.float32)
        whitened = ((reduced - location) @ whitening).astype(np.float32)
        logs = np.empty(len(cells), np.float32)
        for group in np.unique(groups):
            own = groups == group
            logs[own] = _log_distance(whitened[own], whitened[~own])
        usual = np.array([logs.mean(), max(float(logs.std()), _LEAST_DEVIATION)], np.float32)
        return cls(centre, spread, axes, location, whitening, whitened, usual)

    def unlikeness(self, cells: Floats) -> Floats:
        """Score cells (N, D): 0 is as far from the training cells as these are from each other."""
        reduced = _reduced((cells - self.centre) / self.spread, self.axes)
        whitened = ((reduced - self.location) @ self.whitening).astype(np.float32)
        logs = _log_distance(whitened, self.cells)
        found: Floats = (logs - self.usual[0]) / self.usual[1]
        return found

    @property
    def arrays(self) -> dict[str, Floats]:
        """All there is to store, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, eq=False)
class Familiar:
    """What one network saw in training.

    Attributes
    ----------
    deep, statistics : Surroundings
        In its deepest map, and in the simple statistics that follow it in a description.
    """

    deep: Surroundings
    statistics: Surroundings

    @classmethod
    def of(cls, cells: Sequence[Floats], groups: Sequence[str], n_statistics: int) -> Familiar:
        """Learn from its training images.

        Parameters
        ----------
        cells : sequence of ndarray of float32, shape (N, D)
            Their descriptions; see `Encoder.describe`.
        groups : sequence of str
            The group of each; two or more.
        n_statistics : int
            How many of the D numbers at the end are statistics.
        """
        numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
        of_cells = np.concatenate(
            [np.full(len(part), numbers[group]) for part, group in zip(cells, groups, strict=True)]
        )
        together = np.concatenate(cells)
        chosen = slice(None, None, -(-len(together) // _MOST_CELLS))
        deep, statistics = together[chosen, :-n_statistics], together[chosen, -n_statistics:]
        return cls(Surroundings.of(deep, of_cells[chosen]), Surroundings.of(statistics, of_cells[chosen]))

    def unlikeness(self, cells: Floats) -> Floats:
        """Score cells (N, D) of an image; 0 is usual, the unit is the spread among training cells."""
        n_statistics = len(self.statistics.centre)
        deep = self.deep.unlikeness(cells[:, :-n_statistics])
        statistics = self.statistics.unlikeness(cells[:, -n_statistics:])
        return ((deep + statistics) / 2).astype(np.float32)

    @property
    def arrays(self) -> dict[str, Floats]:
        """All there is to store, by name."""
        parts = {"deep": self.deep, "statistics": self.statistics}
        return {f"{part}.{name}": array for part, of in parts.items() for name, array in of.arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Familiar:
        """Take what `arrays` gave."""
        names = [field.name for field in fields(Surroundings)]
        deep, statistics = (
            Surroundings(**{name: arrays[f"{part}.{name}"] for name in names})
            for part in ("deep", "statistics")
        )
        return cls(deep, statistics)


@dataclass(frozen=True, eq=False)
class Unseen:
    """Scores of images that a network did not learn from, although they are of the kind it knows.

    Attributes
    ----------
    scores : ndarray of float32, shape (N,)
        Of images, or of cells.
    groups : ndarray of int, shape (N,)
        Number of the group of each.
    """

    scores: Floats
    groups: NDArray[np.integer]

    def limit(self, false_alarm_rate: float) -> float:
        """Find what the share `false_alarm_rate` of new images of the kind exceeds.

        With G groups no rate below 1 / (G + 1) can be promised; the largest score is the limit then.
        """
        found = limit_at(self.scores, self.groups, 1 - false_alarm_rate)
        return float(self.scores.max()) if found is None else found


def score_of_image(cells: Floats) -> float:
    """Score an image by its cells: the mean of the quarter that is most unlike."""
    most = -(-len(cells) // _SHARE)
    return float(np.sort(cells)[-most:].mean())


def _reduced(scaled: NDArray[np.floating], axes: Floats) -> Floats:
    """Project (N, D) on the axes; the logarithm of what they leave out is one more number."""
    components: Floats = (scaled @ axes).astype(np.float32, copy=False)
    left = axes.shape[0] - axes.shape[1]
    if not left:
        return components
    rest = np.linalg.norm(scaled - components @ axes.T, axis=1, keepdims=True) / np.sqrt(left)
    return np.concatenate([components, np.log(rest + _LEAST_DISTANCE).astype(np.float32)], 1)


def _log_distance(cells: Floats, known: Floats) -> Floats:
    from sklearn.neighbors import NearestNeighbors

    neighbours = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(known)), algorithm="brute").fit(known)
    return np.log(np.maximum(neighbours.kneighbors(cells)[0][:, -1], _LEAST_DISTANCE)).astype(np.float32)
