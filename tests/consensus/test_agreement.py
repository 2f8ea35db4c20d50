"""Agreement statistics on hand-worked cases, known data sets and real experts."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest

from napari_deepflash2.consensus import (
    dice,
    estimate_consensus,
    iou,
    kappa_in_words,
    measure_agreement,
    measure_agreement_of_images,
    save_agreement,
)
from napari_deepflash2.consensus.chance import fleiss_kappa, krippendorff_alpha
from napari_deepflash2.consensus.surfaces import pairwise_surface_distances
from napari_deepflash2.errors import InputError


def bar(start: int, stop: int, size: int = 100) -> np.ndarray:
    mask = np.zeros((3, size), dtype=int)
    mask[1, start:stop] = 1
    return mask


THREE = {"A": bar(10, 30), "B": bar(10, 30), "C": bar(20, 40)}


def test_dice_and_iou_by_hand():
    assert dice(THREE["A"], THREE["C"]) == 0.5
    assert iou(THREE["A"], THREE["C"]) == pytest.approx(1 / 3)
    assert dice(bar(0, 0), bar(0, 0)) == 1.0
    assert dice(bar(0, 0), bar(0, 5)) == 0.0
    with pytest.raises(InputError):
        dice(bar(0, 5), bar(0, 5).T)


def test_pairwise_tables_by_hand():
    agreement = measure_agreement(THREE)
    expected = [[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]]
    np.testing.assert_allclose(agreement.pairwise_dice.to_numpy(float), expected)
    assert agreement.pairwise_iou.loc["A", "C"] == pytest.approx(1 / 3)
    assert agreement.pairwise_ap50.loc["A", "B"] == 1
    assert agreement.pairwise_ap50.loc["A", "C"] == 0
    assert list(agreement.pairwise_dice.index) == list(agreement.pairwise_dice.columns) == ["A", "B", "C"]


def test_iou_of_several_classes_is_the_mean_of_theirs():
    one, other = np.array([1, 1, 2, 2, 2, 0]), np.array([1, 1, 2, 0, 0, 0])
    agreement = measure_agreement([one, other])
    assert agreement.pairwise_dice.iloc[0, 1] == pytest.approx((1 + 0.5) / 2)
    assert agreement.pairwise_iou.iloc[0, 1] == pytest.approx((1 + 1 / 3) / 2)


def test_leave_one_out_compares_with_the_others_only():
    agreement = measure_agreement(THREE, "intersection")
    # Without A: B and C share 10 of A's 20 pixels. Without C: A and B share 20, of which C drew 10.
    np.testing.assert_allclose(agreement.leave_one_out["dice"], [2 * 10 / 30, 2 * 10 / 30, 0.5])
    np.testing.assert_allclose(agreement.leave_one_out["area_ratio"], [2, 2, 1])
    np.testing.assert_allclose(agreement.leave_one_out["sensitivity"], [1, 1, 0.5])
    np.testing.assert_allclose(
        agreement.leave_one_out["specificity"], [1 - 10 / 290, 1 - 10 / 290, 1 - 10 / 280]
    )


def test_with_a_say_in_it_the_score_is_that_of_the_consensus():
    agreement = measure_agreement(THREE, "majority", leave_out=False)
    expected = estimate_consensus(THREE, "majority").experts["dice"]
    np.testing.assert_allclose(agreement.leave_one_out["dice"], expected.astype(float))


def test_fleiss_kappa_of_the_published_example():
    # Fleiss 1971, as worked through in many textbooks: 10 subjects, 14 raters, 5 categories.
    table = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert fleiss_kappa(np.array(table, float), np.ones(10, int)) == pytest.approx(0.20993, abs=1e-5)


def test_krippendorff_alpha_of_the_published_example():
    # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C: 4 observers, missing data.
    nan = np.nan
    ratings = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
            [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
        ]
    )
    votes = np.array(
        [[(ratings[:, unit] == label).sum() for label in range(1, 6)] for unit in range(12)], float
    )
    assert krippendorff_alpha(votes, np.ones(12, int)) == pytest.approx(0.743, abs=5e-4)


def test_agreement_beyond_chance_is_not_known_without_variation():
    agreement = measure_agreement([np.zeros((4, 4), int)] * 3)
    assert agreement.fleiss_kappa is None
    assert agreement.krippendorff_alpha is None
    assert kappa_in_words(None) == "not known"
    assert (agreement.pairwise_dice == 1).all(axis=None)
    assert (agreement.pairwise_surface_distance == 0).all(axis=None)
    assert (agreement.pairwise_ap50 == 1).all(axis=None)
    assert (agreement.leave_one_out["dice"] == 1).all()
    assert agreement.leave_one_out["sensitivity"].isna().all()


@pytest.mark.parametrize(
    ("kappa", "word"),
    [(1, "almost perfect"), (0.7, "substantial"), (0.5, "moderate"), (0.1, "slight"), (-1, "poor")],
)
def test_kappa_in_words(kappa, word):
    assert kappa_in_words(kappa) == word


def test_surface_distance_uses_the_pixel_size():
    first, second = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    first[5:10], second[8:13] = True, True
    # Two bands across the image, shifted by 3 rows: their upper and lower edges are 3 rows apart, but the
    # inner ones (row 9 of the first, row 8 of the second) are nearer to the other's inner one.
    distances = pairwise_surface_distances([first, second], (1, 1))
    assert distances[0, 1] == pytest.approx((3 + 1 + 1 + 3) / 4)
    assert pairwise_surface_distances([first, second], (0.5, 1))[0, 1] == pytest.approx(1)
    assert np.isnan(pairwise_surface_distances([first, np.zeros_like(first)], (1, 1))[0, 1])


def test_bias_in_area_and_count():
    many = bar(10, 20) + bar(40, 50) + bar(70, 80)
    agreement = measure_agreement({"A": many, "B": many, "C": bar(10, 25)}, "majority")
    assert agreement.bias["objects"].tolist() == [3, 3, 1]
    np.testing.assert_allclose(agreement.bias["count_ratio"], [3 / 2, 3 / 2, 1 / 3])
    assert agreement.bias.loc["C", "area_ratio"] == 0.5
    assert agreement.objects_seen_by.to_dict() == {1: 0, 2: 2, 3: 1}


def test_numbers_of_objects_can_be_measured():
    labels = np.arange(1, 401).reshape(20, 20).repeat(3, 0).repeat(3, 1)
    labels[:9] = 0
    agreement = measure_agreement([labels, labels, np.where(labels > 390, 0, labels)], objects="labels")
    assert agreement.bias["objects"].tolist() == [340, 340, 330]
    assert agreement.objects_seen_by.to_dict() == {1: 0, 2: 10, 3: 330}


def test_the_expert_who_stands_out_is_named():
    agreement = measure_agreement({**THREE, "D": bar(70, 90), "E": bar(12, 31)})
    assert agreement.outliers == ("D",)
    assert [(n.where, n.code) for n in agreement.notes if n.code == "outlier-expert"] == [
        ("D", "outlier-expert")
    ]
    assert measure_agreement(THREE).outliers == ()


def test_one_expert_agrees_with_nobody():
    agreement = measure_agreement({"A": bar(10, 20)})
    assert agreement.fleiss_kappa is None
    assert agreement.leave_one_out["dice"].isna().all()
    assert agreement.stability.empty


@pytest.fixture
def simulated():
    rng = np.random.default_rng(0)
    images = {}
    for number in range(8):
        truth = np.zeros((60, 60), int)
        truth[10:40, 10:40] = 1
        images[f"{number}.png"] = {
            name: np.where(rng.random(truth.shape) < right, truth, 1 - truth)
            for name, right in {"A": 0.95, "B": 0.9, "C": 0.9, "D": 0.85, "E": 0.8}.items()
        }
    return images


def test_intervals_need_images(simulated):
    table = measure_agreement_of_images(simulated).leave_one_out
    assert (table["dice_low"] < table["dice"]).all()
    assert (table["dice"] < table["dice_high"]).all()
    assert table["images"].tolist() == [8] * 5
    one = measure_agreement(simulated["0.png"]).leave_one_out
    assert one[["dice_low", "dice_high"]].isna().all(axis=None)


def test_masks_may_be_missing(simulated):
    for name in ("0.png", "1.png"):
        del simulated[name]["C"]
    for name in ("2.png", "3.png", "4.png", "5.png", "6.png", "7.png"):
        del simulated[name]["D"]
    agreement = measure_agreement_of_images(simulated)
    assert agreement.leave_one_out["images"].to_dict() == {"A": 8, "B": 8, "C": 6, "D": 2, "E": 8}
    assert pd.isna(agreement.pairwise_dice.loc["C", "D"])
    assert agreement.dice_by_image["C"].isna().tolist() == [True, True, *[False] * 6]


def test_more_experts_make_a_steadier_consensus(simulated):
    stability = measure_agreement_of_images(simulated).stability
    assert list(stability.index) == [1, 2, 3, 4]
    assert stability.loc[4, "dice"] > stability.loc[3, "dice"] > stability.loc[1, "dice"]


def test_copies_are_counted_over_the_set(simulated):
    for name in ("1.png", "4.png"):
        simulated[name]["B"] = simulated[name]["A"]
    notes = measure_agreement_of_images(simulated).notes
    assert [n.where for n in notes if n.code == "identical-masks"] == ["A, B in 2 of 8 images (first 1.png)"]


def test_everything_is_saved_and_nothing_runs_as_a_formula(simulated, tmp_path):
    images = {
        name: {("=HYPERLINK(1)" if expert == "A" else expert): mask for expert, mask in masks.items()}
        for name, masks in simulated.items()
    }
    agreement = measure_agreement_of_images(images)
    paths = save_agreement(agreement, tmp_path / "out")
    assert all(path.stat().st_size for path in paths)
    assert {path.suffix for path in paths} == {".csv", ".xlsx", ".png", ".svg"}
    table = pd.read_csv(tmp_path / "out" / "pairwise_dice.csv", index_col=0)
    assert list(table.index) == ["'=HYPERLINK(1)", "B", "C", "D", "E"]
    np.testing.assert_allclose(table, agreement.pairwise_dice.to_numpy(float))
    sheets = pd.read_excel(tmp_path / "out" / "agreement.xlsx", sheet_name=None, index_col=0)
    assert set(sheets) == {path.stem for path in paths if path.suffix == ".csv"}
    assert sheets["leave_one_out"].index[0] == "'=HYPERLINK(1)"


def test_an_expert_who_marked_another_place_is_outvoted_and_reported(shared_data):
    folder = shared_data / "multi_expert" / "bubil_d2_rabbit"
    masks = {expert.name: iio.imread(expert / "p10.png") for expert in sorted(folder.glob("expert*"))}
    consensus = estimate_consensus(masks)
    assert [note.where for note in consensus.notes] == ["expert7"]
    assert consensus.experts.loc["expert7", "dice"] == 0
    others = {name: mask for name, mask in masks.items() if name != "expert7"}
    assert dice(consensus.labels, estimate_consensus(others).labels) > 0.99
