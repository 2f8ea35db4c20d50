"""Memory that the process keeps for itself from one step of training to the next."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of mallopt(3), with their defaults. The threshold is that of a process which has freed an array
# of 32 MiB before, since glibc raises it so far by itself until it is set.
_TRIM_THRESHOLD, _DEFAULT_THRESHOLD = -1, 64 * 2**20
_MMAP_MAX, _DEFAULT_MMAP_MAX = -4, 65536
_NEVER = -1


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep what is freed in the block for the next that is asked for, and give it back at the end.

    Each step of training frees as much as it takes. glibc returns large arrays to the system at once, and
    gets them again page by page, emptied: a tenth of the time of a step on a processor. Does nothing where
    the C library is another one. Blocks must not be nested.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, _DEFAULT_MMAP_MAX)
        libc.mallopt(_TRIM_THRESHOLD, _DEFAULT_THRESHOLD)
        libc.malloc_trim(0)
