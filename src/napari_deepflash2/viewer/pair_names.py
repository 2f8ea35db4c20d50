"""Which mask belongs to which image, by the names of their layers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Problem

# Words that say what kind of layer it is, and nothing about which image.
KINDS = (
    "image", "images", "img", "raw", "mask", "masks", "label", "labels", "labelled", "seg", "segmentation",
    "annotation", "annotations", "annotated", "truth", "ground", "groundtruth", "gt",
)  # fmt: skip
_NUMBERED_KIND = re.compile(rf"({'|'.join(KINDS)})(\d+)")

Words = tuple[str, ...]


@dataclass(frozen=True)
class NameMatch:
    """Images and masks brought together by name.

    Attributes
    ----------
    pairs : tuple of (int, int)
        Places of an image and its mask in the names given, in the order of the images.
    left_images, left_masks : tuple of int
        Places of those that nothing fits.
    problems : tuple of Problem
        What fits in more than one way.
    """

    pairs: tuple[tuple[int, int], ...]
    left_images: tuple[int, ...]
    left_masks: tuple[int, ...]
    problems: tuple[Problem, ...]


def match_names(images: Sequence[str], masks: Sequence[str]) -> NameMatch:
    """Give each mask the image whose name begins its own; of several images the one of the longest name.

    ``x`` has the masks ``x``, ``x mask``, ``x_labels``; ``image 1`` has ``mask 1``. Whole words and numbers
    count, so that ``10 mask`` is never the mask of ``1``. Letter case, Unicode form and the number that
    napari adds to a name that is taken do not.
    """
    stems = [_stems(name) for name in images]
    fitting = [_best(stems, _stems(name)) for name in masks]
    unclear = [place for place, found in enumerate(fitting) if len(found) > 1]
    of_image = {
        number: [place for place, found in enumerate(fitting) if found == [number]]
        for number in range(len(images))
    }
    return NameMatch(
        pairs=tuple((number, found[0]) for number, found in of_image.items() if len(found) == 1),
        left_images=tuple(number for number, found in of_image.items() if not found),
        left_masks=tuple(place for place, found in enumerate(fitting) if not found),
        problems=(
            *(_several_images(masks[place], [images[n] for n in fitting[place]]) for place in unclear),
            *(
                _several_masks(images[number], [masks[place] for place in found])
                for number, found in of_image.items()
                if len(found) > 1
            ),
        ),
    )


def own_words(image: str, mask: str) -> str:
    """Tell what a mask's name says beyond that of its image; all of it where nothing is left."""
    stem, words = _words(image), _words(mask)
    rest = _spelled(mask)[len(stem) :] if words[: len(stem)] == stem else []
    return " ".join(rest) or _without_number(mask)


def _stems(name: str) -> tuple[Words, Words]:
    """All words of a name, and those that are left without the words for kinds of layers."""
    words = _words(name)
    parted = [part for word in words for part in _parted(word)]
    return words, tuple(word for word in parted if word not in KINDS)


def _words(name: str) -> Words:
    return tuple(word.casefold() for word in _spelled(name))


def _spelled(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", _without_number(name)))


def _without_number(name: str) -> str:
    return re.sub(r" \[\d+\]$", "", name)


def _parted(word: str) -> Sequence[str]:
    found = _NUMBERED_KIND.fullmatch(word)
    return found.groups() if found else (word,)


def _best(images: Sequence[tuple[Words, Words]], mask: tuple[Words, Words]) -> list[int]:
    scores = [_common(image, mask) for image in images]
    most = max(scores, default=0)
    return [number for number, score in enumerate(scores) if score == most and score > 0]


def _common(image: tuple[Words, Words], mask: tuple[Words, Words]) -> int:
    """Length of the image's name where the mask's begins with it, counted from 1; 0 where it does not."""
    for stem, words in zip(image, mask, strict=True):
        # An image that is called "image" has no name of its own: only "mask" fits it.
        if stem == words or (stem and words[: len(stem)] == stem):
            return len(stem) + 1
    return 0


def _several_images(mask: str, images: Sequence[str]) -> Problem:
    return Problem(
        f'Labels layer "{mask}"',
        f"fits more than one image by name: {_quoted(images)}",
        "Rename the layers so that each mask begins with the name of its image, or add one pair at a time.",
        "ambiguous-mask",
    )


def _several_masks(image: str, masks: Sequence[str]) -> Problem:
    return Problem(
        f'Image layer "{image}"',
        f"has more than one mask by name: {_quoted(masks)}",
        "Select the one that is to be learned from; masks of several experts are added as experts.",
        "several-masks",
    )


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
