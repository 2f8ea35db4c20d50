"""Masks: whole numbers as stored, or refused."""

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
        assert "mask_threshold" in error.problems[0].remedy


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


def test_c4_c5_a_threshold_turns_soft_masks_and_probabilities_into_labels(tmp_path):
    soft = np.clip(np.add.outer(np.arange(16), np.arange(16)) * 9, 0, 255).astype(np.uint8)
    Image.fromarray(soft).save(tmp_path / "a.jpg")
    tifffile.imwrite(tmp_path / "b.tif", soft / np.float32(255))
    jpeg = read_labels(tmp_path / "a.jpg", threshold=127)
    assert (jpeg.data == (np.asarray(Image.open(tmp_path / "a.jpg")) > 127)).all()
    assert jpeg.notes == ()
    found = read_labels(tmp_path / "b.tif", threshold=0.5).data
    np.testing.assert_array_equal(found, soft > 127)
    assert found.dtype == np.uint8


def test_c6_colours_that_are_named_are_labels_and_others_are_refused(tmp_path):
    picture = np.zeros((6, 6, 3), np.uint8)
    picture[1:3], picture[4:] = (255, 0, 0), (0, 16, 255)
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(picture).quantize().save(tmp_path / "b.png")
    alpha = np.dstack([picture, np.full((6, 6), 255, np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "c.png")
    colours = {"#000000": 0, "#FF0000": 1, "#0010ff": 2}
    for name in "abc":
        labels = read_labels(tmp_path / f"{name}.png", colours=colours)
        assert (labels.axes, labels.data[:, 0].tolist()) == ("YX", [0, 1, 1, 0, 2, 2])
    with pytest.raises(InputError) as caught:
        read_labels(tmp_path / "a.png", colours={"#000000": 0, "#ff0000": 1})
    (problem,) = caught.value.problems
    assert problem.code == "unknown-colours"
    assert "(0, 16, 255) 100.0 %" in problem.found


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


def _palette_png(path: Path, colours: list[tuple[int, int, int]]) -> None:
    picture = Image.fromarray(np.array([[0, 1, 2], [2, 2, 1]], np.uint8), "P")
    picture.putpalette([value for colour in colours for value in colour])
    picture.save(path)
