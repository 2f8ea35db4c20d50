"""What the numbers in a set of masks mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label

from napari_deepflash2.data import interpret_masks
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.data.masks import touching_pixels
from napari_deepflash2.errors import InputError


def understand(*masks, **options):
    return interpret_masks(
        [np.asarray(mask) for mask in masks], [f"m{i}.png" for i in range(len(masks))], **options
    )


def refusal(*masks, **options):
    with pytest.raises(InputError) as caught:
        understand(*masks, **options)
    return caught.value


def codes(found):
    return [note.code for note in found.notes]


def discs(count, seed=0, size=128, values=None):
    """Well separated discs, numbered from 1 or with these values in turn."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((size, size), np.uint16)
    yy, xx = np.mgrid[:size, :size]
    cells = [(y, x) for y in range(8, size, 16) for x in range(8, size, 16)]
    for i, (y, x) in enumerate(rng.permutation(cells)[:count]):
        inside = (yy - y) ** 2 + (xx - x) ** 2 <= rng.integers(4, 7) ** 2
        mask[inside] = i + 1 if values is None else values[i % len(values)]
    return mask


@pytest.mark.parametrize(
    ("mask", "classes"),
    [
        (discs(5, values=[1]), (0, 1)),
        (discs(5, values=[1]).astype(bool), (0, 1)),
        (discs(5, values=[1]).astype(np.float32), (0, 1)),
        (discs(5, values=[255]).astype(np.uint8), (0, 255)),
        (discs(5, values=[65535]), (0, 65535)),
        (discs(5, values=[1]).astype(np.uint64) * (2**64 - 1), (0, 2**64 - 1)),
    ],
)
def test_c1_two_values_are_background_and_foreground(mask, classes):
    found = understand(mask)
    assert found.classes == classes
    assert found.kind == "classes"
    assert found.labels[0].dtype == np.uint8
    np.testing.assert_array_equal(found.labels[0], mask > 0)
    assert codes(found) == ([] if classes == (0, 1) else ["mask-kind"])


def test_c2_a_full_mask_is_foreground_by_the_set():
    full = np.full((9, 9), 255, np.uint8)
    found = understand(full, np.diag([255] * 9).astype(np.uint8))
    assert found.classes == (0, 255)
    assert found.labels[0].all()
    assert understand(full).labels[0].all()


def test_three_classes_are_classes():
    found = understand(discs(30, values=[1, 2]), discs(30, seed=1, values=[1, 2]))
    assert (found.classes, found.kind) == ((0, 1, 2), "classes")
    assert codes(found) == ["mask-kind"]


def test_classes_of_one_object_each_in_every_image_are_classes():
    nested = np.zeros((20, 20), np.uint8)
    nested[4:16, 4:16] = 1
    nested[8:12, 8:12] = 2
    found = understand(nested, nested.T[::-1].copy(), np.roll(nested, 2, 0))
    assert (found.classes, found.kind) == ((0, 1, 2), "classes")


@pytest.mark.parametrize("values", [[0, 128, 255], [0, 2, 5], [0, 24, 255]])
def test_c3_values_with_gaps_are_refused_with_histogram_and_table(values):
    mask = discs(30, values=values[1:])
    error = refusal(mask, mask)
    assert [problem.where for problem in error.problems] == ["m0.png", "m1.png"]
    assert {problem.code for problem in error.problems} == {"unexpected-values"}
    assert f"{values[2]} (" in error.problems[0].found
    assert f"'mask_classes' to {values}" in error.problems[0].remedy
    assert f"{values[2]} becomes 2" in error.problems[0].remedy


def test_c3_the_table_makes_them_classes():
    mask = discs(30, values=[128, 255])
    found = understand(mask, classes=[0, 128, 255])
    assert found.classes == (0, 128, 255)
    np.testing.assert_array_equal(np.array(found.classes)[found.labels[0]], mask)


def test_c3_the_order_of_the_table_is_the_order_of_the_labels():
    mask = discs(30, values=[128, 255])
    found = understand(mask, classes=[255, 128])
    assert found.classes == (0, 255, 128)
    np.testing.assert_array_equal(np.array(found.classes)[found.labels[0]], mask)


def test_c3_values_outside_the_table_are_refused_where_they_are():
    error = refusal(discs(9, values=[1, 2]), discs(9, values=[1, 3]), classes=[1, 2])
    assert [problem.where for problem in error.problems] == ["m1.png"]


def test_c3_only_the_odd_mask_of_a_set_is_named():
    usual = discs(9, values=[255])
    error = refusal(usual, usual, discs(40, values=[24, 255]), discs(9, values=[1]), usual)
    assert [problem.where for problem in error.problems] == ["m2.png", "m3.png"]


def smooth(mask):
    return ndimage.gaussian_filter(255.0 * (mask > 0), 1.5).round().astype(np.uint8)


def test_c4_smoothed_and_grey_masks_are_refused_with_their_number_of_values():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (64, 64)).astype(np.uint8)
    jpeg_like = np.clip(255.0 * (discs(9) > 0) + rng.normal(0, 2, (128, 128)), 0, 255).astype(np.uint8)
    error = refusal(discs(9, values=[255]), smooth(discs(9)), noise, jpeg_like)
    assert [problem.where for problem in error.problems] == ["m1.png", "m2.png", "m3.png"]
    assert {problem.code for problem in error.problems} == {"not-labels"}
    assert f"{len(np.unique(noise[noise > 0]))} grey values" in error.problems[1].found
    assert "mask_threshold" in error.problems[1].remedy


@pytest.mark.parametrize("slope", [3, 2, 1, 0.5, 0.2])
def test_c4_a_smooth_ramp_is_no_instance_mask(slope):
    distance = np.hypot(*(np.mgrid[:200, :200] - 100))
    ramp = np.clip(220 - slope * distance, 0, 255).astype(np.uint8)
    assert refusal(np.where(distance < 90, ramp, 0)).problems[0].code == "not-labels"


def test_c7_a_chain_of_touching_cells_is_instances():
    chain = np.zeros((60, 300), np.uint16)
    for row in range(2):
        chain[20 * row + 5 : 20 * row + 15] = np.repeat(np.arange(1, 26), 12) + 25 * row
    assert understand(chain).kind == "instances"


def test_c4_a_resized_mask_of_a_large_object_is_refused():
    from PIL import Image

    disc = np.hypot(*(np.mgrid[:100, :100] - 50)) < 30
    grown = np.asarray(Image.fromarray(np.uint8(disc) * 255).resize((250, 250), Image.Resampling.BICUBIC))
    assert refusal(grown).problems[0].code == "not-labels"


@pytest.mark.parametrize("value", [0.9, np.nan, np.inf])
def test_c5_fractions_are_refused(value):
    error = refusal(np.array([[0, 1.0]]), np.array([[0, value]]))
    assert [problem.where for problem in error.problems] == ["m1.png"]
    assert error.problems[0].code == "fractions"


def test_c7_many_single_objects_are_instances():
    found = understand(discs(30), discs(12, seed=1))
    assert (found.classes, found.kind) == ((0, 1), "instances")
    np.testing.assert_array_equal(found.labels[0], discs(30) > 0)
    assert codes(found) == ["mask-kind"]
    assert "instances" in found.notes[0].found
    assert "'classes'" in found.notes[0].remedy


def test_c7_few_objects_may_be_either_and_are_asked_for():
    masks = [discs(n, seed=n) for n in (1, 2, 3, 4)]
    error = refusal(*masks)
    assert error.problems[0].code == "classes-or-instances"
    assert "'mask_kind'" in error.problems[0].remedy
    assert understand(*masks, kind="instances").classes == (0, 1)
    assert understand(*masks, kind="classes").classes == (0, 1, 2, 3, 4)


def test_c7_numbers_of_instances_may_have_gaps():
    mask = discs(30)
    found = understand(np.where(mask > 10, mask * 3, 0))
    assert found.kind == "instances"


def test_c7_packed_instances_without_background_are_instances():
    cells = np.kron(np.arange(1, 26).reshape(5, 5), np.ones((20, 20), int))
    assert understand(cells).kind == "instances"


@pytest.mark.parametrize("shape", [(40, 40), (3, 40, 40)])
def test_touching_instances_are_kept_apart_by_one_pixel(shape):
    rng = np.random.default_rng(0)
    seeds = rng.integers(0, 40, (14, 2))
    yy, xx = np.mgrid[:40, :40]
    nearest = np.argmin([(yy - y) ** 2 + (xx - x) ** 2 for y, x in seeds], 0) + 1
    mask = np.broadcast_to(nearest, shape).astype(np.int32)
    found = understand(mask, kind="instances")
    apart = label(found.labels[0].reshape(-1, 40, 40)[0], connectivity=2)
    # Each piece belongs to one object: nothing runs over a border.
    assert all(len(np.unique(nearest[apart == piece])) == 1 for piece in range(1, apart.max() + 1))
    assert found.labels[0].mean() > 0.6
    np.testing.assert_array_equal(understand(mask, kind="instances", ridges=False).labels[0], mask > 0)


def test_the_ridge_lies_only_where_objects_touch():
    mask = np.zeros((4, 9), int)
    mask[:, :3], mask[:, 3:6], mask[:, 7:] = 1, 2, 3
    expected = np.zeros((4, 9), bool)
    expected[:, 2] = True
    np.testing.assert_array_equal(touching_pixels(mask), expected)
    assert not touching_pixels((mask == 2).astype(int)).any()


def test_c8_labels_beyond_16_bits_are_read():
    mask = discs(30).astype(np.uint32)
    mask[mask > 0] += 70_000
    assert understand(mask).kind == "instances"
    assert understand(np.array([[0, 2**40]])).classes == (0, 2**40)


def test_c9_negative_labels_are_refused():
    error = refusal(np.array([[0, 1]]), np.array([[-1, 1]], np.int8))
    assert [(problem.where, problem.code) for problem in error.problems] == [("m1.png", "negative-label")]
    assert "-1" in error.problems[0].found


def test_c11_empty_masks_are_counted():
    found = understand(discs(4, values=[1]), np.zeros((9, 9), int), np.zeros((9, 9), int))
    note = next(note for note in found.notes if note.code == "empty-masks")
    assert "2 of 3 masks have no foreground: m1.png, m2.png" in note.found


def test_c12_all_masks_empty_is_refused():
    error = refusal(*[np.zeros((9, 9), int)] * 3)
    assert error.problems[0].code == "no-foreground"
    assert "no foreground in 3 masks" in str(error)


def test_c13_a_class_in_one_image_alone_is_noted():
    masks = [discs(40, seed=seed, values=[1]) for seed in range(3)]
    masks.append(discs(40, values=[1, 2]))
    note = next(note for note in understand(*masks).notes if note.code == "rare-class")
    assert "class 2 is in m3.png alone" in note.found


def test_c15_identical_masks_are_counted():
    masks = [discs(9, values=[1])] * 3 + [discs(9, seed=1, values=[1])]
    note = next(note for note in understand(*masks).notes if note.code == "identical-masks")
    assert "3 of 4 masks are identical" in note.found
    assert "identical-masks" not in codes(understand(*masks[2:]))


def test_c16_an_inverted_mask_is_noted():
    masks = [discs(9, seed=seed, values=[255]) for seed in range(4)]
    masks[2] = 255 - masks[2]
    notes = [note for note in understand(*masks).notes if note.code == "inverted-mask"]
    assert [note.where for note in notes] == ["m2.png"]
    assert "elsewhere" in notes[0].found


def test_c16_a_set_that_is_inverted_throughout_is_noted():
    found = understand(*[255 - discs(9, seed=seed, values=[255]) for seed in range(4)])
    assert "inverted-mask" in codes(found)


def test_too_many_classes_are_refused():
    error = refusal(np.arange(400).reshape(20, 20), kind="classes")
    assert error.problems[0].code == "too-many-classes"


def test_255_classes_fit_and_leave_one_label_for_what_is_ignored():
    most = understand(np.arange(255).reshape(5, 51), classes=range(255))
    assert most.labels[0].max() == IGNORE - 1
    error = refusal(np.arange(256).reshape(16, 16), classes=range(256))
    assert error.problems[0].code == "too-many-classes"
    assert "'mask_kind'" in error.problems[0].remedy


@pytest.mark.parametrize("name", ["dsb_fluo", "dsb_he", "dsb_ood_grey"])
def test_real_instance_masks(shared_data, name):
    from napari_deepflash2.data import list_images, read_labels

    paths = list_images(shared_data / name / "masks")
    found = interpret_masks([read_labels(path).data for path in paths], [path.name for path in paths])
    assert found.kind == "instances"


@pytest.mark.parametrize("name", ["wbc1", "brain_2channel"])
def test_real_class_masks(shared_data, name):
    from napari_deepflash2.data import list_images, read_labels

    paths = list_images(shared_data / "multi_class" / name / "masks")
    found = interpret_masks([read_labels(path).data for path in paths], [path.name for path in paths])
    assert (found.kind, found.classes) == ("classes", (0, 1, 2))
