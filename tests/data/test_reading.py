"""Values of images, and pictures such as PNG."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
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


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_b15_not_finite_pixels_are_counted_and_placed(tmp_path, bad):
    stored = np.ones((20, 30))
    stored[3, 7] = stored[5, 1] = bad
    tifffile.imwrite(tmp_path / "a.tif", stored)
    error = refusal(read_image, tmp_path / "a.tif")
    assert error.problems[0].code == "not-finite"
    assert "2 of 600" in str(error)
    assert "y 3, x 7" in str(error)


def test_b15_not_finite_pixels_may_be_taken_for_background(tmp_path):
    pixels = np.arange(5.0, 65.0, dtype=np.float32).reshape(4, 5, 3)
    pixels[1, 2, 0], pixels[3, 3, 2] = np.nan, -np.inf
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    read = read_image(tmp_path / "a.tif", not_finite="background")
    expected = pixels.copy()
    expected[1, 2, 0], expected[3, 3, 2] = 5, 7
    np.testing.assert_array_equal(read.data, expected)
    assert read.data.dtype == np.float32
    (note,) = read.notes
    assert "2 of 60 values" in note.found
    tifffile.imwrite(tmp_path / "a.tif", pixels * np.nan, photometric="rgb")
    with pytest.raises(InputError, match="60 of 60"):
        read_image(tmp_path / "a.tif", not_finite="background")


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
