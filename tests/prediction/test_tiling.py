import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.prediction.tiling import TileGrid, axis_weights

_TILES = st.integers(1, 32).map(lambda n: 32 * n)


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 100), _TILES, st.floats(0, 0.9))
def test_tiles_cover_every_pixel_with_the_overlap_and_none_too_many(
    height: int, width: int, tile: int, overlap: float
) -> None:
    grid = TileGrid.cover((height, width), tile, overlap)
    for axis, length in enumerate((height, width)):
        side = grid.shape[axis]
        starts = sorted({start[axis] for start in grid.starts})
        assert side <= tile
        assert side % 32 == 0
        assert starts[0] == 0
        if length <= side:
            assert starts == [0]
            continue
        assert starts[-1] + side == length
        steps = np.diff(starts)
        assert steps.max() <= math.floor(side * (1 - overlap))
        assert steps.max() - steps.min() <= 1
        assert len(starts) == math.ceil((length - tile) / math.floor(tile * (1 - overlap))) + 1
        smaller = side - 32
        assert smaller == 0 or (len(starts) - 1) * math.floor(smaller * (1 - overlap)) + smaller < length


def test_the_grid_is_complete() -> None:
    grid = TileGrid.cover((1024, 1024), 512, 0.5)
    assert grid.shape == (512, 512)
    assert len(grid.starts) == 9
    assert set(grid.starts) == {(y, x) for y in (0, 256, 512) for x in (0, 256, 512)}


def test_an_image_smaller_than_a_tile_takes_one_tile_no_larger_than_needed() -> None:
    assert TileGrid.cover((1, 100), 512, 0.5) == TileGrid((32, 128), ((0, 0),))


@pytest.mark.parametrize("length", [32, 416, 512])
def test_weights_are_positive_symmetric_and_greatest_in_the_middle(length: int) -> None:
    weights = axis_weights(length, "gaussian")
    assert weights.shape == (length,)
    assert 0.1 < weights.min() < 0.16
    assert np.array_equal(weights, weights[::-1])
    assert weights.max() == weights[length // 2] <= 1
    assert (axis_weights(length, "flat") == 1).all()


def test_tiles_are_no_larger_than_the_overlap_asks_for() -> None:
    assert TileGrid.cover((1024, 1024), 512, 0.25).shape == (416, 416)
