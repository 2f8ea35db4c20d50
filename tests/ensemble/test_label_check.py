import numpy as np
import pytest

from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble.label_check import contradiction_share, find_contradictions


def sure_of(*classes: tuple[np.ndarray, float], n_classes: int = 2) -> np.ndarray:
    """Probabilities that are sure of the background, and of other classes as far as is said."""
    shape = classes[0][0].shape
    p = np.zeros((n_classes, *shape), np.float32)
    p[0] = 1
    for class_, (where, certainty) in enumerate(classes, start=1):
        p[:, where] = 0
        p[0, where], p[class_, where] = 1 - certainty, certainty
    return p


def square(top: int, left: int, side: int, size: int = 20) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_a_cell_that_the_mask_lacks_is_found_where_it_is() -> None:
    (found,) = find_contradictions(sure_of((square(3, 5, 4), 0.75)), np.zeros((20, 20), np.uint8))
    assert (found.top, found.left, found.bottom, found.right) == (3, 5, 7, 9)
    assert (found.area, found.mask, found.model) == (16, 0, 1)
    assert found.weight == pytest.approx(16 * 0.5)
    assert found.margin == pytest.approx(0.5)
    assert square(3, 5, 4)[found.y, found.x]


def test_what_weighs_most_comes_first_and_the_certainty_counts() -> None:
    mask = square(12, 12, 3).astype(np.uint8)
    p = sure_of((square(2, 2, 4), 0.7))
    # 16 pixels at a margin of 0.4 weigh less than 9 that the model is sure are background.
    assert [(one.mask, one.model) for one in find_contradictions(p, mask)] == [(1, 0), (0, 1)]


def test_one_region_is_one_contradiction_and_touching_ones_are_told_apart() -> None:
    # Of one square that the mask calls 1, the model calls the left half 2 and the right half 0.
    mask = square(4, 4, 6).astype(np.uint8)
    left = square(4, 4, 6)
    left[:, 7:] = False
    p = sure_of((np.zeros_like(left), 1), (left, 1), n_classes=3)
    found = find_contradictions(p, mask)
    assert sorted((one.mask, one.model, one.area) for one in found) == [(1, 0, 18), (1, 2, 18)]


def test_the_point_to_look_at_lies_in_the_region_even_of_a_ring() -> None:
    ring = square(3, 3, 9) & ~square(5, 5, 5)
    (found,) = find_contradictions(sure_of((ring, 1)), np.zeros((20, 20), np.uint8))
    assert ring[found.y, found.x]


def test_rims_that_the_model_is_not_sure_of_are_left_out() -> None:
    mask = square(5, 5, 8).astype(np.uint8)
    p = sure_of((square(4, 4, 10), 0.55))
    assert find_contradictions(p, mask) == []
    assert len(find_contradictions(p, mask, least_weight=1)) == 1


def test_pixels_that_nobody_judged_contradict_nothing() -> None:
    mask = np.where(square(3, 3, 6), IGNORE, 0).astype(np.uint8)
    p = sure_of((square(3, 3, 6), 1))
    assert find_contradictions(p, mask) == []
    assert contradiction_share(p, mask) == 0


def test_agreement_and_emptiness_are_no_contradiction() -> None:
    mask = square(3, 3, 6).astype(np.uint8)
    nothing = np.zeros_like(mask)
    assert find_contradictions(sure_of((mask > 0, 0.9)), mask) == []
    assert contradiction_share(sure_of((mask > 0, 0.9)), mask) == 0
    assert contradiction_share(sure_of((nothing > 0, 1)), nothing) == 0


def test_images_are_ranked_by_the_share_of_their_foreground_that_is_contradicted() -> None:
    mask = square(2, 2, 4).astype(np.uint8)
    p = sure_of((square(10, 10, 4), 1))
    assert contradiction_share(p, mask) == 1
    # Half of the union of the foreground is contradicted, at a margin of 0.5.
    half = sure_of((square(2, 2, 4) | square(10, 10, 4), 0.75))
    assert contradiction_share(half, mask) == pytest.approx(0.25)


def test_a_model_that_contradicts_everywhere_gives_a_list_that_can_be_read() -> None:
    specks = np.zeros((200, 200), bool)
    for y in range(0, 200, 8):
        for x in range(0, 200, 8):
            specks[y : y + 3, x : x + 3] = True
    assert len(find_contradictions(sure_of((specks, 1)), np.zeros((200, 200), np.uint8))) == 200
