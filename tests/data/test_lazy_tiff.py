"""Large TIFF files of every kind that microscopes and slide scanners write."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepflash2.data.lazy_tiff import open_tiff

pytest.importorskip("zarr")
IMAGE = np.random.default_rng(0).integers(0, 4000, (200, 300)).astype(np.uint16)
PART = np.s_[33:150, 70:290]


def _part(path: Path) -> np.ndarray:
    return next(open_tiff(path).planes()).read(*PART)[..., 0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (64, 64), "compression": "zlib"},
        {"rowsperstrip": 16, "compression": "lzw"},
        {"bigtiff": True, "tile": (64, 64), "compression": "zstd", "byteorder": ">"},
    ],
)
def test_a_part_is_read_whatever_the_file_is_like(tmp_path: Path, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, **options)
    np.testing.assert_array_equal(_part(tmp_path / "a.tif"), IMAGE[PART])


def test_plain_data_are_mapped_into_memory(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    assert isinstance(open_tiff(tmp_path / "a.tif").array, np.memmap)


@pytest.mark.parametrize("ome", [False, True])
def test_a_pyramid_in_sub_ifds_is_read_at_full_resolution(tmp_path: Path, ome: bool) -> None:
    path = tmp_path / ("a.ome.tif" if ome else "a.tif")
    options: dict[str, Any] = {"tile": (64, 64), "compression": "zlib"}
    metadata = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25} if ome else None
    with tifffile.TiffWriter(path, bigtiff=True, ome=ome) as tif:
        tif.write(IMAGE, subifds=2, metadata=metadata, **options)
        for level in (2, 4):
            tif.write(IMAGE[::level, ::level], subfiletype=1, metadata=None, **options)
    image = open_tiff(path)
    assert image.shape == IMAGE.shape
    assert image.pixel_size == ((0.25, 0.25) if ome else None)
    np.testing.assert_array_equal(_part(path), IMAGE[PART])
