"""Cross-validation: which images train a model and which are held out."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


def split_folds(
    n_images: int,
    max_splits: int = 5,
    groups: Sequence[Hashable] | None = None,
    random_state: int = 42,
) -> list[Fold]:
    """Split images for k-fold cross-validation.

    Every image is held out in exactly one fold. Images of one group (an animal, a slide, a stack) stay
    together, since a model that has seen one of them knows the others too well.

    Parameters
    ----------
    n_images : int
        How many images there are.
    max_splits : int
        Most folds; with fewer images (or groups) there are as many folds as those.
    groups : sequence, optional
        The group of each image; without it each image is its own.
    random_state : int
        Seed of the shuffling, 0 to 2**32 - 1.

    Returns
    -------
    list of (ndarray, ndarray)
        For each fold the sorted indices of the training images and of the held-out images.

    Raises
    ------
    InputError
        With fewer than two images or groups, or settings outside their range.
    """
    _check_settings(max_splits, random_state)
    names = list(range(n_images)) if groups is None else list(groups)
    if len(names) != n_images:
        raise InputError.one(
            "groups", f"{len(names)} groups for {n_images} images", "Name one group per image.", "bad-groups"
        )
    group_of_image = _numbered(names)
    n_groups = len(set(group_of_image.tolist()))
    if n_groups < 2:
        raise _too_few(n_images, grouped=groups is not None)
    return [
        (np.flatnonzero(~held_out), np.flatnonzero(held_out))
        for held_out in _held_out(group_of_image, n_groups, min(n_groups, max_splits), random_state)
    ]


def held_out_folds(folds: Sequence[Fold], n_images: int) -> list[int | None]:
    """Tell for each image the fold, from 1, in which it is held out; None where it is in none of these."""
    found: list[int | None] = [None] * n_images
    for number, (_, held_out) in enumerate(folds, start=1):
        for image in held_out:
            found[image] = number
    return found


def epochs_for(iterations: int, n_images: int, batch_size: int) -> int:
    """Epochs that a number of iterations makes: ``ceil(iterations / (n_images / batch_size))``.

    Parameters
    ----------
    iterations : int
        Optimisation steps.
    n_images : int
        Training images; one epoch shows as many tiles as there are images.
    batch_size : int
        Tiles in one step.

    Raises
    ------
    InputError
        Where a number is below 1.
    """
    for name, value in (("iterations", iterations), ("n_images", n_images), ("batch_size", batch_size)):
        if value < 1:
            raise InputError.one(name, f"is {value}", "Give a whole number of at least 1.", "bad-setting")
    return -(-iterations * batch_size // n_images)


def _held_out(
    group_of_image: NDArray[np.intp], n_groups: int, n_splits: int, random_state: int
) -> list[NDArray[np.bool_]]:
    from sklearn.model_selection import KFold

    splitter = KFold(n_splits, shuffle=True, random_state=random_state)
    return [np.isin(group_of_image, chosen) for _, chosen in splitter.split(np.arange(n_groups))]


def _numbered(names: Sequence[Hashable]) -> NDArray[np.intp]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.intp)


def _check_settings(max_splits: int, random_state: int) -> None:
    if max_splits < 2:
        raise InputError.one(
            "max_splits", f"is {max_splits}", "Give at least 2: one part has to be held out.", "bad-setting"
        )
    if not 0 <= random_state < 2**32:
        raise InputError.one(
            "random_state", f"is {random_state}", "Give a whole number from 0 to 2**32 - 1.", "bad-setting"
        )


def _too_few(n_images: int, grouped: bool) -> InputError:
    if n_images == 1 or not grouped:
        return InputError.one(
            "images",
            f"{n_images} image{'s' if n_images != 1 else ''}, so none can be held out to measure the model",
            "Add at least one more image with its mask, or crop this one into several files.",
            "too-few-images",
        )
    return InputError.one(
        "groups",
        f"all {n_images} images belong to one group, so none can be held out without leaking",
        "Add images of another group, or say that each image stands for itself.",
        "too-few-groups",
    )
