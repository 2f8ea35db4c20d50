"""STAPLE: what must hold for any masks, recovery of known performance, and SimpleITK as the yardstick."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_deepflash2.consensus import dice, estimate_consensus
from napari_deepflash2.consensus.masks import read_masks
from napari_deepflash2.consensus.patterns import count_patterns


@st.composite
def stacks(draw, n_classes=3):
    n_experts, size = draw(st.integers(2, 5)), draw(st.integers(2, 60))
    values = st.lists(st.integers(0, n_classes - 1), min_size=size, max_size=size)
    return np.array([draw(values) for _ in range(n_experts)])


def simulated(shape, n_classes, right, seed=0):
    """Smooth truth and experts who name the right class with the given probability."""
    rng = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(rng.standard_normal(shape), 8) for _ in range(n_classes)]
    truth = np.argmax(fields, axis=0)
    masks = []
    for probability in right:
        other = (truth + rng.integers(1, n_classes, shape)) % n_classes
        masks.append(np.where(rng.random(shape) < probability, truth, other).astype(np.uint8))
    return truth, masks


def test_experts_who_mirror_each_other_are_believed_alike():
    stack = np.array([[0, 0, 0, 1], [0, 0, 1, 0], [1, 2, 0, 0], [0, 0, 0, 0]])
    consensus = estimate_consensus(stack)
    np.testing.assert_array_equal(consensus.confusion[0], consensus.confusion[1])
    for order in itertools.permutations(range(4)):
        np.testing.assert_array_equal(estimate_consensus(stack[list(order)]).labels, consensus.labels)


@settings(max_examples=1000, deadline=None)
@given(stacks(), st.randoms(use_true_random=False), st.sampled_from(["staple", "majority", "union"]))
def test_order_of_experts_does_not_matter(stack, random, method):
    order = random.sample(range(len(stack)), len(stack))
    one, other = estimate_consensus(stack, method), estimate_consensus(stack[order], method)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_allclose(one.confusion[order], other.confusion, atol=1e-9)


@settings(max_examples=200, deadline=None)
@given(stacks(), st.permutations(range(3)))
def test_votes_follow_the_names_of_labels(stack, names):
    renamed = np.array(names)[stack] + 10
    one = estimate_consensus(stack, "majority", undecided_label=99).labels
    other = estimate_consensus(renamed, "majority", undecided_label=99).labels
    np.testing.assert_array_equal(np.where(one == 99, 99, np.array(names)[one % 99] + 10), other)


@pytest.mark.parametrize("names", [(2, 0, 1), (7, 255, 60000)])
def test_staple_follows_the_names_of_labels(names):
    _, masks = simulated((128, 128), 3, [0.9, 0.8, 0.85, 0.7])
    consensus = estimate_consensus(masks)
    renamed = estimate_consensus([np.array(names)[mask] for mask in masks])
    np.testing.assert_array_equal(np.array(names)[consensus.labels], renamed.labels)


@settings(max_examples=200, deadline=None)
@given(stacks(), st.integers(2, 4))
def test_duplicating_pixels_changes_nothing(stack, times):
    one = estimate_consensus(stack, max_iterations=50, require_convergence=False)
    many = estimate_consensus(np.tile(stack, times), max_iterations=50, require_convergence=False)
    np.testing.assert_allclose(np.tile(one.probabilities, times), many.probabilities, atol=1e-5)


def test_empty_border_with_a_fixed_prior_hardly_changes_what_is_inside():
    _, masks = simulated((128, 128), 2, [0.98, 0.95, 0.97, 0.99, 0.96])
    prior = {0: 0.6, 1: 0.4}
    one = estimate_consensus(masks, prior=prior)
    bordered = estimate_consensus([np.pad(mask, 40) for mask in masks], prior=prior)
    # The border is background on which all agree: specificities rise, what is inside stays.
    assert (bordered.experts["specificity"] > one.experts["specificity"]).all()
    np.testing.assert_allclose(bordered.experts["sensitivity"], one.experts["sensitivity"], atol=2e-3)
    assert (bordered.labels[40:-40, 40:-40] == one.labels).mean() > 0.999
    assert not bordered.labels[:40].any()


@settings(max_examples=100, deadline=None)
@given(stacks())
def test_probabilities_sum_to_one_and_unanimous_pixels_stay(stack):
    consensus = estimate_consensus(stack)
    np.testing.assert_allclose(consensus.probabilities.sum(axis=0), 1, atol=1e-5)
    assert set(np.unique(consensus.labels)) <= {*np.unique(stack), 0}


@settings(max_examples=100, deadline=None)
@given(stacks(n_classes=5))
def test_patterns_hold_every_pixel(stack):
    patterns = count_patterns(read_masks(stack))
    assert patterns.counts.sum() == stack.shape[1]
    for expert, mask in enumerate(stack):
        labels = np.array(patterns.classes)[patterns.votes[:, expert]]
        np.testing.assert_array_equal(patterns.paint(labels), mask)


@pytest.mark.parametrize(("n_experts", "n_classes"), [(45, 2), (12, 20), (3, 200)])
def test_patterns_of_many_experts_or_labels(n_experts, n_classes):
    stack = np.random.default_rng(0).integers(0, n_classes, (n_experts, 3000))
    patterns = count_patterns(read_masks(stack))
    for expert, mask in enumerate(stack):
        labels = np.array(patterns.classes)[patterns.votes[:, expert]]
        np.testing.assert_array_equal(patterns.paint(labels), mask)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_known_performance_is_recovered_and_beats_majority(n_classes):
    right = [0.97, 0.92, 0.75, 0.65, 0.6]
    truth, masks = simulated((1024, 1024), n_classes, right)
    consensus = estimate_consensus(masks)
    diagonal = np.diagonal(consensus.confusion, axis1=1, axis2=2)
    np.testing.assert_allclose(diagonal, np.tile(np.array(right)[:, None], n_classes), atol=0.02)
    staple, majority = (
        labels == truth for labels in (consensus.labels, estimate_consensus(masks, "majority").labels)
    )
    assert staple.mean() > majority.mean()
    assert staple.mean() > max((mask == truth).mean() for mask in masks)


def test_known_sensitivity_and_specificity_are_recovered():
    rng = np.random.default_rng(1)
    truth = ndimage.gaussian_filter(rng.standard_normal((1024, 1024)), 10) > 0.02
    known = {"A": (0.95, 0.99), "B": (0.8, 0.97), "C": (0.6, 0.995), "D": (0.9, 0.85)}
    masks = {
        name: np.where(truth, rng.random(truth.shape) < sensitivity, rng.random(truth.shape) > specificity)
        for name, (sensitivity, specificity) in known.items()
    }
    consensus = estimate_consensus(masks)
    estimated = consensus.experts[["sensitivity", "specificity"]].to_numpy(float)
    np.testing.assert_allclose(estimated, list(known.values()), atol=0.02)
    score = dice(consensus.labels, truth)
    assert score > dice(estimate_consensus(masks, "majority").labels, truth)
    assert score > max(dice(mask, truth) for mask in masks.values())


def test_agrees_with_binary_staple_of_itk():
    sitk = pytest.importorskip("SimpleITK")
    _, masks = simulated((256, 256), 2, [0.95, 0.9, 0.8, 0.7, 0.85])
    itk = sitk.STAPLEImageFilter()
    itk.SetForegroundValue(1)
    posterior = sitk.GetArrayFromImage(itk.Execute([sitk.GetImageFromArray(mask) for mask in masks]))
    consensus = estimate_consensus(masks)
    assert ((posterior > 0.5) == consensus.labels).mean() >= 0.9999
    np.testing.assert_allclose(consensus.experts["sensitivity"], itk.GetSensitivity(), atol=1e-4)
    np.testing.assert_allclose(consensus.experts["specificity"], itk.GetSpecificity(), atol=1e-4)
    np.testing.assert_allclose(consensus.soft(), posterior, atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_agrees_with_multi_label_staple_of_itk(n_classes):
    sitk = pytest.importorskip("SimpleITK")
    _, masks = simulated((256, 256), n_classes, [0.95, 0.9, 0.8, 0.7, 0.85])
    itk = sitk.MultiLabelSTAPLEImageFilter()
    itk.SetTerminationUpdateThreshold(1e-7)
    labels = sitk.GetArrayFromImage(itk.Execute([sitk.GetImageFromArray(mask) for mask in masks]))
    consensus = estimate_consensus(masks)
    assert (labels == consensus.labels).mean() >= 0.9999
    for expert in range(len(masks)):
        # ITK's rows are what was said, one more of them for undecided pixels; its columns are the truth.
        matrix = np.array(itk.GetConfusionMatrix(expert)).reshape(-1, n_classes)[:n_classes]
        np.testing.assert_allclose(consensus.confusion[expert], matrix.T, atol=1e-4)


def test_pixels_beyond_float32_are_counted():
    # A float32 counter stops at 2^24 pixels.
    mask = np.zeros(2**24 + 1000, dtype=np.uint8)
    mask[-600:] = 1
    consensus = estimate_consensus([mask, mask, np.roll(mask, 300)])
    assert consensus.patterns.counts.sum() == 2**24 + 1000
    np.testing.assert_allclose(consensus.experts["sensitivity"], [1, 1, 0.5], atol=1e-6)
