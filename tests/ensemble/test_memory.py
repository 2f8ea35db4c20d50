import sys

import pytest

from napari_deepflash2.ensemble.memory import kept_memory

MEGABYTES = 48


def _pages_asked_for() -> int:
    """How many pages the system has to hand over for an array that is freed at once."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    array = b"1" * (MEGABYTES * 2**20)
    del array
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def _resident_megabytes() -> float:
    import psutil

    return psutil.Process().memory_info().rss / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives memory back at once")
def test_memory_is_asked_for_once_and_given_back_at_the_end() -> None:
    with kept_memory():
        # The first rounds make room; small things may settle in it.
        asked_for = [_pages_asked_for() for _ in range(8)]
        kept = _resident_megabytes()
    assert min(asked_for) < 100
    assert _resident_megabytes() < kept - 0.5 * MEGABYTES


def test_an_error_passes_through() -> None:
    with pytest.raises(KeyError), kept_memory():
        raise KeyError
