"""Pixels that nobody judged, through reading, checking and training data."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_deepflash2.config import DataConfig
from napari_deepflash2.data import check_data, find_expert_masks, interpret_masks, load_training_data
from napari_deepflash2.data.expert_masks import read_expert_masks
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.errors import InputError


def understand(*masks, **options):
    names = [f"m{number}.png" for number in range(len(masks))]
    return interpret_masks([np.asarray(mask) for mask in masks], names, **options)


def refusal(*masks, **options):
    with pytest.raises(InputError) as caught:
        understand(*masks, **options)
    return caught.value.problems[0]


def notes(found):
    return {note.code: note.found for note in found.notes}


def numbered(*numbers, size=64):
    """Well separated squares with these numbers."""
    mask = np.zeros((size, size), np.int32)
    for place, number in enumerate(numbers):
        y, x = divmod(place, 6)
        mask[10 * y + 2 : 10 * y + 8, 10 * x + 2 : 10 * x + 8] = number
    return mask


def test_c9_minus_one_is_ignored_where_that_is_said_and_refused_with_the_remedy_otherwise():
    mask = np.array([[-1, 0, 1], [-1, 1, 0]])
    found = understand(mask, ignore=-1)
    np.testing.assert_array_equal(found.labels[0], [[IGNORE, 0, 1], [IGNORE, 1, 0]])
    assert found.classes == (0, 1)
    assert "33%" in notes(found)["ignored-pixels"]
    assert "'ignore_label' to -1" in refusal(mask).remedy
    assert refusal(np.where(mask == 0, -2, mask), ignore=-1).found == "holds negative values such as -2"


def test_an_ignored_value_is_no_class():
    found = understand([[0, 1, 2, 255], [2, 1, 0, 255]], ignore=255, kind="classes")
    assert found.classes == (0, 1, 2)
    np.testing.assert_array_equal(found.labels[0][:, 3], [IGNORE, IGNORE])
    named = understand([[0, 64, 128, 255]], ignore=255, classes=[0, 64, 128, 255])
    assert named.classes == (0, 64, 128)
    np.testing.assert_array_equal(named.labels[0], [[0, 1, 2, IGNORE]])


def test_where_0_is_ignored_the_lowest_other_value_of_the_set_is_background():
    found = understand([[0, 2, 3]], [[1, 2, 0]], ignore=0)
    assert found.classes == (1, 2, 3)
    np.testing.assert_array_equal(found.labels[0], [[IGNORE, 1, 2]])
    np.testing.assert_array_equal(found.labels[1], [[0, 1, IGNORE]])
    assert "1, the lowest other value, is the background" in notes(found)["ignored-pixels"]


def test_where_0_is_ignored_the_first_class_named_is_background():
    found = understand([[0, 2, 7]], ignore=0, classes=[7, 2])
    assert found.classes == (7, 2)
    np.testing.assert_array_equal(found.labels[0], [[IGNORE, 1, 0]])


def test_where_0_is_ignored_one_value_alone_leaves_no_foreground():
    problem = refusal([[0, 1, 1]], [[0, 0, 1]], ignore=0)
    assert problem.code == "no-foreground"
    assert "paint the classes with higher values" in problem.remedy


def test_where_0_is_ignored_values_with_gaps_are_refused_with_a_table_that_fits():
    problem = refusal([[0, 1, 3, 7]], ignore=0)
    assert "'mask_classes' to [1, 3, 7]" in problem.remedy
    assert "instances" not in problem.remedy


def test_where_0_is_ignored_numbered_objects_are_refused():
    problem = refusal(numbered(*range(1, 12)), ignore=0, kind="instances")
    assert problem.code == "ignored-background"
    assert "65535" in problem.remedy


def test_numbered_objects_may_have_pixels_that_are_ignored():
    mask = numbered(*range(1, 16))
    mask[:, 60:] = 65535
    found = understand(mask, ignore=65535)
    assert (found.kind, found.classes) == ("instances", (0, 1))
    assert (found.labels[0][:, 60:] == IGNORE).all()
    assert np.count_nonzero(found.labels[0] == 1) == 15 * 36
    assert "ignored-object" not in notes(found)


def test_an_ignored_value_among_the_numbers_of_objects_is_noted():
    found = understand(numbered(*range(1, 16)), ignore=9)
    assert found.kind == "instances"
    assert "numbered up to 15" in notes(found)["ignored-object"]


def test_masks_ignored_everywhere_are_not_empty_masks():
    found = understand([[0, 1]], [[9, 9]], [[0, 9]], ignore=9)
    assert "1 of 3 masks have no foreground: m2.png" in notes(found)["empty-masks"]


def test_a_label_to_ignore_that_no_mask_holds_is_noted():
    assert "7" in notes(understand([[0, 1]], ignore=7))["ignore-label-unused"]


def test_ignored_pixels_do_not_make_a_mask_look_inverted():
    usual = numbered(*[1] * 5)
    half = usual.copy()
    half[:, :40] = 9
    ignored = usual.copy()
    ignored[ignored == 0] = 9
    assert "inverted-mask" not in notes(understand(usual, usual.T, half, ignored, ignore=9))
    filled = np.where(half == 0, 1, half)
    assert "inverted-mask" in notes(understand(usual, usual.T, filled[:, 36:], ignore=9))


@pytest.fixture
def painted(tmp_path):
    """Two images; the left half of the first mask is unpainted, and an object lies in it."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        pixels = np.random.default_rng(ord(name)).integers(0, 99, (64, 64), np.uint8)
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", pixels)
        mask = numbered(*[1] * 12).astype(np.int16)
        mask[:, :32] = np.where(name == "a", -1, mask[:, :32])
        tifffile.imwrite(tmp_path / "masks" / f"{name}.tif", mask)
    return tmp_path


def test_the_check_leaves_ignored_pixels_out_of_shares_and_objects(painted):
    table = check_data(painted / "images", painted / "masks", DataConfig(ignore_label=-1)).table
    assert table["ignored_share"].tolist() == [0.5, 0]
    assert table["objects"].tolist() == [6, 12]
    assert table["classes"].tolist() == ["0, 1", "0, 1"]
    assert table["foreground_share"][0] == pytest.approx((6 * 36) / (32 * 64))


def test_images_whose_mask_is_ignored_everywhere_are_left_out_and_noted(painted):
    for folder in ("images", "masks"):
        tifffile.imwrite(painted / folder / "c.tif", np.full((64, 64), -1, np.int16))
    data = load_training_data(painted / "images", painted / "masks", DataConfig(ignore_label=-1))
    assert [plane.id for plane in data.planes] == ["a", "b"]
    checked = check_data(painted / "images", painted / "masks", DataConfig(ignore_label=-1))
    for found in (data, checked):
        assert "1 of 3 images are ignored everywhere and left out: c" in notes(found)["ignored-everywhere"]
    assert np.isnan(checked.table["foreground_share"][2])
    assert checked.split["image"].tolist() == ["a", "b"]


def test_training_data_carry_the_label_of_ignored_pixels(painted):
    data = load_training_data(painted / "images", painted / "masks", DataConfig(ignore_label=-1))
    assert (data.planes[0].labels[:, :32] == IGNORE).all()
    assert IGNORE not in data.planes[0].labels[:, 32:]
    assert data.classes == (0, 1)


def test_experts_masks_keep_a_value_for_what_was_not_judged(painted):
    (painted / "experts").mkdir()
    for expert in ("anna", "ben"):
        (painted / "masks").rename(painted / "experts" / expert) if expert == "anna" else None
    (painted / "experts" / "ben").mkdir()
    tifffile.imwrite(painted / "experts" / "ben" / "a.tif", numbered(1, 1))
    found = read_expert_masks(find_expert_masks(painted / "experts"), DataConfig(ignore_label=-1))
    assert found.ignore_label == 2
    assert (found.masks["a.tif"]["anna"][:, :32] == 2).all()
    assert found.masks["a.tif"]["ben"].max() == 1
