"""The device to compute on, and random numbers that leave others' alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def choose_device() -> torch.device:
    """Choose the first of CUDA, Apple's MPS and the processor that there is."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@contextmanager
def seeded(*seed: int) -> Iterator[None]:
    """Seed torch's generators inside the block; outside it they go on as if nothing had been.

    Parameters
    ----------
    *seed : int
        What names this use, such as the random state, the fold and the iteration.
    """
    import numpy as np
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1))
        yield
