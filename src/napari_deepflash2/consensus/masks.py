"""The experts' masks as they come in, checked: names, one shape, labels that are whole numbers from 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, Problem, raise_if_any

Masks = Mapping[str, ArrayLike | None] | Sequence[ArrayLike | None] | NDArray[Any]


@dataclass(frozen=True)
class ExpertMasks:
    """The masks of one image, one for each expert who has one.

    Attributes
    ----------
    experts : tuple of str
        Names of the experts who have a mask.
    flat : tuple of ndarray
        Their masks as one-dimensional integer arrays (views where the masks were contiguous).
    shape : tuple of int
        Shape of a mask.
    absent : tuple of str
        Names of the experts without a mask.
    """

    experts: tuple[str, ...]
    flat: tuple[NDArray[Any], ...]
    shape: tuple[int, ...]
    absent: tuple[str, ...] = ()


def read_masks(masks: Masks) -> ExpertMasks:
    """Take masks as users give them.

    Parameters
    ----------
    masks : mapping of str to array, or sequence of arrays
        One integer array (..., Y, X) for each expert, all of one shape; booleans and floats that are
        whole numbers count as integers. None stands for an expert without a mask. In a sequence the
        experts are called ``"expert 1"``, ``"expert 2"``, ...

    Raises
    ------
    InputError
        Names every expert whose mask has another shape, fractions, negative values or no pixels.
    """
    named = _named(masks)
    arrays = {name: np.asarray(mask) for name, mask in named.items() if mask is not None}
    if not arrays:
        raise InputError.one("experts", "no masks were given", "Give at least one mask.", "no-masks")
    raise_if_any(_type_problems(arrays))
    raise_if_any([*_shape_problems(arrays), *_value_problems(arrays)])
    return ExpertMasks(
        tuple(arrays),
        tuple(_as_integers(array).reshape(-1) for array in arrays.values()),
        next(iter(arrays.values())).shape,
        tuple(name for name, mask in named.items() if mask is None),
    )


def _named(masks: Masks) -> Mapping[str, ArrayLike | None]:
    if isinstance(masks, Mapping):
        return {str(name): mask for name, mask in masks.items()}
    return {f"expert {number}": mask for number, mask in enumerate(masks, start=1)}


def _type_problems(arrays: Mapping[str, NDArray[Any]]) -> list[Problem]:
    return [
        Problem(
            name,
            f"the mask holds {array.dtype}, not labels",
            "Give an array of whole numbers.",
            "not-labels",
        )
        for name, array in arrays.items()
        if array.dtype.kind not in "buif"
    ]


def _shape_problems(arrays: Mapping[str, NDArray[Any]]) -> list[Problem]:
    usual = Counter(array.shape for array in arrays.values()).most_common(1)[0][0]
    problems = [
        Problem(
            name,
            f"the mask has shape {array.shape}, others have {usual}",
            "Give masks of the same image, or leave this expert out.",
            "shape-mismatch",
        )
        for name, array in arrays.items()
        if array.shape != usual
    ]
    if 0 in usual:
        problems.append(
            Problem(
                "experts", f"masks of shape {usual} have no pixels", "Give masks with pixels.", "no-pixels"
            )
        )
    return problems


def _value_problems(arrays: Mapping[str, NDArray[Any]]) -> list[Problem]:
    problems = []
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not _is_integral(array):
            found, code = "the mask holds fractions or values that are no number", "fractional-labels"
        elif array.size and array.dtype.kind in "if" and array.min() < 0:
            found, code = f"the mask holds the negative label {array.min()}", "negative-labels"
        else:
            continue
        problems.append(Problem(name, found, "Use whole numbers from 0, with 0 as background.", code))
    return problems


def _is_integral(array: NDArray[Any]) -> bool:
    # Above 2^53 a float64 no longer tells neighbouring whole numbers apart.
    return bool(
        np.isfinite(array).all() and (np.abs(array) <= 2**53).all() and (array == np.rint(array)).all()
    )


def _as_integers(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.kind == "f":
        return array.astype(np.min_scalar_type(int(array.max())))
    # One mask read on a machine of the other byte order would slow down every step.
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
