import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import napari_deepflash2 as df2
from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction.hesitation import (
    Hesitation,
    disagreement_of_experts,
    hesitation_in_words,
    measure_hesitation,
)
from napari_deepflash2.prediction.uncertainty import total_uncertainty


def cells(seed: int = 0, experts: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Uncertainty, masks (R, Y, X) and labels of a noisy image."""
    rng = np.random.default_rng(seed)
    p = np.clip(rng.beta(0.3, 1.2, (60, 70)), 0, 1)
    masks = (rng.random((experts, 60, 70)) < 0.5 * p + 0.1).astype(np.uint8)
    return (4 * p * (1 - p)).astype(np.float32), masks, (p > 0.5).astype(np.uint8)


def test_the_figure_is_the_area_under_the_roc_curve_among_what_anyone_marked() -> None:
    uncertainty, masks, labels = cells()
    found = measure_hesitation(uncertainty, masks, labels)
    votes = masks.mean(0)
    disagree, marked = (votes > 0) & (votes < 1), (votes > 0) | (labels == 1)
    assert found.auroc == pytest.approx(roc_auc_score(disagree[marked], uncertainty[marked]), abs=2e-3)
    assert found.auroc_whole == pytest.approx(roc_auc_score(disagree.ravel(), uncertainty.ravel()), abs=2e-3)
    assert found.disagreement == pytest.approx(disagree[marked].mean())
    # An easy background lifts the figure of the whole image.
    padded = [np.pad(one, ((0, 0), (0, 200))) for one in (uncertainty, labels)]
    wide = measure_hesitation(padded[0], np.pad(masks, ((0, 0), (0, 0), (0, 200))), padded[1])
    assert wide.auroc == found.auroc
    assert wide.auroc_whole > found.auroc_whole + 0.1


def test_a_model_that_hesitates_where_experts_disagree_reaches_one_and_its_opposite_nothing() -> None:
    masks = np.zeros((3, 4, 6), np.uint8)
    masks[:, :2], masks[0, 2:] = 1, 1
    split = masks.any(0) & ~masks.all(0)
    assert measure_hesitation(np.where(split, 0.8, 0.1), masks).auroc == 1
    assert measure_hesitation(np.where(split, 0.1, 0.8), masks).auroc == 0
    assert measure_hesitation(np.full((4, 6), 0.3), masks).auroc == 0.5


def test_what_the_model_alone_marks_counts_as_agreement_of_the_experts() -> None:
    masks = np.zeros((2, 3, 8), np.uint8)
    masks[0, :, :4] = 1
    labels = np.zeros((3, 8), np.uint8)
    uncertainty = np.where(np.arange(8) < 4, 0.4, 0.9) * np.ones((3, 1))
    assert measure_hesitation(uncertainty, masks, labels).auroc is None
    labels[:, 4:6] = 1
    assert measure_hesitation(uncertainty, masks, labels).auroc == 0


@pytest.mark.parametrize(
    "experts", [np.zeros((3, 5, 5), int), np.ones((3, 5, 5), int), np.ones((1, 5, 5), int)]
)
def test_experts_who_never_disagree_leave_the_figure_undefined_in_words(experts: np.ndarray) -> None:
    found = measure_hesitation(np.full((5, 5), 0.5), experts)
    assert found.auroc is None
    assert found.auroc_whole is None
    assert "experts disagree nowhere, or everywhere" in hesitation_in_words(found.auroc)
    assert found.disagreement == (0 if experts.any() and len(experts) > 1 else None)


def test_images_add_up_to_what_they_are_as_one() -> None:
    first, second = cells(1), cells(2)
    parts = [measure_hesitation(*first), measure_hesitation(*second)]
    whole = measure_hesitation(*(np.concatenate([a, b], axis=-1) for a, b in zip(first, second, strict=True)))
    total = sum(parts, Hesitation({}))
    assert total.auroc == whole.auroc
    pd.testing.assert_frame_equal(total.curve, whole.curve)
    again = Hesitation.of_rows(total.rows)
    assert (again.auroc, again.auroc_whole) == (total.auroc, total.auroc_whole)
    pd.testing.assert_frame_equal(again.curve, total.curve)


def test_the_curve_is_the_uncertainty_by_share_of_votes() -> None:
    uncertainty, masks, labels = cells(3, experts=4)
    curve = measure_hesitation(uncertainty, masks, labels).curve.set_index("share")
    assert curve.index.tolist() == [0, 0.25, 0.5, 0.75, 1]
    votes = masks.mean(0)
    for share, row in curve.iterrows():
        own = uncertainty[votes == share]
        assert row["pixels"] == own.size
        assert row["mean"] == pytest.approx(own.mean(), abs=1e-6)
        assert row["low"] == pytest.approx(np.quantile(own, 0.05), abs=0.03)
        assert row["high"] == pytest.approx(np.quantile(own, 0.95), abs=0.03)


def test_what_nobody_judged_or_no_model_predicted_has_no_part_in_it() -> None:
    uncertainty, masks, labels = cells(4)
    expected = measure_hesitation(uncertainty[:, 20:], masks[:, :, 20:], labels[:, 20:])
    spoiled, holes = uncertainty.copy(), masks.copy()
    spoiled[:, :10] = np.nan
    # A single vote is no disagreement.
    holes[1:, :, 10:20] = 255
    found = measure_hesitation(spoiled, holes, labels, ignore_label=255)
    assert found.auroc == expected.auroc
    assert found.curve["pixels"].sum() == expected.curve["pixels"].sum() == 60 * 50


def test_two_foreground_classes_disagree_where_all_experts_marked_something() -> None:
    masks = np.ones((2, 2, 4), int)
    masks[1, :, :2] = 2
    found = measure_hesitation(np.array([[0.9, 0.9, 0.1, 0.1]] * 2), masks)
    assert found.auroc == 1
    assert found.curve["share"].tolist() == [1]


def test_the_background_may_have_another_value() -> None:
    uncertainty, masks, labels = cells(5)
    expected = measure_hesitation(uncertainty, masks, labels)
    found = measure_hesitation(uncertainty, masks + 7, labels + 7, background=7)
    assert found.auroc == expected.auroc
    pd.testing.assert_frame_equal(found.curve, expected.curve)


def test_arrays_of_different_images_are_refused_with_their_shapes() -> None:
    with pytest.raises(InputError, match=r"\(4, 5\), \(4, 5\) and \(5, 4\)"):
        df2.measure_hesitation(np.zeros((4, 5)), [np.zeros((5, 4), int)] * 2)


@pytest.mark.parametrize(
    ("auroc", "words"),
    [(0.3, " less where"), (0.5, "no more"), (0.6, "a little more"), (0.9, "hesitates more")],
)
def test_figures_are_put_into_words(auroc: float, words: str) -> None:
    assert words in hesitation_in_words(auroc)
    assert f"{auroc:.3f}" in hesitation_in_words(auroc)


def test_disagreement_is_on_the_scale_of_the_uncertainty() -> None:
    masks = np.random.default_rng(0).integers(0, 3, (4, 6, 7))
    shares = np.stack([(masks == class_).mean(0) for class_ in range(3)]).astype(np.float32)
    np.testing.assert_allclose(disagreement_of_experts(masks, 3), total_uncertainty(shares), atol=1e-6)
    masks[1:, :2] = 255
    found = disagreement_of_experts(masks, 3, 255)
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2:]).all()
