"""The button that makes an image and its mask a training pair."""

from __future__ import annotations

from napari.layers import Image, Labels
from qtpy.QtWidgets import QPushButton

from ..errors import InputError
from ..viewer.pairs import Taking, make_pair
from .dock import Dock, set_ready
from .opening import open_dock


class ContinueButton(QPushButton):
    """*Continue to training* with a mask that a dock has made.

    Parameters
    ----------
    dock : Dock
        Which it is a part of.
    first : str
        What to do before there is a mask, such as ``"Estimate the ground truth first."``
    again : str
        How to get the mask once more, such as ``"estimate again"``.
    """

    def __init__(self, dock: Dock, first: str, again: str) -> None:
        super().__init__("Continue to training")
        self._dock, self._first, self._again = dock, first, again
        self._offered: tuple[Labels, Image | None] | None = None
        tip = "Open the training dock with the image and this mask as a pair."
        self.setProperty("tip", tip)
        self.clicked.connect(lambda: self.go_on())
        self.refresh()

    def offer(self, labels: Labels, image: Image | None) -> None:
        """Take the mask, and the image where one was chosen."""
        self._offered = labels, image
        self.refresh()

    def refresh(self, busy: str = "") -> None:
        """Say whether it can be pressed; `busy` is a reason of the dock why not."""
        set_ready(self, busy or self._why_not())

    def go_on(self) -> None:
        """Make image and mask a training pair and open the training dock."""
        labels, image = self._offered or (None, None)
        if labels is None or image is None:
            return
        try:
            pair = make_pair(image, labels, Taking(0 if image.ndim > labels.ndim else None))
        except InputError as error:
            self._dock.refuse(error)
            return
        self._dock.session.add_pairs([pair])
        open_dock(self._dock.viewer, "Train ensemble")

    def _why_not(self) -> str:
        if self._offered is None:
            return self._first
        labels, image = self._offered
        if image is None:
            return f"Choose the image that the experts annotated, and {self._again}."
        gone = [layer.name for layer in (labels, image) if layer not in self._dock.viewer.layers]
        return f'The layer "{gone[0]}" is no longer there; {self._again}.' if gone else ""
