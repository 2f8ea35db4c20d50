"""Spatial blocks of a single image, so that a model is never tested on pixels that it has seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Problem, listed
from .ignored import foreground, judged
from .planes import Plane

Window = tuple[slice, slice]

# Four blocks: each model learns from three quarters of the image.
_HALVINGS = 2
_SMALLEST_SIDE = 32
# However unevenly annotations lie, no block is narrower than this share of the side that is cut.
_NARROWEST = 1 / 6


def in_blocks(planes: Sequence[Plane], n_classes: int, margin: int) -> tuple[list[Plane], list[Problem]]:
    """Cut the images of a single group into blocks that are groups of their own.

    An image is halved along its longer side, and each half again: where half of what was annotated lies on
    either side, every class counting as much as any other and as the area that was judged. Planes of one
    stack are cut alike, and the blocks of one place are one group.

    Parameters
    ----------
    planes : sequence of Plane
        All of one group.
    n_classes : int
        Classes, with the background.
    margin : int
        Pixels between two blocks, which belong to neither.

    Returns
    -------
    list of Plane, list of Problem
        The blocks of which something was judged, and what the user should know about them.

    Raises
    ------
    InputError
        Where an image is too small to be cut in two, or only one block holds something to learn from.
    """
    by_source: dict[str, list[Plane]] = defaultdict(list)
    for plane in planes:
        by_source[plane.source].append(plane)
    blocks = []
    for source, own in by_source.items():
        windows = _windows(_weights(own, n_classes), margin, _HALVINGS)
        if len(windows) < 2:
            raise _too_small(source, own[0].labels.shape, margin)
        blocks += [
            plane.block(f"{plane.id}_block{number}", f"block {number}", window)
            for plane in own
            for number, window in enumerate(windows, start=1)
        ]
    kept = [block for block in blocks if judged(block.labels).any()]
    if len({block.group for block in kept}) < 2:
        raise _too_little(planes)
    return kept, [_cut_note(planes, blocks, margin), *_block_notes(blocks, kept)]


def _weights(planes: Sequence[Plane], n_classes: int) -> NDArray[np.float64]:
    """Sum over the planes of a stack: each class and what was judged weigh 1 in total."""
    stack = np.stack([plane.labels for plane in planes])
    counts = [judged(stack).sum(0), *((stack == class_).sum(0) for class_ in range(1, n_classes))]
    return np.sum([count / max(count.sum(), 1) for count in counts], axis=0)


def _windows(
    weights: NDArray[np.float64], margin: int, halvings: int, y: int = 0, x: int = 0
) -> list[Window]:
    height, width = weights.shape
    whole = (slice(y, y + height), slice(x, x + width))
    axis = int(width > height)
    if not halvings or weights.shape[axis] < 2 * _SMALLEST_SIDE + margin:
        return [whole]
    end, start = _cut(weights.sum(1 - axis), margin)
    first, second = np.split(weights, [end], axis)[0], np.split(weights, [start], axis)[1]
    rest = (y, x + start) if axis else (y + start, x)
    return [
        *_windows(first, margin, halvings - 1, y, x),
        *_windows(second, margin, halvings - 1, *rest),
    ]


def _cut(profile: NDArray[np.float64], margin: int) -> tuple[int, int]:
    """End of the first part and start of the second, so that both weigh alike as far as sizes allow."""
    before = np.concatenate([[0.0], np.cumsum(profile)])
    least = max(_SMALLEST_SIDE, int(_NARROWEST * (len(profile) - margin)))
    ends = np.arange(least, len(profile) - margin - least + 1)
    difference = np.abs(before[ends] - (before[-1] - before[ends + margin]))
    end = int(ends[np.argmin(difference)])
    return end, end + margin


def _too_small(source: str, shape: tuple[int, ...], margin: int) -> InputError:
    return InputError.one(
        source,
        f"is the only image or group, and its {shape[0]} x {shape[1]} pixels are too few for two blocks (at "
        f"least {_SMALLEST_SIDE} pixels wide, {margin} apart), so none can be held out to measure the model",
        "Add at least one more image with its mask, of another group if there are groups.",
        "too-small-to-cut",
    )


def _too_little(planes: Sequence[Plane]) -> InputError:
    return InputError.one(
        planes[0].source,
        "is the only image or group, and all that was annotated lies in one block of it",
        "Annotate other parts too, or add another image.",
        "one-block-annotated",
    )


def _cut_note(planes: Sequence[Plane], blocks: Sequence[Plane], margin: int) -> Problem:
    what = f"image {planes[0].id}" if len(planes) == 1 else f"{len(planes)} images of one group"
    places = {block.group: block for block in blocks if block.region and block.region.image == planes[0].id}
    sizes = listed([f"{block.labels.shape[0]} x {block.labels.shape[1]}" for block in places.values()])
    return Problem(
        "images",
        f"the {what} {'was' if len(planes) == 1 else 'were'} cut into {len(places)} blocks ({sizes} pixels), "
        f"{margin} pixels apart, that are held out in turn",
        "Blocks of one image are alike: images of other animals or slides tell more.",
        "cut-into-blocks",
    )


def _block_notes(blocks: Sequence[Plane], kept: Sequence[Plane]) -> Iterator[Problem]:
    left = [block.id for block in blocks if not judged(block.labels).any()]
    if left:
        found = f"blocks without a judged pixel were left out: {listed(left)}"
        yield Problem("images", found, "Nothing to do.", "block-left-out")
    empty = [block.id for block in kept if not foreground(block.labels).any()]
    if empty:
        found = f"blocks without foreground: {listed(empty)}"
        remedy = "Their Dice says little; annotate objects there if there are any."
        yield Problem("images", found, remedy, "block-without-foreground")
