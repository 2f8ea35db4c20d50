"""What the training dock tries out before a training: time and room, learning rate, augmentation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ..errors import InputError
from ..viewer.augmented import AugmentedTiles, augmented_tiles, show_augmented
from ..viewer.training_data import take_pairs
from .collecting import Collect
from .dock import Dock, make_button, make_row, set_ready
from .learning_rate import LearningRatePart
from .pairs import PairsPart


class TrialsPart(QWidget):
    """*Find learning rate* and *Preview tiles*.

    Parameters
    ----------
    dock : Dock
        Which it is a part of; runs the jobs and shows the messages.
    pairs : PairsPart
        The first selected row is what tiles are cut from.
    collect : callable
        Gives what to train on and all settings; raises `InputError`.
    take_rate : callable
        Takes a learning rate over.
    """

    def __init__(
        self, dock: Dock, pairs: PairsPart, collect: Collect, take_rate: Callable[[float], None]
    ) -> None:
        super().__init__()
        self._dock, self._pairs, self._collect = dock, pairs, collect
        # Another one each time, so that pressing again shows other tiles.
        self._random_state = 0
        self.rate = LearningRatePart(dock, collect, take_rate)
        self.augmentation_button = make_button(
            "Preview tiles",
            self.preview,
            "Show nine tiles as training varies them, as layers; of the selected row, else of the first.",
        )
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(make_row([self.rate.find_button, self.augmentation_button]))
        layout.addWidget(self.rate)

    def update_buttons(self) -> None:
        """Say what can be done now."""
        wait = "Wait for the job that runs." if self._dock.is_busy else ""
        why_not = wait or ("" if self._dock.session.pairs else "Add images with their masks first.")
        set_ready(self.augmentation_button, why_not)
        self.rate.update_buttons(why_not)

    def preview(self) -> None:
        """Draw nine tiles."""
        row = min(self._pairs.chosen_rows(), default=0)
        try:
            _, config = self._collect()
            [taken] = take_pairs([self._dock.session.pairs[row]])
        except InputError as error:
            self._dock.refuse(error)
            return
        self._random_state += 1
        self._dock.run(partial(augmented_tiles, taken, config, self._random_state), self._show, "augmenting")

    def _show(self, tiles: AugmentedTiles) -> None:
        show_augmented(self._dock.viewer, tiles)
