"""Fixtures of the tests of reading."""

import numpy as np
import pytest


@pytest.fixture
def pixels():
    """A small grey image, (20, 30) uint8."""
    return np.random.default_rng(0).integers(0, 200, (20, 30)).astype(np.uint8)
