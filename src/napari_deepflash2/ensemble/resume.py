"""Going on with an interrupted run, if it still is the same run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import Problem, listed, raise_if_any
from ..files import sha256_of
from .manifest import MANIFEST, Manifest, MemberRecord

_log = logging.getLogger(__name__)

_MOST_THREADS = 1024


def interrupted_run(folder: Path, resume: bool) -> Manifest | None:
    """Read the manifest of the run to go on with; None where there is none, or a new one is to begin."""
    return Manifest.load(folder) if resume and (folder / MANIFEST).exists() else None


@contextmanager
def same_threads(before: Manifest | None) -> Iterator[None]:
    """Compute in the block with as many threads as the run that is resumed: each number has its own bits."""
    import torch

    own = torch.get_num_threads()
    number = before.environment.get("threads") if before else None
    if isinstance(number, int) and 1 <= number <= _MOST_THREADS:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(own)


def resumed_manifest(folder: Path, old: Manifest, new: Manifest) -> Manifest:
    """Take over the members of an interrupted run.

    Parameters
    ----------
    folder : path
        The ensemble's.
    old : Manifest
        Of the run that was interrupted.
    new : Manifest
        What a run with the present data and settings would start with.

    Returns
    -------
    Manifest
        The old one, less the members whose files are damaged.

    Raises
    ------
    InputError
        Where data or settings differ from those of the run; lists the differences.
    """
    raise_if_any(_differences(folder, old, new))
    remarks = [
        f"{name} was {before} when the run began and was {now} when it was resumed"
        for what in ("versions", "environment")
        for name, before, now in _changed(getattr(old, what), getattr(new, what))
    ]
    for remark in remarks:
        _log.warning("%s: the weights may differ from those of an uninterrupted run", remark)
    whole = tuple(member for member in old.members if _is_whole(folder, member))
    return old.model_copy(update={"members": whole, "remarks": (*old.remarks, *remarks)})


def _differences(folder: Path, old: Manifest, new: Manifest) -> Iterator[Problem]:
    fused = ("consensus",) if old.experts or new.experts else ()
    for section in ("training", "prediction", "data", *fused):
        settings = [_flat(getattr(m.configuration, section).model_dump(mode="json")) for m in (old, new)]
        for name, before, now in _changed(*settings):
            yield _difference(folder, f"{section}.{name}", before, now)
    for what in ("image_hashes", "mask_hashes"):
        kind = what.split("_")[0]
        for id_, before, now in _changed(getattr(old, what), getattr(new, what)):
            states = ["absent" if value is None else "present" for value in (before, now)]
            before_now = states if None in (before, now) else ["other values", "changed"]
            yield _difference(folder, f"{kind} {id_}", *before_now)
    for id_, before, now in _changed(old.experts, new.experts):
        yield _difference(
            folder, f"experts of {id_}", *(", ".join(names or ("none",)) for names in (before, now))
        )
    for name, before, now in _changed(old.initial_weights.files, new.initial_weights.files):
        yield _difference(folder, f"the SHA-256 of the initial weights {name}", before, now)
    for name in ("classes", "channels", "planned"):
        if getattr(old, name) != getattr(new, name):
            yield _difference(folder, name, getattr(old, name), getattr(new, name))
    moved = [id_ for id_, _, _ in _changed(old.folds, new.folds)]
    if moved and old.folds.keys() == new.folds.keys():
        folds = [listed([manifest.folds[id_] for id_ in moved]) for manifest in (old, new)]
        yield _difference(folder, f"the fold that holds out {listed(moved)}", *folds)


def _difference(folder: Path, name: str, before: object, now: object) -> Problem:
    return Problem(
        str(folder),
        f"{name} was {before} when the run began and is {now} now",
        "Resume with the same data and settings, or train into another folder.",
        "resume-differs",
    )


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = dict.fromkeys([*old, *new])
    return [(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _is_whole(folder: Path, member: MemberRecord) -> bool:
    path = folder / member.file
    return path.is_file() and sha256_of(path) == member.sha256
