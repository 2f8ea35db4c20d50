"""Some of the channels of an image, in an order of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .set_checks import in_channels

if TYPE_CHECKING:
    from .lazy_image import LazyImage
    from .reading import ImageFile


class ChosenChannels:
    """An array of which some channels are read, and only these.

    Parameters
    ----------
    array : array
        Has `shape`, `dtype` and indexing by slices and whole numbers.
    axis : int
        Which holds its channels; it has to be indexed by a slice.
    channels : sequence of int
        Which to read, from 0, in this order.
    """

    def __init__(self, array: Any, axis: int, channels: Sequence[int]) -> None:
        self._array, self._axis, self._channels = array, axis, tuple(channels)
        self.dtype = np.dtype(array.dtype)
        self.shape = (*array.shape[:axis], len(self._channels), *array.shape[axis + 1 :])

    def __getitem__(self, where: tuple[slice | int, ...]) -> NDArray[Any]:
        before, wanted, after = where[: self._axis], where[self._axis], where[self._axis + 1 :]
        assert isinstance(wanted, slice), "channels are asked for by a slice"
        parts = [
            np.asarray(self._array[(*before, slice(channel, channel + 1), *after)])
            for channel in self._channels[wanted]
        ]
        return np.concatenate(parts, axis=sum(isinstance(one, slice) for one in before))


def parse_channels(text: str) -> tuple[int, ...] | None:
    """Read a choice of channels as it is typed.

    Parameters
    ----------
    text : str
        Numbers from 0 with commas or spaces between them, such as "1, 0".

    Returns
    -------
    tuple of int, or None
        None where nothing is chosen.

    Raises
    ------
    InputError
        Where it is anything else.
    """
    words = text.replace(",", " ").split()
    if not all(word.isascii() and word.isdigit() for word in words):
        raise InputError.one(
            "channels",
            f'"{text}" are no numbers',
            "Give numbers from 0 with commas between them, such as 1, 0.",
            "bad-channels",
        )
    return tuple(int(word) for word in words) or None


def check_choice(where: str, channels: Sequence[int], available: int) -> None:
    """Refuse channels that an image does not have, and one that is chosen twice.

    Parameters
    ----------
    where : str
        What the user calls the image.
    channels : sequence of int
        The choice.
    available : int
        How many channels the image has.

    Raises
    ------
    InputError
        Says which are wrong.
    """
    lacking = [str(channel) for channel in channels if not 0 <= channel < available]
    if lacking:
        remedy = f"Choose from 0 to {available - 1}." if available > 1 else "Choose none."
        found = f"has no channel {', '.join(lacking)}, only {available}, counted from 0"
        raise InputError.one(where, found, remedy, "no-channel")
    if len(set(channels)) < len(channels):
        raise InputError.one(where, "has a channel that is chosen twice", "Choose each once.", "same-channel")


def channels_of_file(where: str, image: ImageFile, channels: Sequence[int]) -> ImageFile:
    """Take some channels of an image that was read; of grey that was saved in colours, each is the grey.

    Parameters
    ----------
    where : str
        What the user calls it.
    image : ImageFile
        As it was read.
    channels : sequence of int
        Which, from 0, in this order.

    Returns
    -------
    ImageFile
        Without channel axis where it is one channel.

    Raises
    ------
    InputError
        As `check_choice`.
    """
    pixels = in_channels(image, 3)
    check_choice(where, channels, pixels.shape[-1])
    chosen, axes = pixels[..., list(channels)], image.axes.removesuffix("C")
    # That it was spread again is no concern of what follows.
    notes = tuple(note for note in image.notes if note.code != "grey-in-rgb")
    if len(channels) == 1:
        return replace(image, data=chosen[..., 0], axes=axes, notes=notes)
    return replace(image, data=chosen, axes=axes + "C", notes=notes)


def with_channels(image: LazyImage, channels: Sequence[int] | None) -> LazyImage:
    """Give an image of some channels of another one; the same where none are chosen.

    Raises
    ------
    InputError
        As `check_choice`.
    """
    if channels is None:
        return image
    check_choice(image.name, channels, image.channels)
    if "C" not in image.axes:
        return image
    return replace(image, array=ChosenChannels(image.array, image.axes.index("C"), channels))
