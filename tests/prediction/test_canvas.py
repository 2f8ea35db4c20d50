import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.prediction.canvas import Canvas, GridWeights, Region
from napari_deepflash2.prediction.tiling import Blending, TileGrid, axis_weights


def _tiles(grid: TileGrid) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(len(grid.starts), 3, *grid.shape)).astype(np.float32)


@pytest.mark.parametrize("blending", ["gaussian", "flat"])
@pytest.mark.parametrize("shape", [(20, 90), (100, 75), (64, 64)])
def test_tiles_are_averaged_by_their_weights(blending: Blending, shape: tuple[int, int]) -> None:
    grid = TileGrid.cover(shape, 32, 0.3)
    tiles = _tiles(grid)
    canvas = Canvas((2, 1), Region(0, shape[0], 0, shape[1]), GridWeights(grid, shape, blending))
    canvas.add(grid.starts, tiles)
    weights = np.outer(*(axis_weights(side, blending) for side in grid.shape))
    total, weight = np.zeros((3, 200, 200)), np.zeros((200, 200))
    for (y, x), tile in zip(grid.starts, tiles, strict=True):
        window = np.s_[y : y + grid.shape[0], x : x + grid.shape[1]]
        total[:, *window] += weights * tile
        weight[window] += weights
    first, second = canvas.averages()
    expected = total[:, : shape[0], : shape[1]] / weight[: shape[0], : shape[1]]
    np.testing.assert_allclose(np.concatenate([first, second]), expected, rtol=1e-5)
    assert (first.shape[0], second.shape[0]) == (2, 1)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 99), st.integers(0, 79), st.integers(1, 100), st.integers(1, 80))
def test_a_region_is_the_same_as_that_part_of_the_whole(top: int, left: int, height: int, width: int) -> None:
    shape = (100, 80)
    region = Region(top, min(top + height, 100), left, min(left + width, 80))
    grid = TileGrid.cover(shape, 32, 0.5)
    weights = GridWeights(grid, shape, "gaussian")
    whole, part = Canvas((3,), Region(0, 100, 0, 80), weights), Canvas((3,), region, weights)
    for canvas in (whole, part):
        canvas.add(grid.starts, _tiles(grid))
    expected = whole.averages()[0][:, region.top : region.bottom, region.left : region.right]
    np.testing.assert_array_equal(part.averages()[0], expected)
