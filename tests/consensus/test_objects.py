"""Objects matched and fused, on cases that can be drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from napari_deepflash2.consensus import estimate_object_consensus
from napari_deepflash2.consensus.matching import (
    all_overlaps,
    assign,
    average_precision,
    connected_objects,
    group_objects,
    numbered_objects,
    object_overlaps,
)
from napari_deepflash2.errors import InputError


def boxes(*columns: tuple[int, int], size: int = 40, labels: tuple[int, ...] = ()) -> np.ndarray:
    """Boxes of rows 5 to 15 at the given columns, numbered in order or as given."""
    image = np.zeros((20, size), dtype=int)
    for number, (start, stop) in enumerate(columns):
        image[5:15, start:stop] = labels[number] if labels else number + 1
    return image


def test_existence_is_voted_on():
    masks = {"A": boxes((2, 10), (20, 30)), "B": boxes((2, 10), (32, 38)), "C": boxes((2, 10), (20, 30))}
    result = estimate_object_consensus(masks)
    assert result.min_votes == 2
    np.testing.assert_array_equal(result.labels > 0, masks["A"] > 0)
    assert result.objects["votes"].tolist() == [3, 2, 1]
    assert result.objects["experts"].tolist() == ["A; B; C", "A; C", "B"]
    assert result.objects["label"].tolist() == [1, 2, 0]
    assert result.objects["area"].tolist() == [80, 100, 0]
    assert result.objects["mean_iou"].isna().tolist() == [False, False, True]
    assert result.seen_by.to_dict() == {1: 1, 2: 1, 3: 1}
    expected = {"objects": [2, 2, 2], "found": [2, 1, 2], "missed": [0, 1, 0], "added": [0, 1, 0]}
    for name, values in expected.items():
        assert result.experts[name].tolist() == values
    assert result.experts["sensitivity"].tolist() == [1, 0.5, 1]
    assert result.experts["precision"].tolist() == [1, 0.5, 1]


@pytest.mark.parametrize(("min_votes", "count"), [(1, 3), (2, 2), (3, 1)])
def test_votes_needed(min_votes, count):
    masks = [boxes((2, 10), (20, 30)), boxes((2, 10), (32, 38)), boxes((2, 10), (20, 30))]
    assert estimate_object_consensus(masks, min_votes).labels.max() == count


@pytest.mark.parametrize("outline", ["staple", "vote"])
def test_touching_objects_stay_apart(outline):
    masks = [boxes((2, 12), (12, 22)), boxes((2, 13), (13, 22)), boxes((2, 12), (12, 22))]
    result = estimate_object_consensus(masks, outline=outline)
    np.testing.assert_array_equal(result.labels, masks[0])


def test_one_who_merged_two_cells_is_outvoted():
    masks = [boxes((2, 12), (12, 22)), boxes((2, 22)), boxes((2, 12), (12, 22))]
    np.testing.assert_array_equal(estimate_object_consensus(masks).labels, masks[0])


def test_the_numbers_of_objects_do_not_matter():
    plain = [boxes((2, 10), (20, 30)), boxes((3, 11), (21, 30)), boxes((2, 11), (20, 29))]
    renumbered = [
        boxes((2, 10), (20, 30), labels=(9000, 7)),
        boxes((3, 11), (21, 30), labels=(3, 2)),
        boxes((2, 11), (20, 29), labels=(1, 2**31)),
    ]
    one, other = estimate_object_consensus(plain), estimate_object_consensus(renumbered)
    np.testing.assert_array_equal(one.labels > 0, other.labels > 0)
    assert one.objects["votes"].tolist() == other.objects["votes"].tolist() == [3, 3]


def test_no_expert_is_the_reference():
    rng = np.random.default_rng(0)
    masks = []
    for _ in range(5):
        image = np.zeros((200, 200), dtype=int)
        for number, (y, x) in enumerate(np.mgrid[20:190:24, 20:190:24].reshape(2, -1).T, start=1):
            if rng.random() < 0.85:
                rows, columns = disk((y + rng.normal(0, 1), x + rng.normal(0, 1)), 11.5, shape=image.shape)
                image[rows, columns] = number
        masks.append(image)
    results = [
        estimate_object_consensus([masks[i] for i in order]) for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1])
    ]
    assert results[0].seen_by.equals(results[1].seen_by)
    np.testing.assert_array_equal(results[0].labels > 0, results[1].labels > 0)
    # Each consensus object is one cell: its centre is the centre of a place on the grid.
    assert results[0].labels.max() == (results[0].objects["votes"] >= 3).sum() > 50


def test_empty_masks():
    result = estimate_object_consensus([boxes(), boxes(), boxes()])
    assert not result.labels.any()
    assert result.objects.empty
    assert result.seen_by.tolist() == [0, 0, 0]
    assert result.experts[["sensitivity", "precision"]].isna().all(axis=None)


def test_one_expert_is_copied():
    mask = boxes((2, 10), (10, 20), labels=(5, 3))
    np.testing.assert_array_equal(
        estimate_object_consensus({"A": mask, "B": None}).labels, numbered_objects(mask)
    )


def test_three_dimensions():
    masks = [np.stack([boxes((2, 10), (20, 30))] * 4)] * 3
    np.testing.assert_array_equal(estimate_object_consensus(masks).labels, masks[0])


@pytest.mark.parametrize(
    "settings", [{"min_votes": 4}, {"min_votes": 0}, {"min_overlap": 0}, {"min_overlap": 1.1}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        estimate_object_consensus([boxes((2, 10))] * 3, **settings)


def test_overlaps_by_hand():
    first, second = boxes((0, 10), (20, 30)), boxes((5, 10), (20, 30), (30, 35))
    np.testing.assert_allclose(object_overlaps(first, second), [[0.5, 0, 0], [0, 1, 0]])
    assert average_precision(object_overlaps(first, second)) == 2 / 3
    assert average_precision(object_overlaps(first, second), 0.6) == 1 / 4
    assert average_precision(np.zeros((0, 0))) == 1.0
    assert average_precision(np.zeros((2, 0))) == 0.0


def test_assignment_is_optimal_not_greedy():
    overlaps = np.array([[0.6, 0.55], [0.55, 0.0]])
    assert sorted(assign(overlaps, 0.5)) == [(0, 1), (1, 0)]


def test_a_group_holds_one_object_of_an_expert():
    images = [boxes((0, 10)), boxes((0, 5), (5, 10)), boxes((0, 10))]
    groups = group_objects([int(image.max()) for image in images], all_overlaps(images), 0.4)
    assert sorted(len(group) for group in groups) == [1, 3]


def test_connected_objects_join_at_corners():
    assert connected_objects(np.eye(4)).max() == 1
    assert connected_objects(np.array([[7, 0, 7]])).max() == 2


def test_numbered_objects_without_background():
    np.testing.assert_array_equal(numbered_objects(np.array([[5, 9]])), [[1, 2]])
    np.testing.assert_array_equal(numbered_objects(np.array([[0, 9]])), [[0, 1]])
