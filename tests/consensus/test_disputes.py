import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label, regionprops

from napari_deepflash2 import InputError
from napari_deepflash2.consensus.disputes import find_disputes

BLANK = np.zeros((6, 8), np.uint8)


def drawn(*pixels: tuple[slice, slice], value: int = 1) -> np.ndarray:
    mask = BLANK.copy()
    for where in pixels:
        mask[where] = value
    return mask


A, B = np.s_[0:2, 0:3], np.s_[4:6, 6:8]


def test_regions_come_largest_first_with_size_place_and_who_says_what() -> None:
    large, small = find_disputes({"ann": drawn(A, B), "bob": BLANK, "eve": drawn(A)})
    assert (large.number, large.area, large.slices, large.centroid) == (1, 6, A, (0.5, 1.0))
    assert large.votes == {"ann": {1: 6}, "bob": {0: 6}, "eve": {1: 6}}
    assert (small.number, small.area, small.slices) == (2, 4, B)
    assert [small.label_of(name) for name in ("ann", "bob", "eve")] == [1, 0, 0]


def test_an_expert_who_sees_part_of_a_region_is_told_by_share_and_majority() -> None:
    (dispute,) = find_disputes({"ann": drawn(A), "bob": drawn(np.s_[0:2, 0:1])})
    assert dispute.area == 4
    (ring,) = find_disputes({"ann": drawn(A), "bob": drawn(np.s_[0:1, 0:1]), "eve": BLANK})
    assert ring.votes["bob"] == {0: 5, 1: 1}
    assert ring.label_of("bob") == 0
    assert ring.share_of("bob", 1) == pytest.approx(1 / 6)
    assert ring.share_of("bob", 7) == 0


def test_classes_that_differ_are_disputed_although_all_see_an_object() -> None:
    (dispute,) = find_disputes({"ann": drawn(A), "bob": drawn(A, value=2)})
    assert dispute.votes == {"ann": {1: 6}, "bob": {2: 6}}


def test_corners_connect_but_planes_of_a_stack_do_not() -> None:
    corner = drawn(np.s_[0:1, 0:1], np.s_[1:2, 1:2])
    assert len(find_disputes({"ann": corner, "bob": BLANK})) == 1
    stack = np.stack([corner, corner])
    disputes = find_disputes({"ann": stack, "bob": np.zeros_like(stack)})
    assert [dispute.slices[0] for dispute in disputes] == [slice(0, 1), slice(1, 2)]
    assert disputes[1].centroid == (1.0, 0.5, 0.5)


def test_leaving_small_regions_out_renumbers_none() -> None:
    masks = {"ann": drawn(A, B, np.s_[5:6, 0:1]), "bob": BLANK}
    everything = find_disputes(masks)
    assert [one.number for one in find_disputes(masks, min_size=4)] == [1, 2]
    assert [one.area for one in everything] == [6, 4, 1]


def test_nothing_is_disputed_between_equals_nor_by_one_alone() -> None:
    assert find_disputes({"ann": drawn(A), "bob": drawn(A)}) == []
    assert find_disputes({"ann": drawn(A), "bob": None}) == []


def test_masks_of_other_shapes_and_without_planes_are_refused() -> None:
    with pytest.raises(InputError, match="bob"):
        find_disputes({"ann": BLANK, "bob": BLANK[:3], "eve": BLANK})
    with pytest.raises(InputError, match="shape"):
        find_disputes({"ann": np.zeros(3, int)})


@given(arrays(np.uint8, (3, 9, 11), elements=st.integers(0, 2)))
def test_regions_part_the_disputed_pixels_as_skimage_does(stack: np.ndarray) -> None:
    disputes = find_disputes({str(index): mask for index, mask in enumerate(stack)})
    covered = np.zeros(stack.shape[1:], int)
    for dispute in disputes:
        covered[dispute.slices][dispute.inside] += 1
        assert all(sum(votes.values()) == dispute.area for votes in dispute.votes.values())
    assert np.array_equal(covered, (stack != stack[0]).any(axis=0))
    theirs = regionprops(label(covered, connectivity=2))
    key = {(round(y, 6), round(x, 6), one.area) for one in disputes for y, x in [one.centroid]}
    assert key == {(round(y, 6), round(x, 6), int(one.area)) for one in theirs for y, x in [one.centroid]}
    assert [one.area for one in disputes] == sorted((one.area for one in disputes), reverse=True)
