"""Deciding disputed regions one by one: decisions, undo, progress and the log. Knows no window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..tables import write_csv
from .disputes import Dispute, find_disputes

if TYPE_CHECKING:
    import pandas as pd

Choice = Literal["consensus", "expert", "all", "none", "painted"]
UNDECIDED = "undecided"
ELSEWHERE = "painted elsewhere"
_AXES = ("t", "z", "y", "x")


@dataclass(frozen=True, eq=False)
class Decision:
    """What somebody decided on one region.

    Attributes
    ----------
    region : int
        Number of the region.
    choice : {"consensus", "expert", "all", "none", "painted"}
        Whose pixels the region gets: those of the consensus, of one expert, of all experts (union), of
        none (background), or those that were painted.
    expert : str
        Name of the expert; empty for every other choice.
    who : str
        Who decided.
    when : datetime
        Time of day in UTC.
    pixels : array
        What the region holds since, in the order of its pixels.
    """

    region: int
    choice: Choice
    expert: str
    who: str
    when: datetime
    pixels: NDArray[np.integer]


class Adjudication:
    """Goes through disputed regions and writes what is decided into one mask.

    A decision changes pixels of its region only. What holds at the start, and where nothing is decided, is
    the consensus.

    Parameters
    ----------
    masks : mapping of str to array
        One integer array (..., Y, X) of class labels for each expert; None for an expert without a mask.
    consensus : array
        Of the same shape.
    min_size : int
        Regions of fewer pixels are not asked about.

    Attributes
    ----------
    labels : array
        The mask in the making, of a dtype that holds every label. Painting may write into it.
    disputes : list of Dispute
        Largest first.
    history : list of Decision
        All decisions that were not undone, in the order they were made.
    position : int
        Index of the current region in `disputes`.

    Raises
    ------
    InputError
        Where a mask cannot be used or the consensus has another shape.
    """

    def __init__(
        self, masks: Mapping[str, ArrayLike | None], consensus: ArrayLike, min_size: int = 1
    ) -> None:
        self.masks = {name: np.asarray(mask) for name, mask in masks.items() if mask is not None}
        self.min_size = min_size
        self.disputes = find_disputes(self.masks, min_size)
        self.consensus = _checked_consensus(np.asarray(consensus), self.masks)
        self.labels = self.consensus.copy()
        # What the decisions alone make of the mask: where `labels` differs, somebody painted.
        self._decided = self.consensus.copy()
        self.history: list[Decision] = []
        self.position = 0
        self._latest: dict[int, Decision] = {}

    @property
    def experts(self) -> tuple[str, ...]:
        """Names of the experts, in the order given."""
        return tuple(self.masks)

    @property
    def current(self) -> Dispute | None:
        """The region that is looked at; None where the experts agree everywhere."""
        return self.disputes[self.position] if self.disputes else None

    @property
    def progress(self) -> str:
        """How far it has come, such as ``"17 of 63"``."""
        return f"{self.n_decided} of {len(self.disputes)}"

    @property
    def n_decided(self) -> int:
        """Number of regions that are decided."""
        return len(self._latest)

    def decision_on(self, dispute: Dispute) -> Decision | None:
        """Give the decision that holds for a region; None while there is none."""
        return self._latest.get(dispute.number)

    def go_to(self, position: int) -> None:
        """Make a region the current one; beyond either end the last or first is taken."""
        self.position = min(max(position, 0), max(len(self.disputes) - 1, 0))

    def go_to_next(self) -> None:
        """Go to the next smaller region."""
        self.go_to(self.position + 1)

    def go_to_previous(self) -> None:
        """Go to the next larger region."""
        self.go_to(self.position - 1)

    def go_to_next_undecided(self) -> bool:
        """Go to the next region without a decision, round the end to the start; False where none is left."""
        count = len(self.disputes)
        for step in range(1, count + 1):
            position = (self.position + step) % count
            if self.decision_on(self.disputes[position]) is None:
                self.go_to(position)
                return True
        return False

    def decide(
        self, choice: Choice, expert: str = "", who: str = "", when: datetime | None = None
    ) -> Dispute:
        """Decide the current region and write its pixels into `labels`.

        Parameters
        ----------
        choice : {"consensus", "expert", "all", "none", "painted"}
            Whose pixels the region gets. ``"all"`` gives each pixel the label other than 0 that most experts
            give it, the smallest of several; ``"painted"`` leaves `labels` as somebody painted it.
        expert : str
            Name of the expert, for ``"expert"``.
        who : str
            Who decides.
        when : datetime, optional
            Now, by default.

        Returns
        -------
        Dispute
            The region that was decided.

        Raises
        ------
        InputError
            Where nothing is disputed, or there is no such expert.
        """
        dispute = self.current
        if dispute is None:
            raise InputError.one(
                "adjudication", "the experts agree everywhere", "Nothing to do.", "no-dispute"
            )
        if (choice == "expert") != bool(expert) or (expert and expert not in self.masks):
            found = f"{choice!r} with the expert {expert!r}"
            remedy = f"Name one of {', '.join(self.experts)} for the choice 'expert', and none otherwise."
            raise InputError.one("adjudication", found, remedy, "no-such-expert")
        pixels = self.pixels_of(dispute, choice, expert)
        when = (when or datetime.now(UTC)).astimezone(UTC)
        self._hold(Decision(dispute.number, choice, expert, who, when, pixels))
        return dispute

    def undo(self) -> Dispute | None:
        """Take the last decision back, give its region the pixels it had by the decisions before, go there.

        Returns
        -------
        Dispute or None
            The region, or None where nothing was decided.
        """
        if not self.history:
            return None
        last = self.history.pop()
        before = next((one for one in reversed(self.history) if one.region == last.region), None)
        dispute = self.disputes[last.region - 1]
        if before is None:
            del self._latest[last.region]
            self._write(dispute, self.pixels_of(dispute, "consensus"))
        else:
            self._latest[last.region] = before
            self._write(dispute, before.pixels)
        self.go_to(last.region - 1)
        return dispute

    def pixels_of(self, dispute: Dispute, choice: Choice, expert: str = "") -> NDArray[np.integer]:
        """Labels that a choice gives a region, in the order of its pixels."""
        if choice == "all":
            drawn = np.stack([mask[dispute.slices][dispute.inside] for mask in self.masks.values()])
            return _union(drawn).astype(self.labels.dtype)
        if choice == "none":
            return np.zeros(dispute.area, self.labels.dtype)
        source = {"consensus": self.consensus, "painted": self.labels}.get(choice)
        source = self.masks[expert] if source is None else source
        return source[dispute.slices][dispute.inside].astype(self.labels.dtype)

    def painted_elsewhere(self) -> NDArray[np.bool_]:
        """Pixels of `labels` that were painted and that no decision accounts for; mask shape."""
        return self.labels != self._decided

    def replay(self, history: Sequence[Decision]) -> None:
        """Take over decisions made earlier, in order, and write their pixels."""
        for decision in history:
            self._hold(decision)

    def log(self) -> pd.DataFrame:
        """Table of all regions and what was decided.

        Returns
        -------
        DataFrame
            One row a region, largest first: region, the coordinates of its centre in pixels (t, z as far as
            there are such axes, y, x), area in pixels, decision, expert, who, when (ISO 8601, UTC).
            Undecided regions keep the consensus and say ``"undecided"``. Painting outside of decided
            regions gets a last row of its own, ``"painted elsewhere"``, with its pixels as area.
        """
        import pandas as pd

        axes = _AXES[-self.labels.ndim :]
        rows = [_row(dispute, self.decision_on(dispute), axes) for dispute in self.disputes]
        elsewhere = int(np.count_nonzero(self.painted_elsewhere()))
        if elsewhere:
            rows.append({"area": elsewhere, "decision": ELSEWHERE})
        columns = ["region", *axes, "area", "decision", "expert", "who", "when"]
        return pd.DataFrame(rows, columns=columns).astype({"region": "Int64", "area": "Int64"})

    def write_log(self, path: Path | str) -> None:
        """Write `log` as CSV."""
        write_csv(self.log(), path)

    def _hold(self, decision: Decision) -> None:
        self.history.append(decision)
        self._latest[decision.region] = decision
        self._write(self.disputes[decision.region - 1], decision.pixels)

    def _write(self, dispute: Dispute, pixels: NDArray[np.integer]) -> None:
        for array in (self.labels, self._decided):
            array[dispute.slices][dispute.inside] = pixels


def _checked_consensus(
    consensus: NDArray[np.integer], masks: Mapping[str, NDArray[Any]]
) -> NDArray[np.integer]:
    shape = next(iter(masks.values())).shape
    if consensus.shape != shape:
        found = f"it has shape {consensus.shape}, the experts' masks have {shape}"
        raise InputError.one("consensus", found, "Give the consensus of these masks.", "shape-mismatch")
    dtype = np.result_type(consensus, *(np.min_scalar_type(int(mask.max())) for mask in masks.values()))
    return consensus.astype(dtype)


def _union(drawn: NDArray[np.integer]) -> NDArray[np.integer]:
    """Most frequent label other than 0 along the first axis, the smallest of several; 0 where only 0 is."""
    labels = np.unique(drawn[drawn != 0])
    if not labels.size:
        return np.zeros(drawn.shape[1], drawn.dtype)
    votes = np.stack([np.count_nonzero(drawn == label, axis=0) for label in labels])
    return np.where(votes.any(axis=0), labels[votes.argmax(axis=0)], 0)


def _row(dispute: Dispute, decision: Decision | None, axes: tuple[str, ...]) -> dict[str, object]:
    centre = {axis: round(value, 1) for axis, value in zip(axes, dispute.centroid, strict=True)}
    row: dict[str, object] = {"region": dispute.number, **centre, "area": dispute.area}
    if decision is None:
        return row | {"decision": UNDECIDED}
    return row | {
        "decision": decision.choice,
        "expert": decision.expert or None,
        "who": decision.who or None,
        "when": decision.when.isoformat(timespec="seconds"),
    }
