"""The histogram of label patterns: what the experts said at a pixel, counted once for all pixels alike.

With R experts and L labels there are few distinct patterns, however many pixels an image has. Every method
of this package works on the patterns and maps its result back to the pixels by a lookup table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .masks import ExpertMasks

# Pixels handled at a time, so that all intermediate arrays stay in the processor's cache.
_CHUNK = 1 << 16
# Most codes that are counted in a table; with more, patterns are found by sorting.
_MOST_CODES = 1 << 20
_MOST_CLASSES = 250


@dataclass(frozen=True)
class Patterns:
    """Distinct patterns of votes and where they are.

    Attributes
    ----------
    experts : tuple of str
        Names of the R experts.
    classes : tuple of int
        The L label values, ascending.
    votes : ndarray of uint8, shape (U, R)
        Index into `classes` of what each expert said; L where an expert did not judge.
    counts : ndarray of int64, shape (U,)
        Number of pixels with the pattern.
    codes : ndarray of unsigned integer, mask shape
        Code of the pattern at each pixel.
    code_of_row : ndarray of int64, shape (U,)
        The code of each row of `votes`.
    """

    experts: tuple[str, ...]
    classes: tuple[int, ...]
    votes: NDArray[np.uint8]
    counts: NDArray[np.int64]
    codes: NDArray[Any]
    code_of_row: NDArray[np.int64]

    @property
    def n_classes(self) -> int:
        """Number of labels, L."""
        return len(self.classes)

    def paint(self, values: NDArray[Any]) -> NDArray[Any]:
        """Give each pixel the value of its pattern.

        Parameters
        ----------
        values : ndarray, shape (U,)
            One value for each row of `votes`.

        Returns
        -------
        ndarray, mask shape
            Of the dtype of `values`.
        """
        table = np.zeros(int(self.code_of_row.max()) + 1, dtype=values.dtype)
        table[self.code_of_row] = values
        painted = np.empty(self.codes.shape, dtype=values.dtype)
        flat, codes = painted.reshape(-1), self.codes.reshape(-1)
        index = np.empty(_CHUNK, dtype=np.intp)
        for part in _chunks(flat.size):
            code = _as_index(codes[part], index)
            # "clip" spares numpy a second buffer; no code lies outside the table.
            table.take(code, mode="clip", out=flat[part])
        return painted

    def recast(self, experts: Sequence[str], classes: Sequence[int]) -> Patterns:
        """Give the same votes with more experts, who did not vote, and more classes, which nobody named."""
        table = np.array([*(list(classes).index(label) for label in self.classes), len(classes)], np.uint8)
        absent = np.full(len(self.votes), len(classes), dtype=np.uint8)
        columns = [
            table[self.votes[:, self.experts.index(name)]] if name in self.experts else absent
            for name in experts
        ]
        return replace(self, experts=tuple(experts), classes=tuple(classes), votes=np.column_stack(columns))

    def class_shares(self) -> NDArray[np.float64]:
        """Share of all votes that each class got, shape (L,); equal shares where nobody voted."""
        weights = np.repeat(self.counts, len(self.experts))
        votes = np.bincount(self.votes.reshape(-1), weights, minlength=self.n_classes + 1)[:-1]
        total = votes.sum()
        return votes / total if total else np.full(self.n_classes, 1 / self.n_classes)

    def joint_votes(self) -> NDArray[np.float64]:
        """Pixels for every pair of experts and what they said.

        Returns
        -------
        ndarray of float64, shape (R, R, L, L)
            ``[r, s, a, b]``: number of pixels that expert r called class a and expert s called class b.
        """
        n_experts, n_classes = len(self.experts), self.n_classes
        joint = np.zeros((n_experts * n_classes,) * 2)
        for start in range(0, len(self.votes), _CHUNK):
            said = one_hot(self.votes[start : start + _CHUNK], n_classes)
            joint += said.T @ (said * self.counts[start : start + _CHUNK, None])
        return joint.reshape(n_experts, n_classes, n_experts, n_classes).transpose(0, 2, 1, 3)


def one_hot(votes: NDArray[np.uint8], n_classes: int) -> NDArray[np.float64]:
    """Votes (U, R) as zeros and ones, shape (U, R * L); a missing vote is all zeros."""
    return (votes[:, :, None] == np.arange(n_classes)).reshape(len(votes), -1).astype(np.float64)


def count_patterns(
    masks: ExpertMasks, classes: Sequence[int] | None = None, ignore_label: int | None = None
) -> Patterns:
    """Count the distinct patterns of votes.

    Parameters
    ----------
    masks : ExpertMasks
        The masks of one image.
    classes : sequence of int, optional
        The labels that masks may hold; those they do hold when not given.
    ignore_label : int, optional
        Label that is no vote.

    Raises
    ------
    InputError
        Where a mask holds a label that is not in `classes`, where there are so many labels that they
        must be numbers of objects, or where no pixel was judged.
    """
    found = _labels_of_all(masks)
    wanted = sorted({*(found if classes is None else classes)} - {ignore_label})
    _check_labels(found, wanted, ignore_label)
    digit = _digit_function(found, wanted)
    base = len(wanted) + (ignore_label in found)
    groups = [_code_group(group, digit, base) for group in _groups(masks.flat, base)]
    coded = reduce(_join, groups)
    return Patterns(
        masks.experts,
        tuple(wanted),
        coded.votes,
        coded.counts,
        coded.codes.reshape(masks.shape),
        coded.code_of_row,
    )


@dataclass(frozen=True)
class _Coded:
    codes: NDArray[Any]
    code_of_row: NDArray[np.int64]
    votes: NDArray[np.uint8]
    counts: NDArray[np.int64]


def _chunks(size: int) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, size, _CHUNK)]


def _labels_of_all(masks: ExpertMasks) -> list[int]:
    return sorted({label for flat in masks.flat for label in labels_of(flat)})


def labels_of(flat: NDArray[Any]) -> list[int]:
    """Give the distinct values of a one-dimensional integer array, ascending."""
    low, high = int(flat.min()), int(flat.max())
    # Nearly all masks hold few neighbouring labels, or two: comparing is much faster than sorting.
    if high - low < 16:
        return [label for label in range(low, high + 1) if label in (low, high) or _holds(flat, label)]
    if np.count_nonzero(flat == low) + np.count_nonzero(flat == high) == flat.size:
        return [low, high]
    if high < 1 << 16:
        seen = sum(np.bincount(flat[part].astype(np.intp), minlength=high + 1) for part in _chunks(flat.size))
        return [int(label) for label in np.flatnonzero(seen)]
    return [int(label) for label in np.unique(flat)]


def _holds(flat: NDArray[Any], label: int) -> bool:
    return any((flat[part] == label).any() for part in _chunks(flat.size))


def _check_labels(found: list[int], wanted: list[int], ignore_label: int | None) -> None:
    unknown = sorted({*found} - {*wanted, ignore_label})
    if unknown:
        raise InputError.one(
            "experts",
            f"masks hold the labels {unknown[:10]} where {wanted} were expected",
            "Mend the masks or the list of classes.",
            "unexpected-labels",
        )
    if len(wanted) > _MOST_CLASSES:
        raise InputError.one(
            "experts",
            f"masks hold {len(wanted)} different labels: these are numbers of objects, not classes",
            "Use the consensus of objects, or turn every object into one label.",
            "too-many-classes",
        )
    if not wanted:
        raise InputError.one(
            "experts",
            f"masks hold nothing but the ignore label {ignore_label}",
            "Give masks in which something was judged.",
            "nothing-judged",
        )


def _digit_function(found: list[int], wanted: list[int]) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Make the function that turns labels into indices of `wanted`, and any other label into the next one."""
    if {*found} <= {*wanted} == {*range(len(wanted))}:
        return lambda chunk: chunk.astype(np.uint8, copy=False)
    if {*found} <= {*wanted} and len(wanted) == 2:
        return lambda chunk: (chunk == wanted[1]).view(np.uint8)
    position = {label: index for index, label in enumerate(wanted)}
    digits = np.array([position.get(label, len(wanted)) for label in found], dtype=np.uint8)
    if found[-1] < 1 << 16:
        table = np.zeros(found[-1] + 1, dtype=np.uint8)
        table[found] = digits
        return lambda chunk: table.take(chunk.astype(np.intp))
    values = np.array(found, dtype=np.uint64)
    return lambda chunk: digits.take(np.searchsorted(values, chunk.astype(np.uint64)))


def _groups(flat: Sequence[NDArray[Any]], base: int) -> list[Sequence[NDArray[Any]]]:
    """Split the experts so that the codes of each group fit a table."""
    size = 1
    while size < len(flat) and base ** (size + 1) <= _MOST_CODES:
        size += 1
    return [flat[start : start + size] for start in range(0, len(flat), size)]


def _code_group(
    flat: Sequence[NDArray[Any]], digit: Callable[[NDArray[Any]], NDArray[np.uint8]], base: int
) -> _Coded:
    n_codes = base ** len(flat)
    codes = np.empty(flat[0].size, dtype=np.min_scalar_type(n_codes - 1))
    for part in _chunks(codes.size):
        codes[part] = _code_chunk([digit(mask[part]) for mask in flat], base)
    histogram = _histogram(codes, n_codes)
    rows = np.flatnonzero(histogram)
    return _Coded(codes, rows, _digits(rows, base, len(flat)), histogram[rows])


def _code_chunk(digits: Sequence[NDArray[np.uint8]], base: int) -> NDArray[Any]:
    """Write the experts' digits as one number, in the narrowest type that holds it, which is the fastest."""
    code: NDArray[Any] = digits[0].copy()
    for n_before, digit in enumerate(digits[1:], start=1):
        code = code.astype(np.min_scalar_type(base ** (n_before + 1) - 1), copy=False)
        np.multiply(code, base, out=code)
        code += digit
    return code


def _histogram(codes: NDArray[Any], n_codes: int) -> NDArray[np.int64]:
    # Counting needs the codes as int64: in parts, but parts that are longer than the table that they add to.
    step = max(_CHUNK, 4 * n_codes)
    histogram, index = np.zeros(n_codes, dtype=np.int64), np.empty(min(step, codes.size), dtype=np.intp)
    for start in range(0, codes.size, step):
        histogram += np.bincount(_as_index(codes[start : start + step], index), minlength=n_codes)
    return histogram


def _as_index(codes: NDArray[Any], buffer: NDArray[np.intp]) -> NDArray[np.intp]:
    """Copy codes into a buffer of the type that numpy indexes with, to spare it a new one each time."""
    index = buffer[: codes.size]
    np.copyto(index, codes)
    return index


def _digits(codes: NDArray[np.int64], base: int, n_experts: int) -> NDArray[np.uint8]:
    powers = base ** np.arange(n_experts - 1, -1, -1)
    return (codes[:, None] // powers % base).astype(np.uint8)


def _join(first: _Coded, second: _Coded) -> _Coded:
    """Patterns of two groups of experts together."""
    n_second = len(second.counts)
    codes = _row_at_pixel(first).astype(np.uint64) * np.uint64(n_second)
    codes += _row_at_pixel(second)
    pairs, at_pixel, counts = np.unique(codes, return_inverse=True, return_counts=True)
    votes = np.hstack([first.votes[pairs // n_second], second.votes[pairs % n_second]])
    codes = at_pixel.astype(np.min_scalar_type(len(pairs)))
    return _Coded(codes, np.arange(len(pairs)), votes, counts)


def _row_at_pixel(coded: _Coded) -> NDArray[Any]:
    table = np.zeros(int(coded.code_of_row.max()) + 1, dtype=np.uint32)
    table[coded.code_of_row] = np.arange(len(coded.code_of_row))
    return table[coded.codes]
