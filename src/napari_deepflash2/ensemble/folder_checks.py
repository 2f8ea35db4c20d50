"""Whether an ensemble's folder holds what training made, and what there is to know about that."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError, Problem, raise_if_any
from ..files import sha256_of
from .initial_weights import leaks
from .manifest import Manifest, MemberRecord


def check_members(folder: Path, manifest: Manifest) -> None:
    """Refuse a folder whose models are not those that the manifest names; lists every one."""
    if not manifest.members:
        raise InputError.one(
            folder,
            "holds no trained model yet",
            "Resume the training, or wait until its first model is done.",
            "nothing-trained",
        )
    listed = {member.file for member in manifest.members}
    surplus = {path.name for path in folder.glob("*.pth")} - listed
    hashes = {sha256_of(folder / name): name for name in sorted(surplus)}
    problems = [
        problem for member in manifest.members if (problem := _member_problem(folder, member, hashes))
    ]
    # While a run goes on, a member may have been written that the manifest does not name yet.
    if manifest.is_complete:
        problems += [_surplus(folder / name) for name in sorted(surplus)]
    raise_if_any(problems)


def _member_problem(folder: Path, member: MemberRecord, surplus: dict[str, str]) -> Problem | None:
    path = folder / member.file
    if not path.is_file():
        other = surplus.get(member.sha256)
        found = f"is missing; {other} holds its content" if other else "is missing"
        remedy = f"Rename {other} back." if other else "Copy the whole ensemble folder again."
        return Problem(str(path), found, remedy, "member-missing")
    if sha256_of(path) != member.sha256:
        return Problem(
            str(path),
            "is damaged or is not the file the ensemble was made with (its SHA-256 differs)",
            "Copy the whole ensemble folder again; never exchange or rename single members.",
            "member-damaged",
        )
    return None


def _surplus(path: Path) -> Problem:
    return Problem(
        str(path),
        "does not belong to this ensemble: the manifest does not name it",
        "Move it out of the folder.",
        "member-surplus",
    )


def notes_on_training(folder: Path, manifest: Manifest) -> tuple[Problem, ...]:
    """Tell what the user should know about an ensemble before it is used."""
    resumed = [
        Problem(
            str(folder),
            f"{remark}, so its weights may differ from those of an uninterrupted training",
            "Train again without interruption if you need to reproduce it to the bit.",
            "resumed-elsewhere",
        )
        for remark in manifest.remarks
    ]
    told = [_told(folder, member, note) for member in manifest.members for note in member.notes]
    seen = leaks(manifest.initial_weights)
    return (*resumed, *told, *seen, *(() if manifest.is_complete else (_incomplete(folder, manifest),)))


def _told(folder: Path, member: MemberRecord, note: str) -> Problem:
    remedy = f"Compare its held-out Dice ({member.best_dice:.3f}) with that of the other models."
    return Problem(str(folder / member.file), note, remedy, "training-note")


def _incomplete(folder: Path, manifest: Manifest) -> Problem:
    done = sum(member.finished for member in manifest.members)
    return Problem(
        str(folder),
        f"{done} of {manifest.planned} models are trained to the end; "
        f"{len(manifest.members)} predict, each with the best weights it had",
        "Resume the training to have the whole ensemble.",
        "ensemble-incomplete",
    )
