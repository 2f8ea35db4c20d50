from pathlib import Path

import numpy as np
import pytest

from napari_deepflash2.data.lazy_image import LazyImage
from napari_deepflash2.data.overview import overview
from napari_deepflash2.data.zarr_files import open_zarr
from napari_deepflash2.exchange.ome_zarr import Grid, OmeZarr


@pytest.mark.parametrize("longest", [1, 7, 100, 699, 700, 5000])
def test_it_is_every_nth_pixel_however_the_image_is_stored(longest: int) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (2, 3, 600, 700)).astype(np.uint8)
    image = LazyImage("a", stack, "ZCYX", (1, 1, 130, 90), (1,) * 4, ("",) * 4, (0,) * 4)
    found = overview(image, {"Z": 1}, longest)
    step = -(-700 // longest)
    np.testing.assert_array_equal(found, np.moveaxis(stack[1, :, ::step, ::step], 0, -1))
    assert found.dtype == np.uint8


def test_of_a_pyramid_the_coarsest_level_that_is_fine_enough_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_deepflash2.exchange.ome_zarr.CHUNK", 32)
    grid = Grid("YX", (100, 200), (0.5, 0.5), ("micrometer",) * 2, (0.0, 0.0))
    writer = OmeZarr(tmp_path / "a.zarr")
    writer.create(grid, np.dtype(np.uint8))
    writer.write((), slice(0, 100), slice(0, 200), np.ones((100, 200), np.uint8))
    writer.finish(grid, "a", "labels", {})
    shapes = {least: open_zarr(tmp_path / "a.zarr", least=least).shape for least in (10, 40, 60, 100, 300)}
    assert shapes == {10: (13, 25), 40: (25, 50), 60: (50, 100), 100: (50, 100), 300: (100, 200)}
    assert open_zarr(tmp_path / "a.zarr").shape == (100, 200)
    assert open_zarr(tmp_path / "a.zarr", least=60).pixel_size == (1, 1)
