from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.data.lazy_image import LazyImage, LazyPlane, measure
from napari_deepflash2.data.lazy_tiff import open_tiff, planes_are_large
from napari_deepflash2.data.normalisation import Normalisation
from napari_deepflash2.errors import InputError


def _image(data: np.ndarray, axes: str, chunk: int = 100) -> LazyImage:
    n = data.ndim
    return LazyImage("image", data, axes, (chunk,) * n, (1.0,) * n, ("",) * n, (0.0,) * n)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 1300), st.integers(1, 900), st.integers(1, 700))
def test_the_pieces_of_a_plane_cover_it_once_and_end_where_chunks_do(
    height: int, width: int, chunk: int
) -> None:
    plane = next(_image(np.zeros((height, width), np.uint8), "YX", chunk).planes())
    covered = np.zeros((height, width), np.uint8)
    for rows, columns in plane.chunks():
        covered[rows, columns] += 1
        assert rows.start % chunk == columns.start % chunk == 0
    assert (covered == 1).all()


@pytest.mark.parametrize("axes", ["TZYXC", "CTZYX", "YXC", "XY", "ZYX"])
def test_planes_are_read_whatever_the_order_of_the_axes(axes: str) -> None:
    data = np.random.default_rng(0).integers(
        0, 99, [{"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 6}[a] for a in axes]
    )
    image = _image(data, axes)
    planes = list(image.planes())
    assert len(planes) == image.length("T") * image.length("Z")
    expected = data.transpose([axes.index(axis) for axis in "TZYXC" if axis in axes])
    expected = expected if "C" in axes else expected[..., None]
    found = np.stack([plane.read(slice(1, 4), slice(2, 6)) for plane in planes])
    np.testing.assert_array_equal(found, expected[..., 1:4, 2:6, :].reshape(found.shape))


def test_figures_are_those_of_the_whole_plane() -> None:
    data = np.random.default_rng(0).normal(30_000, 3, (1100, 700, 2)).astype(np.float32)
    data[600:, :, 1] += 500
    figures = measure(next(_image(data, "YXC").planes()))
    look = Normalisation("image", (0.0, 0.0), (1.0, 1.0)).for_image(data)
    np.testing.assert_allclose(figures.mean, look.offset, rtol=1e-12)
    np.testing.assert_allclose(figures.std, look.scale, rtol=1e-9)
    assert figures.ranges == tuple((float(data[..., c].min()), float(data[..., c].max())) for c in (0, 1))


def test_values_that_are_no_numbers_are_refused_with_their_place_or_replaced() -> None:
    data = np.zeros((20, 30), np.float32)
    data[11, 7] = np.nan
    data[12, 8] = np.inf
    image = _image(data, "YX")
    with pytest.raises(InputError, match="2 values are NaN or infinite, the first at y 11, x 7"):
        LazyPlane(image).read(slice(5, 20), slice(3, 30))
    part = LazyPlane(image, instead=(-1.0,)).read(slice(5, 20), slice(3, 30))
    assert part[6, 4, 0] == part[7, 5, 0] == -1
    assert (part == 0).sum() == part.size - 2


RGB = np.random.default_rng(0).integers(0, 255, (300, 400, 3)).astype(np.uint8)


@pytest.mark.parametrize("options", [{}, {"tile": (64, 64), "compression": "zlib"}, {"bigtiff": True}])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_files_are_read_part_by_part(tmp_path: Path, options: dict[str, object], byteorder: str) -> None:
    data = np.random.default_rng(0).integers(0, 60_000, (200, 300)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        data,
        byteorder=byteorder,
        resolution=(4, 4),
        resolutionunit="MICROMETER",
        **options,
    )
    image = open_tiff(tmp_path / "a.tif")
    part = next(image.planes()).read(slice(50, 120), slice(60, 290))
    np.testing.assert_array_equal(part[..., 0], data[50:120, 60:290])


def test_a_pyramid_of_ome_tiff_is_read_at_full_resolution(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    size = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(RGB, tile=(64, 64), subifds=1, photometric="rgb", metadata={"axes": "YXS", **size})
        writer.write(RGB[::2, ::2], tile=(64, 64), subfiletype=1, photometric="rgb")
    image = open_tiff(path)
    assert (image.axes, image.channels, image.pixel_size) == ("YXC", 3, (0.25, 0.25))
    np.testing.assert_array_equal(next(image.planes()).read(slice(9, 99), slice(0, 80)), RGB[9:99, :80])


def test_pages_without_meaning_are_in_doubt_unless_settings_say_what_they_are(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.zeros((4, 90, 80), np.uint8), photometric="minisblack", metadata=None
    )
    with pytest.raises(InputError, match="axes of unknown meaning"):
        open_tiff(tmp_path / "a.tif")
    assert open_tiff(tmp_path / "a.tif", "slices").length("Z") == 4


def test_b2_b3_a_tiff_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB, tile=(64, 64), compression="zlib", photometric="rgb")
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "b.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="missing or cut short"):
        open_tiff(tmp_path / "b.tif")
    (tmp_path / "c.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError, match="cannot be read as an image"):
        open_tiff(tmp_path / "c.tif")


def test_a_damaged_tile_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RGB[..., 0], tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].dataoffsets[8]
    spoiled = bytearray(path.read_bytes())
    spoiled[offset : offset + 40] = bytes(40)
    path.write_bytes(spoiled)
    with pytest.raises(InputError, match="chunk 1/1 is damaged"):
        measure(next(open_tiff(path).planes()))


def test_a_large_file_in_one_compressed_piece_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_deepflash2.data.lazy_tiff._MOST_BYTES_AT_ONCE", 1000)
    tifffile.imwrite(tmp_path / "a.tif", RGB, compression="zlib", rowsperstrip=300, photometric="rgb")
    with pytest.raises(InputError, match="cannot be read part by part"):
        open_tiff(tmp_path / "a.tif")


def test_the_header_tells_whether_planes_are_large(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb")
    assert planes_are_large(tmp_path / "a.tif", 300 * 400 - 1)
    assert not planes_are_large(tmp_path / "a.tif", 300 * 400)
    (tmp_path / "b.tif").write_bytes(b"II*\0")
    assert not planes_are_large(tmp_path / "b.tif", 1)
