"""Pixel sizes as files say them, and images brought to one."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from napari_deepflash2.config import DataConfig
from napari_deepflash2.data import check_data, load_training_data, read_image
from napari_deepflash2.data.pixel_size import as_tiff_tags, from_lengths, in_words
from napari_deepflash2.data.resampling import resized, resized_labels, target_shape
from napari_deepflash2.errors import InputError

PIXELS = np.arange(600, dtype=np.uint16).reshape(20, 30)


@pytest.fixture
def tiff(tmp_path):
    def read(**options):
        tifffile.imwrite(tmp_path / "a.tif", PIXELS, **options)
        return read_image(tmp_path / "a.tif").pixel_size

    return read


@pytest.mark.parametrize("unit", ["um", "micron", "microns", "\\u00B5m"])
def test_imagej_says_its_unit_and_pixels_per_unit(tiff, unit):
    found = tiff(imagej=True, resolution=(2, 4), metadata={"unit": unit})
    assert found == pytest.approx((0.25, 0.5))


def test_imagej_pixels_of_a_tenth_of_a_millimetre_are_believed(tiff):
    assert tiff(imagej=True, resolution=(10, 10), metadata={"unit": "mm"}) == pytest.approx((100, 100))


def test_ome_says_the_size_and_its_unit(tiff):
    sizes = {
        "PhysicalSizeX": 650.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 325.0,
        "PhysicalSizeYUnit": "nm",
    }
    assert tiff(ome=True, metadata={"axes": "YX", **sizes}) == pytest.approx((0.325, 0.65))
    micrometres = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    assert tiff(ome=True, metadata={"axes": "YX", **micrometres}) == pytest.approx((0.25, 0.5))


def test_plain_tags_count_where_a_printer_could_not_have_meant_them(tiff):
    assert tiff(resolution=(2e4, 1e4), resolutionunit="CENTIMETER") == pytest.approx((1, 0.5))
    assert tiff(resolution=(300, 300), resolutionunit="INCH") is None
    assert tiff(resolution=(2, 2), resolutionunit="NONE") is None
    assert tiff() is None


def test_imagej_without_a_unit_says_nothing(tiff):
    assert tiff(imagej=True) is None
    assert tiff(imagej=True, resolution=(1, 1), metadata={"unit": "pixel"}) is None


def test_png_says_pixels_per_metre(tmp_path):
    for per_inch, expected in ((25_400 / 0.5, 0.5), (96, None)):
        Image.fromarray(PIXELS.astype(np.uint8)).save(tmp_path / "a.png", dpi=(per_inch, per_inch))
        found = read_image(tmp_path / "a.png").pixel_size
        assert found == (None if expected is None else pytest.approx((expected, expected), rel=1e-3))
    Image.fromarray(PIXELS.astype(np.uint8)).save(tmp_path / "b.png", pnginfo=PngImagePlugin.PngInfo())
    assert read_image(tmp_path / "b.png").pixel_size is None


@pytest.mark.parametrize("length", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_length_is_no_size(length):
    assert from_lengths(length, 1.0, "µm") is None
    assert from_lengths(1.0, 1.0, "parsec") is None


def test_a_size_written_is_the_size_read(tiff):
    assert tiff(**as_tiff_tags((0.33, 0.65))) == pytest.approx((0.33, 0.65))
    assert as_tiff_tags(None) == {}
    assert [in_words(size) for size in (None, (0.65, 0.65), (0.5, 0.65))] == ["", "0.65 µm", "0.5 x 0.65 µm"]


def test_the_target_decides_on_the_shape():
    assert target_shape("a", (100, 60), (0.5, 1.0), 1.0) == (50, 60)
    assert target_shape("a", (100, 60), (0.99, 1.01), 1.0) == (100, 60)
    assert target_shape("a", (100, 60), None, None) == (100, 60)
    assert target_shape("a", (3, 60), (0.1, 1.0), 1.0) == (1, 60)


@pytest.mark.parametrize(
    ("size", "code", "word"),
    [(None, "unknown-pixel-size", "'pixel_size'"), ((650.0, 650.0), "bad-pixel-size", "unit")],
)
def test_a_size_that_is_not_known_or_cannot_be_right_is_refused(size, code, word):
    with pytest.raises(InputError) as caught:
        target_shape("a.tif", (100, 100), size, 0.65)
    (problem,) = caught.value.problems
    assert (problem.where, problem.code) == ("a.tif", code)
    assert word in problem.remedy


def test_shrinking_averages_and_growing_interpolates():
    checks = np.indices((40, 40)).sum(0) % 2 * 100.0
    np.testing.assert_allclose(resized(checks, (10, 10))[2:-2, 2:-2], 50, atol=3)
    ramp = np.tile(np.arange(20.0), (20, 1))
    np.testing.assert_allclose(
        resized(ramp, (40, 40))[:, 1:-1], np.tile(np.arange(38) / 2 + 0.25, (40, 1)), atol=1e-4
    )
    parts = np.random.default_rng(0).dirichlet([1, 1, 1], (17, 23)).transpose(2, 0, 1)
    np.testing.assert_allclose(resized(parts, (31, 9)).sum(0), 1, atol=1e-5)


def test_labels_keep_their_values_their_type_and_their_place():
    labels = np.zeros((2, 30, 40), np.uint32)
    labels[:, :15, 20:] = 70_000
    found = resized_labels(labels, (60, 20))
    assert found.dtype == np.uint32
    expected = np.zeros((2, 60, 20), np.uint32)
    expected[:, :30, 10:] = 70_000
    np.testing.assert_array_equal(found, expected)
    assert resized_labels(labels, (30, 40)) is labels


@pytest.fixture
def two_sizes(tmp_path):
    """A field of squares at 0.5 µm, and the same at 1 µm."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    fine = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((40, 40), int)).astype(np.uint16)
    for name, mask, size in (("a", fine, 0.5), ("b", fine[::2, ::2], 1.0)):
        tags = {"imagej": True, "resolution": (1 / size, 1 / size), "metadata": {"unit": "um"}}
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", mask * np.uint16(7), **tags)
        tifffile.imwrite(tmp_path / "masks" / f"{name}.tif", mask)
    return tmp_path / "images", tmp_path / "masks"


def test_b21_several_pixel_sizes_are_noted_and_shown(two_sizes):
    found = check_data(*two_sizes, DataConfig())
    assert found.table["pixel_size"].tolist() == ["0.5 µm", "1 µm"]
    (note,) = [note for note in found.notes if note.code == "mixed-pixel-sizes"]
    assert "0.5 µm: a; 1 µm: b" in note.found
    assert "'target_pixel_size'" in note.remedy


def test_b21_images_and_masks_are_brought_to_the_target(two_sizes):
    data = load_training_data(*two_sizes, DataConfig(target_pixel_size=1))
    first, second = data.planes
    assert first.image.shape == second.image.shape == (60, 80, 1)
    assert first.pixel_size == second.pixel_size == (1, 1)
    np.testing.assert_allclose(first.image[5:15, 5:15], second.image[5:15, 5:15], rtol=1e-4)
    # Objects are kept apart after resampling, so that the ridge is one pixel wide again.
    np.testing.assert_array_equal(first.labels, second.labels)
    assert [note.where[-5:] for note in data.notes if note.code == "resampled"] == ["a.tif"]
    assert not [note for note in data.notes if note.code == "mixed-pixel-sizes"]


def test_every_image_of_unknown_size_is_refused_at_once_where_a_target_is_set(two_sizes):
    for name in "ab":
        tifffile.imwrite(two_sizes[0] / f"{name}.tif", tifffile.imread(two_sizes[0] / f"{name}.tif"))
    with pytest.raises(InputError) as caught:
        check_data(*two_sizes, DataConfig(target_pixel_size=1))
    assert [problem.code for problem in caught.value.problems] == ["unknown-pixel-size"] * 2
    known = load_training_data(*two_sizes, DataConfig(target_pixel_size=1, pixel_size=0.5))
    assert known.planes[0].image.shape == (60, 80, 1)


@pytest.mark.parametrize("shape", [(3, 1), (5, 1), (1, 1), (1, 4), (2, 3)])
def test_a_resized_image_is_the_same_lying_on_its_side(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).uniform(0, 100, (2, 4)).astype(np.float32)
    turned = resized(image.T.copy(), shape[::-1]).T
    np.testing.assert_allclose(resized(image, shape), turned, rtol=1e-4)


def test_rows_of_an_image_that_becomes_one_pixel_wide_stay_apart() -> None:
    np.testing.assert_allclose(resized(np.array([[637.0], [41.0]]), (3, 1))[:, 0], [637, 339, 41], rtol=1e-5)
