"""What a training does about a loss that is no number, and about memory that is too small."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import InputError
from ..progress import ProgressCallback
from .checkpoint import Checkpoints
from .device import empty_cache, free_memory, is_device_failure, is_out_of_memory
from .member import Member
from .optimisation import NotFinite
from .validation import Validation

Say = Callable[[str], None]

_MOST_HALVINGS = 3
_TRIED = re.compile(r"tried to allocate ([\d.]+ ?\w+)", re.IGNORECASE)


def step_or_recover(member: Member, checkpoints: Checkpoints, say: Say) -> float | None:
    """Learn from one batch, or put right what kept the member from it.

    Where the loss is no finite number, the member goes back to its last validation and goes on from there
    at half the learning rate. Where memory is too small, the next batch is computed in twice as many parts.

    Parameters
    ----------
    member : Member
        Changed in place.
    checkpoints : Checkpoints
        With the state of the last validation.
    say : callable
        Told in words what was done.

    Returns
    -------
    float or None
        The loss; None where no step was made.

    Raises
    ------
    InputError
        When the learning rate was halved three times already, or memory is too small for a single tile.
    """
    try:
        return member.step()
    except NotFinite as error:
        _roll_back(member, checkpoints, error.value, say)
    except RuntimeError as error:
        if is_device_failure(error):
            raise _device_failed(member, error) from error
        if not is_out_of_memory(error):
            raise
        _split_batch(member, str(error), say)
    return None


def validate_or_recover(member: Member, progress: ProgressCallback, say: Say) -> Validation:
    """Measure a member; where memory is too small, with half as many tiles at once.

    Raises
    ------
    InputError
        When memory is too small for a single tile.
    """
    while True:
        try:
            return member.validate(progress)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if member.tiles_at_once == 1:
                raise _no_memory(member, str(error)) from error
        member.tiles_at_once //= 2
        empty_cache(member.device)
        say(f"memory was too small to validate: {member.tiles_at_once} tiles at once from now on")


def _roll_back(member: Member, checkpoints: Checkpoints, value: float, say: Say) -> None:
    state = checkpoints.load_good()
    if state is None or member.halvings == _MOST_HALVINGS:
        raise _not_finite(member, value)
    iteration, tiles = member.iteration + 1, ", ".join(member.batch_images())
    member.go_back(state)
    say(
        f"the loss became {value} at iteration {iteration}, on tiles of {tiles}: went back to iteration "
        f"{member.iteration} and on with a learning rate divided by {2**member.halvings}"
    )
    # Twice, so that no older checkpoint is left to which this state of the last validation does not belong.
    checkpoints.save(member.state())
    checkpoints.save(member.state())


def _split_batch(member: Member, message: str, say: Say) -> None:
    if member.parts >= member.batch_size:
        raise _no_memory(member, message)
    member.parts = min(2 * member.parts, member.batch_size)
    empty_cache(member.device)
    say(
        f"memory was too small at iteration {member.iteration + 1}: each batch is computed in "
        f"{member.parts} parts from now on, which learns the same and takes longer"
    )


def _not_finite(member: Member, value: float) -> InputError:
    again = f", {_MOST_HALVINGS} times at half the learning rate again" if member.halvings else ""
    return InputError.one(
        f"fold {member.fold}",
        f"the loss became {value} at iteration {member.iteration + 1}, on tiles of "
        f"{', '.join(member.batch_images())}{again}",
        "Lower the learning rate, and look at these images for extreme values.",
        "loss-not-finite",
    )


def _device_failed(member: Member, error: RuntimeError) -> InputError:
    return InputError.one(
        f"fold {member.fold}",
        f"{member.device} failed at iteration {member.iteration + 1} ({str(error).splitlines()[0]})",
        "Start the program again, after a sleep or a new driver perhaps the machine, and resume this run.",
        "device-failed",
    )


def _no_memory(member: Member, message: str) -> InputError:
    tried = _TRIED.search(message)
    need = tried.group(1) if tried else "more"
    return InputError.one(
        f"fold {member.fold}",
        f"memory is too small for a single tile: {need} asked for, "
        f"{free_memory(member.device) / 2**30:.1f} GiB free on {member.device}",
        "Choose smaller tiles or a smaller network, or end what else uses this memory.",
        "out-of-memory",
    )
