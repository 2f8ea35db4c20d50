"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread for torch and BLAS in each of pytest-xdist's workers; set before either is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).parents[1] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the repository; tests that need it are skipped without it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real images at {SHARED_DATA}: tests on them are left out")
    return SHARED_DATA.resolve()
