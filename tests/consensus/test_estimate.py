"""STAPLE and votes on hand-worked cases, on the faults that experts' masks have, and on published results."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest

from napari_deepflash2.consensus import estimate_consensus
from napari_deepflash2.errors import InputError

PUBLISHED = ["cfos_inns1", "cfos_inns2", "cfos_mue", "cfos_wue1", "gaba_wue2"]


def codes_of(notes) -> set[str]:
    return {note.code for note in notes}


def square(start: int, stop: int, size: int = 24, label: int = 1) -> np.ndarray:
    mask = np.zeros((size, size), dtype=np.uint8)
    mask[start:stop, start:stop] = label
    return mask


def test_staple_of_two_to_one_by_hand():
    # 100 pixels: all say 1 on 10, A and B say 1 and C says 0 on 5, all say 0 on 85. With the experts' start
    # of 0.99999 two votes outweigh one, so the truth is the 15 pixels and C finds 10 of them.
    a = np.zeros(100, dtype=np.uint8)
    a[:15] = 1
    c = np.zeros(100, dtype=np.uint8)
    c[:10] = 1
    consensus = estimate_consensus({"A": a, "B": a, "C": c})
    np.testing.assert_array_equal(consensus.labels, a)
    assert consensus.converged
    table = consensus.experts
    np.testing.assert_allclose(table["sensitivity"], [1, 1, 10 / 15], atol=1e-6)
    np.testing.assert_allclose(table["specificity"], [1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(table["dice"], [1, 1, 20 / 25])
    np.testing.assert_allclose(consensus.confusion[2], [[1, 0], [1 / 3, 2 / 3]], atol=1e-6)


def test_first_round_follows_the_equations():
    # One round by hand, [Warfield 2004] eq. 15 and 18: two experts, start 0.9, prior 0.25.
    a, b = np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0])
    consensus = estimate_consensus(
        [a, b], prior={0: 0.75, 1: 0.25}, initial_performance=0.9, max_iterations=1, require_convergence=False
    )
    both = 0.25 * 0.81 / (0.25 * 0.81 + 0.75 * 0.01)
    split = 0.25
    none = 0.25 * 0.01 / (0.25 * 0.01 + 0.75 * 0.81)
    truth = np.array([both, split, none, none])
    p, q = (truth * [a, b]).sum(1) / truth.sum(), ((1 - truth) * [1 - a, 1 - b]).sum(1) / (1 - truth).sum()

    def weight(i, j):
        return np.prod([p[0] if i else 1 - p[0], p[1] if j else 1 - p[1]])

    def wrong(i, j):
        return np.prod([1 - q[0] if i else q[0], 1 - q[1] if j else q[1]])

    expected = [
        0.25 * weight(i, j) / (0.25 * weight(i, j) + 0.75 * wrong(i, j)) for i, j in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(consensus.probabilities[1], expected, rtol=1e-6)
    assert not consensus.converged
    assert "not-converged" in codes_of(consensus.notes)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_consensus_is_reproduced_pixel_for_pixel(shared_data, name):
    folder = shared_data / "multi_expert" / name
    published = sorted((folder / "est_GT").iterdir())
    assert published
    for path in published:
        masks = {expert.name: iio.imread(expert / path.name) for expert in folder.glob("expert*")}
        np.testing.assert_array_equal(estimate_consensus(masks).labels, iio.imread(path), err_msg=path.name)


@pytest.mark.parametrize("method", ["staple", "majority"])
def test_unanimous_experts_are_left_unchanged(method):
    mask = square(3, 9) + square(12, 20, label=2)
    consensus = estimate_consensus([mask] * 4, method)
    np.testing.assert_array_equal(consensus.labels, mask)
    np.testing.assert_allclose(consensus.experts["dice"], 1)
    np.testing.assert_allclose(consensus.experts["sensitivity"], 1)
    assert codes_of(consensus.notes) == {"identical-masks"}


@pytest.mark.parametrize("method", ["staple", "majority"])
@pytest.mark.parametrize("values", [(0, 255), (0, 254), (3, 255), (0, 60000), (0, 2**31), (0, 2**63 + 3)])
def test_any_label_values_are_kept(method, values):
    low, high = values
    masks = [
        np.where(square(2, stop) > 0, high, low).astype(np.min_scalar_type(high)) for stop in (9, 10, 11)
    ]
    consensus = estimate_consensus(masks, method, undecided_label=low)
    assert consensus.classes == values
    np.testing.assert_array_equal(consensus.labels, masks[1])


@pytest.mark.parametrize("method", ["staple", "majority", "union", "intersection"])
def test_all_empty_is_empty_and_sensitivity_is_not_known(method):
    consensus = estimate_consensus([np.zeros((8, 8), int)] * 3, method)
    assert not consensus.labels.any()
    assert (consensus.experts["dice"] == 1).all()
    assert (consensus.experts["specificity"] == 1).all()
    assert consensus.experts["sensitivity"].isna().all()
    np.testing.assert_array_equal(consensus.probabilities, np.ones((1, 8, 8)))
    assert consensus.notes == ()


@pytest.mark.parametrize("classes", [None, (0, 255)])
@pytest.mark.parametrize("method", ["staple", "majority", "union", "intersection"])
def test_all_full_is_full_and_specificity_is_not_known(method, classes):
    consensus = estimate_consensus([np.full((8, 8), 255)] * 3, method, classes=classes)
    assert (consensus.labels == 255).all()
    assert (consensus.experts["sensitivity"] == 1).all()
    assert consensus.experts["specificity"].isna().all()


@pytest.mark.parametrize("method", ["staple", "majority"])
def test_one_expert_gives_a_copy_and_a_note(method):
    consensus = estimate_consensus({"Ada": square(3, 9, label=7)}, method)
    np.testing.assert_array_equal(consensus.labels, square(3, 9, label=7))
    assert codes_of(consensus.notes) == {"one-expert"}
    assert consensus.experts.loc["Ada"].isna().all()
    np.testing.assert_array_equal(consensus.probabilities.sum(0), 1)


def test_two_experts_tie_where_they_differ():
    masks = [square(2, 10), square(6, 14)]
    consensus = estimate_consensus(masks, "majority", undecided_label=9)
    np.testing.assert_array_equal(consensus.labels == 9, masks[0] != masks[1])
    assert consensus.undecided_share == (masks[0] != masks[1]).mean()
    assert "undecided-pixels" in codes_of(consensus.notes)
    assert not estimate_consensus(masks, "majority").labels[masks[0] != masks[1]].any()


def test_two_experts_by_staple_are_told_apart_from_a_tie():
    consensus = estimate_consensus([square(2, 10), square(6, 14)])
    np.testing.assert_array_equal(consensus.labels[6:10, 6:10], 1)
    np.testing.assert_allclose(consensus.probabilities.sum(0), 1, atol=1e-6)


def test_disjoint_experts_end_in_bounded_time_with_a_note():
    masks = np.zeros((5, 8, 8), dtype=int)
    masks[range(5), range(5), range(5)] = 1
    consensus = estimate_consensus(masks)
    assert consensus.converged
    assert not consensus.labels.any()
    assert "disjoint-experts" in codes_of(consensus.notes)


def test_expert_who_filled_the_image_is_named():
    masks = {"A": square(4, 12), "B": square(5, 13), "C": np.ones((24, 24), dtype=np.uint8)}
    notes = estimate_consensus(masks).notes
    assert [note.where for note in notes if note.code == "filled-mask"] == ["C"]


def test_expert_who_inverted_the_mask_is_named():
    masks = {"A": square(2, 6), "B": square(2, 7), "C": 1 - square(2, 6)}
    assert [(n.where, n.code) for n in estimate_consensus(masks).notes if n.code != "undecided-pixels"] == [
        ("C", "filled-mask")
    ]


def test_copied_masks_are_named_and_empty_ones_are_not():
    masks = {"A": square(4, 12), "B": square(4, 12), "C": square(4, 13)}
    assert [n.where for n in estimate_consensus(masks).notes if n.code == "identical-masks"] == ["A, B"]
    empty = {"A": square(0, 0), "B": square(0, 0), "C": square(4, 13)}
    assert "identical-masks" not in codes_of(estimate_consensus(empty).notes)


def test_no_convergence_is_refused_with_what_was_reached():
    masks = [square(2, 10), square(4, 13), square(6, 14)]
    with pytest.raises(InputError, match=r"not converged in 2 iterations \(last change .*tolerance") as error:
        estimate_consensus(masks, max_iterations=2)
    assert error.value.problems[0].code == "not-converged"


def test_masks_of_pure_chance_give_a_result_and_a_note():
    masks = np.random.default_rng(5).integers(0, 3, (4, 256, 256))
    consensus = estimate_consensus(masks)
    assert not consensus.converged
    assert "not-converged" in codes_of(consensus.notes)


def test_shape_mismatch_names_every_expert_that_differs():
    masks = {"A": square(2, 4), "B": square(2, 4), "C": square(2, 4, size=20), "D": np.zeros((24, 23), int)}
    with pytest.raises(InputError) as error:
        estimate_consensus(masks)
    assert [(p.where, p.code) for p in error.value.problems] == [
        ("C", "shape-mismatch"),
        ("D", "shape-mismatch"),
    ]


@pytest.mark.parametrize(
    ("mask", "code"),
    [
        (np.array([[0.0, 0.5]]), "fractional-labels"),
        (np.array([[0.0, np.nan]]), "fractional-labels"),
        (np.array([[0.0, np.inf]]), "fractional-labels"),
        (np.array([[0, -1]]), "negative-labels"),
        (np.array([["a", "b"]]), "not-labels"),
        (np.array([[0, 1j]]), "not-labels"),
    ],
)
def test_masks_that_are_no_labels_are_refused(mask, code):
    with pytest.raises(InputError) as error:
        estimate_consensus({"A": np.array([[0, 1]]), "B": mask})
    assert [(p.where, p.code) for p in error.value.problems] == [("B", code)]


@pytest.mark.parametrize("masks", [[], {}, [None], [np.zeros((0, 4), int)] * 2])
def test_nothing_to_work_on_is_refused(masks):
    with pytest.raises(InputError):
        estimate_consensus(masks)


def test_numbers_of_objects_are_refused():
    with pytest.raises(InputError, match="numbers of objects"):
        estimate_consensus([np.arange(400).reshape(20, 20)] * 2)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, ">u2", np.int64, np.float32, np.float64])
def test_any_type_of_whole_numbers_is_accepted(dtype):
    masks = [square(2, 9), square(3, 10), square(3, 11)]
    expected = estimate_consensus(masks).labels
    labels = estimate_consensus([mask.astype(dtype) for mask in masks]).labels
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected)


def test_types_may_differ_between_experts():
    masks = [square(2, 9).astype(bool), square(3, 10).astype(float), (square(3, 11).astype(np.int64)) * 2**40]
    assert estimate_consensus(masks).classes == (0, 1, 2**40)


def test_sets_of_labels_may_differ_between_experts():
    masks = [square(2, 12, label=1), square(2, 12, label=1), square(2, 12, label=5)]
    consensus = estimate_consensus(masks)
    assert consensus.classes == (0, 1, 5)
    np.testing.assert_array_equal(consensus.labels, masks[0])


@pytest.mark.parametrize("shape", [(7,), (1, 40), (3, 9, 11), (2, 3, 5, 7)])
def test_any_number_of_dimensions(shape):
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 3, (4, *shape))
    consensus = estimate_consensus(masks)
    assert consensus.labels.shape == shape
    assert consensus.probabilities.shape == (3, *shape)
    np.testing.assert_allclose(consensus.probabilities.sum(0), 1, atol=1e-6)


def test_memory_order_does_not_matter():
    masks = np.random.default_rng(0).integers(0, 2, (3, 30, 40))
    turned = [np.asfortranarray(mask) for mask in masks]
    np.testing.assert_array_equal(estimate_consensus(turned).labels, estimate_consensus(masks).labels)


def test_tables_have_one_row_for_each_expert():
    consensus = estimate_consensus({"Ada": square(2, 9), "Bo": square(2, 10), "Cy": square(2, 11)})
    assert list(consensus.experts.index) == ["Ada", "Bo", "Cy"]
    assert list(consensus.experts.columns) == ["dice", "sensitivity", "specificity"]
    assert isinstance(consensus.experts_by_class, pd.DataFrame)
    assert consensus.experts_by_class.loc[("Bo", 1), "dice"] == consensus.experts.loc["Bo", "dice"]
