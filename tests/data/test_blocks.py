"""A single image, cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepflash2.config import DataConfig
from napari_deepflash2.data.blocks import in_blocks
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.data.planes import Plane
from napari_deepflash2.data.preparing import prepared
from napari_deepflash2.errors import InputError


def plane(labels, name="a", source="a"):
    pixels = np.arange(labels.size, dtype=np.float32).reshape(*labels.shape, 1)
    return Plane(name, source, pixels, labels.astype(np.uint8), source)


def spots(shape=(256, 320), seed=0, classes=2):
    labels = np.zeros(shape, np.uint8)
    rng = np.random.default_rng(seed)
    for _ in range(200):
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        labels[y : y + 4, x : x + 4] = rng.integers(1, classes)
    return labels


def windows(blocks):
    """Rows and columns of each block in its image."""
    found = []
    for block in blocks:
        height, width = block.labels.shape
        region = block.region
        found.append((region.y, region.y + height, region.x, region.x + width))
    return found


def codes(notes):
    return [note.code for note in notes]


@pytest.mark.parametrize("margin", [0, 32, 50])
def test_g3_blocks_of_a_single_image_share_no_pixel_and_keep_their_distance(margin):
    blocks, notes = in_blocks([plane(spots())], 2, margin)
    assert len(blocks) == 4
    assert len({block.group for block in blocks}) == 4
    assert [block.id for block in blocks] == ["a_block1", "a_block2", "a_block3", "a_block4"]
    for number, (top, bottom, left, right) in enumerate(windows(blocks)):
        for y0, y1, x0, x1 in windows(blocks)[number + 1 :]:
            assert max(y0 - bottom, top - y1, x0 - right, left - x1) >= margin
    assert codes(notes) == ["cut-into-blocks"]


def test_a_block_holds_the_pixels_of_its_region():
    whole = plane(spots())
    for block in in_blocks([whole], 2, 32)[0]:
        y0, y1, x0, x1 = windows([block])[0]
        np.testing.assert_array_equal(block.image, whole.image[y0:y1, x0:x1])
        np.testing.assert_array_equal(block.labels, whole.labels[y0:y1, x0:x1])
        assert (block.region.image, block.region.shape) == ("a", (256, 320))


def test_what_was_annotated_is_spread_over_the_blocks():
    """All objects of one class lie in the left half, all of the other in the upper."""
    labels = np.zeros((512, 512), np.uint8)
    labels[:, :256:8] = 1
    labels[:256:8, 256:] = 2
    blocks, _ = in_blocks([plane(labels)], 3, 32)
    shares = np.array([[(block.labels == c).sum() for c in (1, 2)] for block in blocks])
    assert (shares.max(0) < 0.8 * shares.sum(0)).all()
    even, _ = in_blocks([plane(np.ones((512, 512)))], 2, 32)
    assert {block.labels.shape for block in even} == {(240, 240)}


def test_no_block_is_narrow_however_unevenly_annotations_lie():
    labels = np.zeros((632, 632), np.uint8)
    labels[:3, :3] = 1
    blocks, _ = in_blocks([plane(labels)], 2, 32)
    assert min(min(block.labels.shape) for block in blocks) == 100


def test_slices_of_a_stack_are_cut_alike_and_one_place_is_one_group():
    stack = [plane(spots(seed=z), f"a_z{z:03}") for z in range(3)]
    blocks, notes = in_blocks(stack, 2, 32)
    assert len(blocks) == 12
    for group in {block.group for block in blocks}:
        own = [block for block in blocks if block.group == group]
        assert len(set(windows(own))) == 1
        assert len(own) == 3
    assert "3 images of one group were cut into 4 blocks" in notes[0].found


def test_a_narrow_image_makes_two_blocks():
    blocks, _ = in_blocks([plane(spots((40, 96)))], 2, 32)
    assert [block.labels.shape for block in blocks] == [(40, 32), (40, 32)]


def test_g3_an_image_too_small_to_be_cut_is_refused():
    with pytest.raises(InputError) as caught:
        in_blocks([plane(spots((60, 95)))], 2, 32)
    (problem,) = caught.value.problems
    assert problem.code == "too-small-to-cut"
    assert "60 x 95 pixels" in problem.found
    assert "one more image" in problem.remedy


def test_blocks_without_foreground_are_noted_and_unjudged_ones_left_out():
    labels = spots((96, 96))
    labels[64:, :32] = 0
    labels[64:, 64:] = IGNORE
    blocks, notes = in_blocks([plane(labels)], 2, 32)
    assert codes(notes) == ["cut-into-blocks", "block-left-out", "block-without-foreground"]
    assert len(blocks) == 3
    assert notes[1].found.endswith(": a_block4")
    assert notes[2].found.endswith(": a_block3")


def test_what_lies_in_one_block_alone_cannot_be_held_out():
    labels = np.full((400, 400), IGNORE, np.uint8)
    labels[:20, :20] = np.eye(20)
    with pytest.raises(InputError) as caught:
        in_blocks([plane(labels)], 2, 32)
    assert caught.value.problems[0].code == "one-block-annotated"


def test_only_a_single_group_is_cut():
    two = [plane(spots(), name, name) for name in "ab"]
    assert len(prepared(two, (0, 1), DataConfig())[0]) == 2
    assert len(prepared(two, (0, 1), DataConfig(), ["x", "x"])[0]) == 8
    assert len(prepared(two[:1], (0, 1), DataConfig(block_margin=64))[0]) == 4
