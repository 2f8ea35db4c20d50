"""The part of the training dock that checks the data before they are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..errors import InputError
from ..viewer.checking import CheckedData, check_pairs
from ..viewer.pairs import Pair
from .collecting import Collect, run_on_data
from .contact_sheet import ContactSheet
from .dock import Dock, make_button, make_row, notes_text, set_ready
from .pairs import PairsPart
from .tables import Cells, Table

MOST_NAMES = 12


class DataCheckPart(QWidget):
    """*Check data*, which image is held out in which fold, and pictures of the pairs.

    Parameters
    ----------
    dock : Dock
        Which it is a part of; runs the job and shows the messages.
    pairs : PairsPart
        Shows what was found in each pair.
    collect : callable
        Gives what to check and all settings; raises `InputError`.
    """

    def __init__(self, dock: Dock, pairs: PairsPart, collect: Collect) -> None:
        super().__init__()
        self._dock, self._pairs, self._collect = dock, pairs, collect
        self._found: CheckedData | None = None
        self.check_button = make_button(
            "Check data",
            self.check,
            "Read everything as training would: what does not fit, what is odd, and how it is split.",
        )
        self.sheet_button = make_button(
            "Pictures…", self.show_sheet, "Show a picture of each pair, and the figures of all of them."
        )
        self.split = Table()
        self.split.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(make_row([self.check_button, self.sheet_button]))
        layout.addWidget(self.split)

    def update_buttons(self) -> None:
        """Say what can be done now."""
        wait = "Wait for the job that runs." if self._dock.is_busy else ""
        none = "" if self._dock.session.pairs else "Add images with their masks first."
        set_ready(self.check_button, wait or none)
        has_pictures = self._found is not None and bool(self._found.pictures)
        set_ready(self.sheet_button, "" if has_pictures else "Check the data first.")

    def forget(self) -> None:
        """Forget what was found, as the pairs are others now."""
        self._found = None
        self.split.setVisible(False)

    def check(self) -> None:
        """Start the check."""
        show = partial(self.show_found, list(self._dock.session.pairs))
        run_on_data(self._dock, self._collect, check_pairs, show, "checking")

    def show_found(self, pairs: Sequence[Pair], found: CheckedData) -> None:
        """Show what was found in these pairs; nothing where they have changed meanwhile."""
        if any(one is not other for one, other in zip(pairs, self._dock.session.pairs, strict=False)):
            return
        self._found = found
        self._pairs.show_findings(pairs, found.findings)
        self.split.show_cells(split_cells(found.split))
        self.split.setVisible(bool(found.split))
        if found.problems:
            self._dock.refuse(InputError(found.problems))
        else:
            self._dock.say(notes_text(found.notes) or "Nothing odd was found.")
        self._dock.update_buttons()

    def show_sheet(self) -> None:
        """Open the pictures and figures of the last check."""
        if self._found is not None:
            ContactSheet(self._dock, self._found).show()


def split_cells(split: Sequence[Sequence[str]]) -> Cells:
    """List the images that are held out, a row for each fold."""
    return Cells(
        ("held out",),
        tuple(f"fold {number}" for number in range(1, len(split) + 1)),
        tuple((_names(names),) for names in split),
        tips={(row, 0): "\n".join(names) for row, names in enumerate(split)},
    )


def _names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return f"{len(names)}: {', '.join(names[:MOST_NAMES])}" + (f" and {more} more" if more > 0 else "")
