"""Reading files: every case of the catalogue is read rightly, read with a note, or refused with a reason."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_deepflash2.data import list_images, read_image, read_labels
from napari_deepflash2.errors import InputError


def codes(notes):
    return [note.code for note in notes]


def refusal(call, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    return caught.value


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 200, (20, 30)).astype(np.uint8)


# --- TIFF: axes come from the file --------------------------------------------------------------------


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


# --- TIFF: types and tags -----------------------------------------------------------------------------


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


# --- values of images ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_b15_not_finite_pixels_are_counted_and_placed(tmp_path, bad):
    stored = np.ones((20, 30))
    stored[3, 7] = stored[5, 1] = bad
    tifffile.imwrite(tmp_path / "a.tif", stored)
    error = refusal(read_image, tmp_path / "a.tif")
    assert error.problems[0].code == "not-finite"
    assert "2 of 600" in str(error)
    assert "y 3, x 7" in str(error)


def test_b15_the_largest_half_float_is_finite(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[65504, -65504]], np.float16))
    assert read_image(tmp_path / "a.tif").data.max() == 65504


def test_complex_numbers_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((20, 30), np.complex64))
    assert refusal(read_image, tmp_path / "a.tif").problems[0].code == "bad-dtype"


def test_b16_constant_image_and_constant_channel_are_noted(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", np.full((20, 30), 7, np.uint8))
    stack = np.stack([pixels, np.full_like(pixels, 7)])
    tifffile.imwrite(tmp_path / "b.tif", stack, metadata={"axes": "CYX"})
    assert [note.found for note in read_image(tmp_path / "a.tif").notes] == [
        "has the same value 7 everywhere"
    ]
    assert [note.found for note in read_image(tmp_path / "b.tif").notes] == [
        "channel 1 has the same value 7 everywhere"
    ]


def test_b16_saturated_image_is_noted(tmp_path, pixels):
    pixels[:10] = 255
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    assert codes(read_image(tmp_path / "a.tif").notes) == ["saturated"]


# --- pictures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "pgm", "jp2", "webp"])
def test_pictures_are_read(tmp_path, pixels, suffix):
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", lossless=True)
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.data, pixels)


def test_jpeg_is_read(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").data.astype(int) - smooth).max() < 10


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 2), (20, 30, 3)])
def test_png_of_16_bits_loses_none(tmp_path, shape):
    stored = np.random.default_rng(0).integers(0, 65535, shape).astype(np.uint16)
    if shape[2:] == (2,):
        stored[..., 1] = 65535
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(stored))
    expected = stored[..., 0] if shape[2:] == (2,) else stored
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, expected)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_of_few_bits_keeps_its_values(tmp_path, bits):
    values = np.arange(2**bits, dtype=np.uint8)[np.newaxis]
    (tmp_path / "a.png").write_bytes(_small_png(values, bits))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png").data, values)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, values)


def _small_png(values: np.ndarray, bits: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = values.shape
    on = np.unpackbits(values[..., np.newaxis], axis=-1)[..., -bits:].reshape(height, -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in on)
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_picture_beyond_the_limit_of_pillow_is_read(tmp_path, monkeypatch, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, pixels)


def test_palette_png_as_image_gets_its_colours(tmp_path):
    _palette_png(tmp_path / "a.png", [(0, 0, 0), (200, 0, 0), (0, 200, 0)])
    image = read_image(tmp_path / "a.png")
    assert image.axes == "YXC"
    assert image.data[0, 1].tolist() == [200, 0, 0]
    assert "palette" in codes(image.notes)


def _palette_png(path: Path, colours: list[tuple[int, int, int]]) -> None:
    picture = Image.fromarray(np.array([[0, 1, 2], [2, 2, 1]], np.uint8), "P")
    picture.putpalette([value for colour in colours for value in colour])
    picture.save(path)


# --- damaged and foreign files ------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read_image, read_labels])
@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.bmp"])
@pytest.mark.parametrize("content", [b"", b"this is no image\n" * 20, b"II*\0", b"\x89PNG\r\n\x1a\n"])
def test_b1_empty_file_and_text_are_refused_by_name(tmp_path, read, name, content):
    (tmp_path / name).write_bytes(content)
    error = refusal(read, tmp_path / name)
    assert error.problems[0].where == str(tmp_path / name)
    assert error.problems[0].code == "unreadable"
    assert error.problems[0].remedy


def _images_to_cut(tmp_path: Path) -> dict[str, bytes]:
    stack = np.random.default_rng(0).integers(0, 60000, (5, 20, 30)).astype(np.uint16)
    grey = Image.fromarray((stack[0] >> 8).astype(np.uint8))
    writers = {
        "plain.tif": lambda path: tifffile.imwrite(path, stack[0]),
        "zlib.tif": lambda path: tifffile.imwrite(path, stack[0], compression="zlib"),
        "tiled.tif": lambda path: tifffile.imwrite(path, stack[0], compression="lzw", tile=(16, 16)),
        "axes.tif": lambda path: tifffile.imwrite(path, stack, metadata={"axes": "ZYX"}),
        "imagej.tif": lambda path: tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"}),
        "a.ome.tif": lambda path: tifffile.imwrite(path, stack, metadata={"axes": "ZYX"}),
        "z.ome.tif": lambda path: tifffile.imwrite(path, stack, compression="zlib", metadata={"axes": "ZYX"}),
        "a.png": grey.save,
        "a.jpg": grey.save,
        "a.bmp": grey.save,
        "a.gif": grey.save,
        "a.webp": grey.save,
    }
    for name, write in writers.items():
        write(tmp_path / name)
    return {name: (tmp_path / name).read_bytes() for name in writers}


def test_b2_b3_cut_files_are_refused_or_whole_and_never_less(tmp_path):
    refused = 0
    for name, whole in _images_to_cut(tmp_path).items():
        expected = read_image(tmp_path / name).data
        lengths = np.random.default_rng(1).integers(1, len(whole), 40)
        for length in lengths:
            (tmp_path / name).write_bytes(whole[:length])
            try:
                found = read_image(tmp_path / name).data
            except InputError:
                refused += 1
            else:
                # What was cut off was metadata or padding behind the last pixel.
                np.testing.assert_array_equal(found, expected)
    assert refused > 0.95 * 40 * 12


def test_b3_an_error_that_tifffile_only_logs_is_a_refusal(tmp_path):
    stack = np.random.default_rng(0).integers(0, 60000, (5, 20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) - 20 * 30 * 2])
    # Today's reader gives something back, without an exception.
    assert tifffile.imread(tmp_path / "a.tif").size < stack.size
    assert refusal(read_image, tmp_path / "a.tif").problems[0].code == "unreadable"


@pytest.mark.timeout(20)
def test_b6_pages_in_a_circle_do_not_hang(tmp_path):
    # One page of one tag, then an empty one that leads back to the first.
    page = struct.pack("<HHHIII", 1, 256, 3, 1, 1, 26) + struct.pack("<HI", 0, 8)
    circle = (b"II*\0" + struct.pack("<I", 8) + page).ljust(56, b"\0")
    (tmp_path / "a.tif").write_bytes(circle)
    assert len(circle) == 56
    error = refusal(read_image, tmp_path / "a.tif")
    assert error.problems[0].code == "endless-pages"
    assert "circle" in str(error)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("order", ["<", ">"])
def test_b6_circle_in_a_bigtiff_does_not_hang(tmp_path, order):
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HHHQ", 43, 8, 0, 16)
    page = struct.pack(order + "QQ", 0, 16)
    (tmp_path / "a.tif").write_bytes(header + page)
    assert refusal(read_image, tmp_path / "a.tif").problems[0].code == "endless-pages"


def test_b7_sizes_that_a_header_only_claims_are_refused(tmp_path):
    entries = [(256, 4, 200_000), (257, 4, 200_000), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8)]
    entries += [(277, 3, 1), (278, 4, 200_000), (279, 4, 4_000_000)]
    page = struct.pack("<H", len(entries))
    page += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + page + struct.pack("<I", 0))
    picture = bytearray(_small_png(np.zeros((1, 1), np.uint8), 1))
    picture[16:24] = struct.pack(">II", 200_000, 200_000)
    picture[29:33] = struct.pack(">I", zlib.crc32(bytes(picture[12:29])))
    (tmp_path / "a.png").write_bytes(picture)
    for name in ("a.tif", "a.png"):
        error = refusal(read_image, tmp_path / name)
        assert error.problems[0].code == "oversized"
        assert "200000 x 200000" in str(error)


@pytest.mark.filterwarnings("ignore:The legacy:DeprecationWarning")
def test_b24_formats_of_makers_are_refused_with_a_way_out(tmp_path):
    for name in ("a.czi", "a.nd2", "a.lif", "a.svs", "a.npy"):
        (tmp_path / name).write_bytes(bytes(range(200)))
        error = refusal(read_image, tmp_path / name)
        assert error.problems[0].code == "foreign-format"
        assert "TIFF" in error.problems[0].remedy


def test_a10_content_decides_and_the_wrong_extension_is_noted(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tif", pixels)
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    (tmp_path / "b.tif").rename(tmp_path / "b.jpg")
    for name, kind in (("a.tif", "PNG"), ("b.jpg", "TIFF")):
        image = read_image(tmp_path / name)
        np.testing.assert_array_equal(image.data, pixels)
        assert codes(image.notes) == ["wrong-extension"]
        assert kind in image.notes[0].found


@pytest.mark.timeout(20)
def test_a13_reading_a_named_pipe_does_not_wait(tmp_path):
    os.mkfifo(tmp_path / "a.tif")
    assert refusal(read_image, tmp_path / "a.tif").problems[0].code == "not-a-file"


def test_missing_file_is_refused_by_name(tmp_path):
    error = refusal(read_image, tmp_path / "a.tif")
    assert "a.tif" in str(error)
    assert "No such file" in str(error)


# --- masks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", ">u2"])
def test_c8_c9_labels_are_as_stored(tmp_path, dtype):
    info = np.iinfo(np.dtype(dtype))
    stored = np.array([[0, 1, info.max], [info.min, 5, 7]], dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, byteorder=">" if dtype[0] == ">" else "<")
    labels = read_labels(tmp_path / "a.tif")
    assert labels.data.dtype == stored.dtype.newbyteorder("=")
    np.testing.assert_array_equal(labels.data, stored)


def test_b12_one_bit_mask_is_0_and_1(tmp_path):
    stored = np.eye(20, dtype=bool)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    Image.fromarray(stored).save(tmp_path / "a.png")
    for name in ("a.tif", "a.png"):
        labels = read_labels(tmp_path / name)
        assert labels.data.dtype == np.uint8
        np.testing.assert_array_equal(labels.data, stored)


def test_c5_whole_floats_are_labels_and_fractions_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[0.0, 1.0, 300.0]], np.float32))
    labels = read_labels(tmp_path / "a.tif")
    assert labels.data.dtype == np.int64
    assert labels.data.tolist() == [[0, 1, 300]]
    for value in (0.9, np.nan, np.inf):
        tifffile.imwrite(tmp_path / "b.tif", np.array([[0, value, 1]], np.float32))
        error = refusal(read_labels, tmp_path / "b.tif")
        assert error.problems[0].code == "fractions"
        assert "Threshold" in error.problems[0].remedy


@pytest.mark.parametrize("channels", [3, 4])
def test_c6_grey_mask_in_rgb_or_rgba_is_read(tmp_path, channels):
    grey = np.where(np.eye(20), 255, 0).astype(np.uint8)
    colours = np.stack([grey] * 3 + [np.full_like(grey, 255)], -1)[..., :channels]
    Image.fromarray(colours).save(tmp_path / "a.png")
    labels = read_labels(tmp_path / "a.png")
    assert labels.axes == "YX"
    np.testing.assert_array_equal(labels.data, grey)


def test_c6_coloured_mask_is_refused_with_its_colours(tmp_path):
    colours = np.zeros((20, 30, 3), np.uint8)
    colours[:5] = (255, 0, 0)
    Image.fromarray(colours).save(tmp_path / "a.png")
    error = refusal(read_labels, tmp_path / "a.png")
    assert error.problems[0].code == "colour-mask"
    assert "(255, 0, 0) 25.0 %" in str(error)
    assert "grey values" in error.problems[0].remedy


def test_c6_palette_mask_gives_the_numbers_of_the_table(tmp_path):
    _palette_png(tmp_path / "a.png", [(0, 0, 0), (128, 0, 0), (0, 128, 0)])
    labels = read_labels(tmp_path / "a.png")
    assert labels.data.tolist() == [[0, 1, 2], [2, 2, 1]]
    assert codes(labels.notes) == ["palette"]


def test_c6_grey_palette_gives_the_greys(tmp_path):
    _palette_png(tmp_path / "a.png", [(255, 255, 255), (0, 0, 0), (255, 255, 255)])
    assert read_labels(tmp_path / "a.png").data.tolist() == [[255, 0, 255], [255, 255, 0]]


def test_colour_table_of_an_imagej_label_image_is_for_display(tmp_path):
    stored = np.array([[0, 1, 2], [2, 2, 1]], np.uint8)
    table = np.random.default_rng(0).integers(0, 65535, (3, 256)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, imagej=True, colormap=table)
    assert read_labels(tmp_path / "a.tif").data.tolist() == stored.tolist()
    assert read_image(tmp_path / "a.tif").axes == "YX"


def test_mask_of_several_channels_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 20, 30), np.uint8), metadata={"axes": "CYX"})
    assert refusal(read_labels, tmp_path / "a.tif").problems[0].code == "mask-channels"


def test_c4_jpeg_mask_is_noted_as_lossy(tmp_path):
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "a.jpg")
    assert codes(read_labels(tmp_path / "a.jpg").notes) == ["lossy-mask"]


# --- folders ------------------------------------------------------------------------------------------


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a9_upper_case_extensions_are_listed(tmp_path):
    _touch(tmp_path, "a.TIF", "b.Png", "c.JPEG", "d.ome.tif")
    assert [path.name for path in list_images(tmp_path)] == ["a.TIF", "b.Png", "c.JPEG", "d.ome.tif"]


def test_a11_junk_is_left_out_and_logged(tmp_path, caplog):
    caplog.set_level("INFO", logger="napari_deepflash2")
    junk = [
        "Thumbs.db",
        ".DS_Store",
        "._a.tif",
        ".ipynb_checkpoints/a.tif",
        "~$b.tif",
        ".~lock.c.tif",
        "notes.csv",
    ]
    _touch(tmp_path, "a.tif", *junk)
    assert [path.name for path in list_images(tmp_path)] == ["a.tif"]
    assert "2 files that are not images left out: Thumbs.db, notes.csv" in caplog.text
    assert "5 hidden files left out" in caplog.text


def test_a12_a_link_back_to_the_folder_is_not_followed(tmp_path):
    _touch(tmp_path, "a.tif")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b.tif").symlink_to(tmp_path / "a.tif")
    assert [path.name for path in list_images(tmp_path)] == ["a.tif", "b.tif"]


@pytest.mark.timeout(20)
def test_a13_what_is_no_regular_file_is_refused_all_at_once(tmp_path):
    _touch(tmp_path, "a.tif")
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "device.tif").symlink_to("/dev/null")
    (tmp_path / "folder.tif").symlink_to(tmp_path, target_is_directory=True)
    error = refusal(list_images, tmp_path)
    found = {Path(problem.where).name: problem.found for problem in error.problems}
    assert set(found) == {"pipe.tif", "dangling.png", "device.tif", "folder.tif"}
    assert "named pipe" in found["pipe.tif"]
    assert "not there" in found["dangling.png"]


def test_a14_empty_folder_other_files_and_a_file_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    _touch(tmp_path / "other", "table.csv", "sub/a.tif")
    _touch(tmp_path, "a.tif")
    assert "there: nothing" in str(refusal(list_images, tmp_path / "empty"))
    other = refusal(list_images, tmp_path / "other")
    assert "sub, table.csv" in str(other)
    assert "expected TIFF" in str(other)
    for name in ("a.tif", "missing"):
        error = refusal(list_images, tmp_path / name)
        assert error.problems[0].code == "bad-folder"
        assert name in error.problems[0].where


def test_a5_images_in_sub_folders_are_not_mixed_in_but_named(tmp_path, caplog):
    caplog.set_level("INFO", logger="napari_deepflash2")
    _touch(tmp_path, "a.tif", "plate1/a.tif", "plate2/a.tif")
    assert [path.parent for path in list_images(tmp_path)] == [tmp_path]
    assert "2 sub-folders left out: plate1, plate2" in caplog.text
