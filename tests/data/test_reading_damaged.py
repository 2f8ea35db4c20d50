"""Files that are damaged, hostile, foreign or named wrongly: refused with a reason, never half read."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_deepflash2.data import decoded, read_image, read_labels
from napari_deepflash2.data.decoded import refuse_oversized
from napari_deepflash2.errors import InputError


def codes(notes):
    return [note.code for note in notes]


def refusal(call, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    return caught.value


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
    Image.new("L", (1, 1)).save(tmp_path / "a.png")
    picture = bytearray((tmp_path / "a.png").read_bytes())
    picture[16:24] = struct.pack(">II", 200_000, 200_000)
    picture[29:33] = struct.pack(">I", zlib.crc32(bytes(picture[12:29])))
    (tmp_path / "a.png").write_bytes(picture)
    for name in ("a.tif", "a.png"):
        error = refusal(read_image, tmp_path / name)
        assert error.problems[0].code == "oversized"
        assert "200000 x 200000" in str(error)


def test_b7_the_limit_holds_for_large_files_and_lets_whole_slides_pass(tmp_path):
    with (tmp_path / "a.tif").open("wb") as stream:
        stream.truncate(10**10)
    refuse_oversized(tmp_path / "a.tif", (60_000, 60_000), 2)
    assert refusal(refuse_oversized, tmp_path / "a.tif", (70_000, 70_000), 2).problems[0].code == "oversized"


def test_b8_a_bomb_is_refused_by_its_header_and_opens_once_confirmed(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "_LARGE_BYTES", 1 << 20)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2048, 2048), np.uint8), compression="zlib")
    Image.fromarray(np.zeros((2048, 2048), np.uint8)).save(tmp_path / "a.png")
    for name in ("a.tif", "a.png"):
        (problem,) = refusal(read_image, tmp_path / name).problems
        assert problem.code == "oversized"
        assert "set 'largest_pixels' to 4194304" in problem.remedy
        assert read_image(tmp_path / name, largest_pixels=2048**2).data.shape == (2048, 2048)
        (small,) = refusal(read_labels, tmp_path / name, largest_pixels=2048**2 - 1).problems
        assert small.code == "oversized"


def test_b8_honest_pictures_of_any_size_open(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "_LARGE_BYTES", 1 << 16)
    noisy = np.random.default_rng(0).integers(0, 9, (512, 512), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", noisy, compression="zlib")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, noisy)


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
