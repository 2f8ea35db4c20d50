"""Whether a model hesitates where experts disagree.

Experts disagree at a pixel where those who judged it do not all give it the same class. How well the
model's uncertainty tells such pixels from the others is said by the area under the ROC curve: the chance that
of two pixels, of which experts disagree on one, the model is more uncertain at that one. 0.5 is chance. It
is counted among the pixels that an expert or the model marked: over a whole image it is high for every
model that finds the objects, because nobody, the model included, hesitates on an empty background.

Figures come from counts of pixels by the experts' votes and by uncertainty, in 256 bins that are narrow where
the uncertainty is low, so that the counts of several images add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..consensus.masks import Masks, read_masks
from ..consensus.patterns import Patterns, count_patterns
from ..consensus.voting import vote_counts, vote_shares
from ..errors import InputError
from .uncertainty import total_uncertainty

if TYPE_CHECKING:
    import pandas as pd

BINS = 256
# Up to which figure it is put in which words; where these end is our choice.
_IN_WORDS = (
    (0.45, "less where experts disagree than where they agree"),
    (0.55, "no more where experts disagree than elsewhere"),
    (0.7, "a little more where experts disagree"),
    (1.1, "more where experts disagree"),
)
# One row of a record: the five of `Votes`, then the sum of the uncertainty and the counts of the bins.
Row = tuple[int, int, bool, bool, float, tuple[int, ...]]


class Votes(NamedTuple):
    """What was said of a pixel.

    Attributes
    ----------
    for_foreground, experts : int
        How many experts marked it as any foreground, and how many judged it.
    disagree : bool
        Whether these do not all give it the same class.
    marked : bool
        Whether an expert or the model marked it.
    """

    for_foreground: int
    experts: int
    disagree: bool
    marked: bool


class _Pixels(NamedTuple):
    total: float
    counts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Hesitation:
    """A model's uncertainty by what experts said of the pixels; of several images it adds up.

    Attributes
    ----------
    pixels : mapping of Votes to (float, ndarray of int64, shape (256,))
        For each kind of pixel the sum of the uncertainty, and how many there are in each bin of it.
    """

    pixels: Mapping[Votes, _Pixels]

    @property
    def auroc(self) -> float | None:
        """How well uncertainty finds disagreement among the pixels that an expert or the model marked.

        None where experts disagree on none of these pixels, or on all.
        """
        return self._auroc([votes for votes in self.pixels if votes.marked])

    @property
    def auroc_whole(self) -> float | None:
        """The same among all pixels, where the empty background makes it easy."""
        return self._auroc(list(self.pixels))

    @property
    def disagreement(self) -> float | None:
        """Share of the marked pixels on which experts disagree; None where nothing is marked."""
        marked = {votes: found.counts.sum() for votes, found in self.pixels.items() if votes.marked}
        total = sum(marked.values())
        return float(sum(n for votes, n in marked.items() if votes.disagree) / total) if total else None

    @property
    def curve(self) -> pd.DataFrame:
        """Uncertainty by the share of the experts who marked a pixel, over all pixels.

        ``share`` (0 to 1), ``pixels``, ``mean``, and ``low`` and ``high``, between which nine in ten pixels
        are.
        """
        import pandas as pd

        shares = {votes: round(votes.for_foreground / votes.experts, 6) for votes in self.pixels}
        rows = []
        for share in sorted(set(shares.values())):
            found = _sum([self.pixels[votes] for votes in self.pixels if shares[votes] == share])
            pixels = int(found.counts.sum())
            low, high = _quantiles(found.counts, (0.05, 0.95))
            rows.append((share, pixels, found.total / pixels, low, high))
        return pd.DataFrame(rows, columns=["share", "pixels", "mean", "low", "high"])

    @property
    def rows(self) -> tuple[Row, ...]:
        """All there is to store, as plain numbers."""
        return tuple(
            (*votes, found.total, tuple(found.counts.tolist())) for votes, found in self.pixels.items()
        )

    @classmethod
    def of_rows(cls, rows: Sequence[Row]) -> Hesitation:
        """Take what `rows` gave."""
        return cls({Votes(*row[:4]): _Pixels(row[4], np.array(row[5], np.int64)) for row in rows})

    def __add__(self, other: Hesitation) -> Hesitation:
        kinds = sorted({*self.pixels, *other.pixels})
        both = (self.pixels, other.pixels)
        return Hesitation({kind: _sum([one[kind] for one in both if kind in one]) for kind in kinds})

    def _auroc(self, kinds: Sequence[Votes]) -> float | None:
        from sklearn.metrics import roc_auc_score

        weights = np.zeros((2, BINS), np.int64)
        for votes in kinds:
            weights[int(votes.disagree)] += self.pixels[votes].counts
        if not weights.any(axis=1).all():
            return None
        truth, scores = np.repeat([0, 1], BINS), np.tile(np.arange(BINS), 2)
        return float(roc_auc_score(truth, scores, sample_weight=weights.reshape(-1)))


def measure_hesitation(
    uncertainty: ArrayLike,
    masks: Masks,
    labels: ArrayLike | None = None,
    *,
    background: int = 0,
    ignore_label: int | None = None,
) -> Hesitation:
    """Hold a model's uncertainty against the disagreement of experts.

    Parameters
    ----------
    uncertainty : array of float, shape (Y, X)
        Of a prediction, in [0, 1]; pixels at which it is not a number have no part in it.
    masks : sequence of arrays, mapping of str to array, or array (R, Y, X)
        As for `estimate_consensus`; classes, not numbers of objects. Pixels that fewer than two experts
        judged have no part in it.
    labels : array of int, shape (Y, X), optional
        What the model predicts; without it only what an expert marked counts as marked.
    background : int
        The label of background, of masks and labels alike.
    ignore_label : int, optional
        Label that is no vote.

    Returns
    -------
    Hesitation
        `Hesitation.auroc` is the figure, `Hesitation.curve` the uncertainty by share of votes.

    Raises
    ------
    InputError
        Where the arrays differ in shape, or the masks cannot be used; see `estimate_consensus`.
    """
    patterns = count_patterns(read_masks(masks), ignore_label=ignore_label)
    values = np.asarray(uncertainty, np.float32)
    marked = np.zeros(values.shape, bool) if labels is None else np.asarray(labels) != background
    if not values.shape == marked.shape == patterns.codes.shape:
        raise InputError.one(
            "uncertainty, labels and masks",
            f"have the shapes {values.shape}, {marked.shape} and {patterns.codes.shape}",
            "Give a prediction and the experts' masks of the same image.",
            "shape-mismatch",
        )
    kinds, kind_of_pattern = _kinds(patterns, background)
    known = np.isfinite(values)
    kind = patterns.paint(kind_of_pattern)[known]
    seen = marked[known] | np.array([kind.for_foreground > 0 for kind in kinds])[kind]
    return Hesitation(dict(_counted(values[known], kind, seen, kinds)))


def disagreement_of_experts(
    masks: Masks, n_classes: int, ignore_label: int | None = None
) -> NDArray[np.float32]:
    """Measure the experts' disagreement as `total_uncertainty` measures a model's: by shares of votes.

    Were the model's probabilities the shares of the experts' votes, both maps would be the same.

    Parameters
    ----------
    masks : sequence of arrays, mapping of str to array, or array (R, Y, X)
        Classes 0 to L - 1.
    n_classes : int
        Classes L.
    ignore_label : int, optional
        Label that is no vote.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        In [0, 1]; not a number where fewer than two experts judged.
    """
    patterns = count_patterns(read_masks(masks), range(n_classes), ignore_label)
    votes = vote_counts(patterns)
    found = total_uncertainty(vote_shares(votes).T.astype(np.float32))
    return patterns.paint(np.where(votes.sum(1) >= 2, found, np.float32(np.nan)))


def hesitation_in_words(auroc: float | None) -> str:
    """Say where the model hesitates, with the figure; see `Hesitation.auroc`."""
    where = "Among the pixels that an expert or the model marked,"
    if auroc is None:
        return f"{where} experts disagree nowhere, or everywhere: there is nothing to compare"
    how = next(words for limit, words in _IN_WORDS if auroc < limit)
    return f"{where} the model hesitates {how} (AUROC {auroc:.3f}, where 0.5 is chance)"


def _kinds(patterns: Patterns, background: int) -> tuple[list[Votes], NDArray[np.intp]]:
    """Give the kinds of votes that there are, and which of them each pattern is, shape (U,)."""
    votes = vote_counts(patterns)
    empty = np.array(patterns.classes) == background
    found = np.stack([votes[:, ~empty].sum(1), votes.sum(1), (votes > 0).sum(1) > 1], axis=1).astype(int)
    rows, index = np.unique(found, axis=0, return_inverse=True)
    return [Votes(n, of, bool(differ), n > 0) for n, of, differ in rows.tolist()], index.reshape(-1)


def _counted(
    values: NDArray[np.float32], kind: NDArray[np.intp], marked: NDArray[np.bool_], kinds: Sequence[Votes]
) -> list[tuple[Votes, _Pixels]]:
    code = kind * 2 + marked
    bins = np.minimum(np.sqrt(np.sqrt(np.clip(values, 0, 1))) * BINS, BINS - 1).astype(np.intp)
    counts = np.bincount(code * BINS + bins, minlength=2 * len(kinds) * BINS).reshape(-1, BINS)
    totals = np.bincount(code, values, minlength=2 * len(kinds))
    return [
        (kinds[number // 2]._replace(marked=bool(number % 2)), _Pixels(float(total), of_bins))
        for number, (total, of_bins) in enumerate(zip(totals, counts, strict=True))
        if of_bins.any() and kinds[number // 2].experts >= 2
    ]


def _sum(pixels: Sequence[_Pixels]) -> _Pixels:
    return _Pixels(sum(one.total for one in pixels), np.sum([one.counts for one in pixels], axis=0))


def _quantiles(counts: NDArray[np.int64], shares: Sequence[float]) -> list[float]:
    """Give the middles of the bins in which these shares of the pixels are reached."""
    index = np.searchsorted(counts.cumsum(), np.array(shares) * counts.sum())
    return [float(value) for value in ((index + 0.5) / BINS) ** 4]
