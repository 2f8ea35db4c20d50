"""An adjudication on disk, to go on with later: JSON, tied to the masks it was made on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError
from ..files import write_text
from .adjudication import Adjudication, Choice, Decision
from .disputes import Dispute

Runs = list[tuple[int, int]]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SavedDecision(_File):
    """One decision; `painted` holds (label, number of pixels) runs where it cannot be derived."""

    region: int = Field(ge=1)
    decision: Choice
    expert: str = ""
    who: str = ""
    when: AwareDatetime
    painted: Runs | None = None


class SavedSession(_File):
    """The file: what it was made on, the decisions in order, and what was painted outside of them."""

    format: Literal["napari-deepflash2 adjudication"] = "napari-deepflash2 adjudication"
    version: Literal[1] = 1
    masks_sha256: dict[str, str]
    consensus_sha256: str
    min_size: int = Field(ge=1)
    position: int = Field(ge=0)
    decisions: list[SavedDecision]
    # (first pixel counted along rows, number of pixels, label)
    painted_elsewhere: list[tuple[int, int, int]]


def save_adjudication(adjudication: Adjudication, path: Path | str) -> None:
    """Write an adjudication as JSON, aside and then renamed.

    Parameters
    ----------
    adjudication : Adjudication
        Its masks are not stored, only the SHA-256 of each.
    path : path
        The file.
    """
    saved = SavedSession(
        masks_sha256={name: fingerprint(mask) for name, mask in adjudication.masks.items()},
        consensus_sha256=fingerprint(adjudication.consensus),
        min_size=adjudication.min_size,
        position=adjudication.position,
        decisions=[_saved(decision) for decision in adjudication.history],
        painted_elsewhere=_runs_in_place(adjudication.labels, adjudication.painted_elsewhere()),
    )
    write_text(path, saved.model_dump_json(indent=1, exclude_none=True))


def resume_adjudication(
    path: Path | str, masks: Mapping[str, ArrayLike | None], consensus: ArrayLike
) -> Adjudication:
    """Go on with a saved adjudication.

    Parameters
    ----------
    path : path
        What `save_adjudication` wrote.
    masks, consensus
        As for `Adjudication`; the same as when it was saved.

    Returns
    -------
    Adjudication
        With all decisions and all painting, at the region where it was left.

    Raises
    ------
    InputError
        Where the file is none of ours or damaged, or was made on other masks or another consensus.
    """
    saved = read_session(path)
    adjudication = Adjudication(masks, consensus, saved.min_size)
    _refuse_other_data(path, saved, adjudication)
    count = len(adjudication.disputes)
    if any(one.region > count for one in saved.decisions):
        raise _damaged(path, f"decides regions of which there are only {count}")
    adjudication.replay([_decision(path, adjudication, one) for one in saved.decisions])
    _paint(path, adjudication.labels, saved.painted_elsewhere)
    adjudication.go_to(saved.position)
    return adjudication


def read_session(path: Path | str) -> SavedSession:
    """Read and check the file alone; see `resume_adjudication`."""
    try:
        return SavedSession.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        remedy = "Choose the file of a saved adjudication."
        raise InputError.one(path, f"cannot be read ({error.strerror})", remedy, "no-session") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise _damaged(path, f"{place}: {first['msg']}") from error


def fingerprint(mask: ArrayLike) -> str:
    """SHA-256 of the shape and the values of a mask, whatever its dtype and byte order."""
    mask = np.asarray(mask)
    smallest = np.min_scalar_type(int(mask.max(initial=0))).newbyteorder("<")
    digest = hashlib.sha256(repr(mask.shape).encode())
    digest.update(np.ascontiguousarray(mask, dtype=smallest).data)
    return digest.hexdigest()


def _refuse_other_data(path: Path | str, saved: SavedSession, adjudication: Adjudication) -> None:
    now = {name: fingerprint(mask) for name, mask in adjudication.masks.items()}
    other = sorted(name for name in now | saved.masks_sha256 if now.get(name) != saved.masks_sha256.get(name))
    if other:
        raise InputError.one(
            path,
            f"was made on other masks of {', '.join(other)}",
            "Open the masks as they were then, under the same expert names, or start anew.",
            "other-masks",
        )
    if saved.consensus_sha256 != fingerprint(adjudication.consensus):
        raise InputError.one(
            path,
            "was made on another consensus of the same masks",
            "Choose the method and settings of the consensus as they were then, or start anew.",
            "other-consensus",
        )


def _saved(decision: Decision) -> SavedDecision:
    return SavedDecision(
        region=decision.region,
        decision=decision.choice,
        expert=decision.expert,
        who=decision.who,
        when=decision.when,
        painted=_runs(decision.pixels) if decision.choice == "painted" else None,
    )


def _decision(path: Path | str, adjudication: Adjudication, saved: SavedDecision) -> Decision:
    dispute = adjudication.disputes[saved.region - 1]
    if saved.expert and saved.expert not in adjudication.masks:
        raise _damaged(path, f"region {saved.region} names an unknown expert {saved.expert!r}")
    if (saved.decision == "expert") != bool(saved.expert):
        raise _damaged(path, f"region {saved.region}: {saved.decision} with the expert {saved.expert!r}")
    if saved.decision == "painted":
        pixels = _unrolled(path, adjudication, dispute, saved.painted or [])
    else:
        pixels = adjudication.pixels_of(dispute, saved.decision, saved.expert)
    return Decision(dispute.number, saved.decision, saved.expert, saved.who, saved.when, pixels)


def _runs(values: NDArray[np.integer]) -> Runs:
    starts = np.flatnonzero(np.diff(values, prepend=~values[:1]))
    lengths = np.diff(starts, append=values.size)
    return list(zip(values[starts].tolist(), lengths.tolist(), strict=True))


def _unrolled(
    path: Path | str, adjudication: Adjudication, dispute: Dispute, runs: Runs
) -> NDArray[np.integer]:
    # The sum is checked before anything is made of it: a file must not ask for any amount of memory.
    lengths = [length for _, length in runs]
    if min(lengths, default=0) < 1 or sum(lengths) != dispute.area:
        raise _damaged(path, f"region {dispute.number} has {dispute.area} pixels, its painting has others")
    labels = [_fitting(path, label, adjudication.labels.dtype) for label, _ in runs]
    return np.repeat(np.asarray(labels, adjudication.labels.dtype), lengths)


def _runs_in_place(labels: NDArray[np.integer], where: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    at = np.flatnonzero(where)
    values = labels.reshape(-1)[at]
    new = np.ones(at.size, bool)
    new[1:] = (np.diff(at) != 1) | (values[1:] != values[:-1])
    starts = np.flatnonzero(new)
    lengths = np.diff(starts, append=at.size)
    return list(zip(at[starts].tolist(), lengths.tolist(), values[starts].tolist(), strict=True))


def _paint(path: Path | str, labels: NDArray[np.integer], runs: list[tuple[int, int, int]]) -> None:
    flat = labels.reshape(-1)
    for start, length, label in runs:
        if start < 0 or length < 1 or start + length > flat.size:
            raise _damaged(path, "painted_elsewhere lies outside of the image")
        flat[start : start + length] = _fitting(path, label, labels.dtype)


def _fitting(path: Path | str, label: int, dtype: np.dtype[np.integer]) -> int:
    if not 0 <= label <= np.iinfo(dtype).max:
        raise _damaged(path, f"the label {label} is no label of this mask")
    return label


def _damaged(path: Path | str, found: str) -> InputError:
    return InputError.one(
        path, f"is no saved adjudication, or is damaged ({found})", "Choose another file.", "bad-session"
    )
