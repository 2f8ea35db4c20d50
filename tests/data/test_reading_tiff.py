"""TIFF: axes, number types and tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_deepflash2.data import read_image, read_labels
from napari_deepflash2.errors import InputError


def codes(notes):
    return [note.code for note in notes]


def refusal(call, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    return caught.value


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tifffile")
@pytest.mark.parametrize(
    ("axes", "shape", "options", "expected_axes", "expected_shape"),
    [
        ("YX", (20, 30), {}, "YX", (20, 30)),
        ("ZYX", (4, 20, 30), {}, "ZYX", (4, 20, 30)),
        ("CYX", (2, 20, 30), {}, "YXC", (20, 30, 2)),
        ("TCYX", (4, 2, 20, 30), {}, "TYXC", (4, 20, 30, 2)),
        ("ZCYX", (3, 2, 20, 30), {"imagej": True}, "ZYXC", (3, 20, 30, 2)),
        ("TZYX", (2, 3, 20, 30), {"imagej": True}, "TZYX", (2, 3, 20, 30)),
        ("CZYX", (2, 3, 20, 30), {"ome": True}, "ZYXC", (3, 20, 30, 2)),
        ("YXS", (20, 30, 3), {"photometric": "rgb"}, "YXC", (20, 30, 3)),
        ("SYX", (3, 20, 30), {"photometric": "rgb", "planarconfig": "separate"}, "YXC", (20, 30, 3)),
    ],
)
def test_b10_b11_axes_of_a_tiff_are_those_it_names(
    tmp_path, axes, shape, options, expected_axes, expected_shape
):
    stored = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    tifffile.imwrite(tmp_path / "a.tif", stored, metadata={"axes": axes}, **options)
    image = read_image(tmp_path / "a.tif")
    assert image.axes == expected_axes
    assert image.data.shape == expected_shape
    order = [axes.replace("S", "C").index(axis) for axis in expected_axes]
    np.testing.assert_array_equal(image.data, stored.transpose(order))


def test_b10_pyramid_gives_the_full_image(tmp_path, pixels):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(np.kron(pixels, np.ones((4, 4), np.uint8)), subifds=1, tile=(16, 16))
        writer.write(np.kron(pixels, np.ones((2, 2), np.uint8)), subfiletype=1, tile=(16, 16))
    assert read_image(tmp_path / "a.tif").data.shape == (80, 120)


def test_b10_one_file_of_a_multi_file_ome_image_is_refused(tmp_path, pixels):
    names = ["a.ome.tif", "b.ome.tif"]
    planes = "".join(
        f'<TiffData IFD="0" FirstZ="{z}" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{z:032}</UUID>'
        "</TiffData>"
        for z, name in enumerate(names)
    )
    for z, name in enumerate(names):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{z:032}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="30" '
            f'SizeY="20" SizeZ="2" SizeC="1" SizeT="1">{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / name, pixels, description=xml, metadata=None)
    assert refusal(read_image, tmp_path / "a.ome.tif").problems[0].code == "multi-file"


def test_b10_several_images_in_one_file_are_refused(tmp_path, pixels):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(pixels, metadata=None)
        writer.write(pixels[:5, :5], metadata=None)
    error = refusal(read_image, tmp_path / "a.tif")
    assert error.problems[0].code == "several-images"
    assert "a.tif" in str(error)


@pytest.mark.parametrize("metadata", [None, {}])
def test_b9_pages_of_unknown_meaning_are_refused_until_told(tmp_path, metadata):
    stored = np.arange(2 * 20 * 30, dtype=np.uint16).reshape(2, 20, 30)
    tifffile.imwrite(tmp_path / "a.tif", stored, metadata=metadata)
    error = refusal(read_image, tmp_path / "a.tif")
    assert error.problems[0].code == "unknown-axes"
    assert "2 x 20 x 30" in str(error)
    assert "'pages'" in str(error)
    slices = read_image(tmp_path / "a.tif", pages="slices")
    assert (slices.axes, slices.data.shape) == ("ZYX", (2, 20, 30))
    channels = read_image(tmp_path / "a.tif", pages="channels")
    assert (channels.axes, channels.data.shape) == ("YXC", (20, 30, 2))
    np.testing.assert_array_equal(channels.data, stored.transpose(1, 2, 0))


def test_b9_animated_gif_is_refused(tmp_path, pixels):
    frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert refusal(read_image, tmp_path / "a.gif").problems[0].code == "several-frames"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tifffile")
@pytest.mark.parametrize("planes", [3, 4])
@pytest.mark.parametrize(("axes", "expected"), [("ZYX", "ZYX"), ("CYX", "YXC")])
def test_b11_named_axes_count_more_than_the_rgb_tag_of_three_planes(tmp_path, planes, axes, expected):
    stored = np.random.default_rng(0).integers(0, 200, (planes, 20, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored, metadata={"axes": axes})
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages[0].photometric.name == "RGB"
    image = read_image(tmp_path / "a.tif")
    assert image.axes == expected
    np.testing.assert_array_equal(image.data if axes == "ZYX" else np.moveaxis(image.data, -1, 0), stored)
    assert not image.notes


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tifffile")
def test_b11_equal_channels_that_are_named_stay_channels(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([pixels] * 3), metadata={"axes": "CYX"})
    assert read_image(tmp_path / "a.tif").data.shape == (20, 30, 3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tifffile")
def test_b11_three_planes_tagged_as_rgb_are_noted(tmp_path):
    stored = np.random.default_rng(0).integers(0, 200, (3, 20, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "YXC"
    assert codes(image.notes) == ["colour-planes"]


def test_b11_channels_of_colours_are_refused(tmp_path):
    stored = np.zeros((2, 20, 30, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", metadata={"axes": "CYXS"})
    assert refusal(read_image, tmp_path / "a.tif").problems[0].code == "channels-of-colours"


@pytest.mark.parametrize(
    "dtype",
    ["bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">u2", ">f4", ">i4"],
)
def test_b12_b14_every_number_type_is_read_as_stored(tmp_path, dtype):
    stored = (np.random.default_rng(0).integers(-100, 100, (20, 30))).astype(dtype)
    byteorder = ">" if dtype.startswith(">") else "<"
    tifffile.imwrite(tmp_path / "a.tif", stored, byteorder=byteorder)
    image = read_image(tmp_path / "a.tif")
    assert image.data.dtype.isnative
    assert image.data.dtype == stored.dtype.newbyteorder("=")
    np.testing.assert_array_equal(image.data, stored)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd", "packbits", "lzma", "png", "jpegxl"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_compressed_tiffs_are_read(tmp_path, pixels, compression, tile):
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression, tile=tile)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, pixels)


@pytest.mark.parametrize(("dtype", "highest"), [("bool", 1), ("u1", 255), ("u2", 65535)])
def test_b17_white_is_zero_is_inverted_with_a_note(tmp_path, dtype, highest):
    stored = np.random.default_rng(0).integers(0, highest + 1, (20, 30)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite", software="a scanner")
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.data.astype(int), highest - stored.astype(int))
    assert codes(image.notes) == ["white-is-zero"]


def test_b17_true_of_a_bool_array_stays_true(tmp_path):
    # tifffile tags arrays of bool as white is zero, and reads True as True.
    stored = np.eye(20, dtype=bool)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages[0].photometric.name == "MINISWHITE"
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif").data, stored)
    assert not read_labels(tmp_path / "a.tif").notes


def test_b17_inverted_lookup_table_of_imagej_keeps_the_values(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, photometric="miniswhite")
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.data, pixels)
    assert codes(image.notes) == ["white-is-zero"]


def test_b18_cmyk_is_refused(tmp_path):
    four = np.random.default_rng(0).integers(0, 255, (20, 30, 4)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", four, photometric="separated")
    Image.fromarray(four, "CMYK").save(tmp_path / "a.jpg")
    tifffile.imwrite(tmp_path / "lab.tif", four[..., :3], photometric="cielab")
    for name in ("a.tif", "a.jpg", "lab.tif"):
        error = refusal(read_image, tmp_path / name)
        assert error.problems[0].code == "colour-space"
        assert "Convert" in error.problems[0].remedy


def test_b18_ycbcr_of_a_jpeg_tiff_becomes_rgb(tmp_path):
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    tifffile.imwrite(tmp_path / "a.tif", red, photometric="rgb", compression="jpeg")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages[0].photometric.name == "YCBCR"
    assert np.abs(read_image(tmp_path / "a.tif").data.astype(int) - red).max() < 6


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_b18_opaque_alpha_is_left_out_with_a_note(tmp_path, suffix):
    rgba = np.random.default_rng(0).integers(0, 255, (20, 30, 4)).astype(np.uint8)
    rgba[..., 3] = 255
    _save(tmp_path / f"a.{suffix}", rgba)
    image = read_image(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(image.data, rgba[..., :3])
    assert codes(image.notes) == ["alpha-left-out"]


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_b18_transparency_is_refused(tmp_path, suffix):
    rgba = np.random.default_rng(0).integers(0, 255, (20, 30, 4)).astype(np.uint8)
    _save(tmp_path / f"a.{suffix}", rgba)
    error = refusal(read_image, tmp_path / f"a.{suffix}")
    assert error.problems[0].code == "transparency"
    assert f"a.{suffix}" in error.problems[0].where


def _save(path: Path, array: np.ndarray) -> None:
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="rgb", extrasamples=["unassalpha"])
    else:
        Image.fromarray(array).save(path)


def test_grey_saved_as_rgb_becomes_one_channel(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([pixels] * 3, -1), photometric="rgb")
    image = read_image(tmp_path / "a.tif")
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.data, pixels)
    assert codes(image.notes) == ["grey-in-rgb"]


def test_b19_orientation_is_noted_and_not_applied(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels, extratags=[(274, "H", 1, 6, True)])
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    for name in ("a.tif", "a.png"):
        image = read_image(tmp_path / name)
        np.testing.assert_array_equal(image.data, pixels)
        assert codes(image.notes) == ["orientation"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1)])
@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_b20_tiny_images_are_read(tmp_path, shape, suffix):
    stored = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    if suffix == "tif":
        tifffile.imwrite(tmp_path / "a.tif", stored)
    else:
        Image.fromarray(stored).save(tmp_path / "a.png")
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.data, stored)


def test_b20_image_without_pixels_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="zero-size"):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((0, 30), np.uint8))
    assert "a.tif" in str(refusal(read_image, tmp_path / "a.tif"))
