"""Each training image, predicted by the model that never saw it."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from napari_deepflash2 import load_review
from napari_deepflash2.consensus import dice
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble import Review, RunFolder, load_ensemble, train_ensemble
from napari_deepflash2.ensemble.loaded import load_member
from napari_deepflash2.ensemble.validation import mean_dice
from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction import predict_moments
from napari_deepflash2.prediction.uncertainty import total_uncertainty
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
Settings = dict[str, Any]
SETTINGS = {
    "training": {"iterations": 10, "tile_size": 32, "batch_size": 2},
    "prediction": {"tile_size": 32, "test_time_augmentation": "flips"},
}


@pytest.fixture(scope="module")
def reviewed_once(tmp_path_factory: pytest.TempPathFactory, make_blobs: Blobs) -> Path:
    """Three images in three folds, not to be changed."""
    folder = tmp_path_factory.mktemp("reviewed") / "ensemble"
    train_ensemble(*make_blobs(3), folder, SETTINGS)
    return folder


@pytest.fixture
def reviewed(reviewed_once: Path, tmp_path: Path) -> Path:
    """Give a copy to spoil."""
    return Path(shutil.copytree(reviewed_once, tmp_path / "reviewed"))


def _stop_at(task: str, done: int) -> Callable[[Progress], None]:
    def stop(progress: Progress) -> None:
        if (progress.task, progress.done) == (task, done):
            raise Cancelled

    return stop


def _predicted_again(folder: Path, make_blobs: Blobs) -> int:
    """Resume and tell how many images were predicted."""
    before = len(RunFolder(folder).events())
    train_ensemble(*make_blobs(3), folder, SETTINGS, resume=True)
    steps = [e for e in RunFolder(folder).events(before) if e.get("task") == "out of fold"]
    return max((step["total"] for step in steps), default=0)


def _maps(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.glob("out_of_fold/*/*"))}


def test_each_image_is_predicted_by_the_model_that_never_saw_it_as_in_later_use(
    reviewed_once: Path, make_blobs: Blobs
) -> None:
    ensemble, review = load_ensemble(reviewed_once), load_review(reviewed_once)
    images, _ = make_blobs(3)
    for member in ensemble.members:
        (name,) = member.validation_images
        assert review.images.set_index("image")["fold"][name] == member.fold
        cpu = torch.device("cpu")
        predictor = load_member(reviewed_once, ensemble.manifest, member, cpu)
        pixels = images[int(name) - 1].astype(np.float32)[..., None]
        mean = predict_moments([predictor], pixels, 2, ensemble.config.prediction, cpu).mean
        np.testing.assert_allclose(review.probabilities(name), mean, atol=5e-4)
        np.testing.assert_array_equal(review.labels(name), mean.argmax(0))
        np.testing.assert_array_equal(review.uncertainty(name), total_uncertainty(mean))


def test_image_and_mask_lie_beside_the_prediction_as_they_were(
    reviewed_once: Path, make_blobs: Blobs
) -> None:
    review = load_ensemble(reviewed_once).review()
    for name, image, mask in zip(review.groups, *make_blobs(3), strict=True):
        np.testing.assert_array_equal(review.image(name), image)
        assert review.image(name).dtype == np.uint8
        np.testing.assert_array_equal(review.mask(name), mask)


def test_the_table_of_images_says_what_the_maps_show(reviewed_once: Path) -> None:
    review = load_review(reviewed_once)
    assert list(review.images) == [
        *("image", "fold", "group", "dice", "ap_50", "ap", "score", "contradiction")
    ]
    for row in review.images.itertuples():
        labels, mask = review.labels(row.image), review.mask(row.image)
        assert row.dice == pytest.approx(mean_dice(labels, mask, 2))
        assert 0 <= row.ap <= row.ap_50 <= 1
        uncertainty = review.uncertainty(row.image)
        assert row.score == pytest.approx(
            uncertainty[labels > 0].mean() if labels.any() else uncertainty.mean()
        )


def test_every_pixel_has_its_place_in_the_reliability_diagram(reviewed_once: Path) -> None:
    review = load_review(reviewed_once)
    assert set(review.reliabilities) == {"prediction", "1"}
    assert review.reliability.groupby("of")["count"].sum().to_dict() == {
        "prediction": 3 * 48**2,
        "1": 3 * 48**2,
    }
    right = [(review.labels(name) == review.mask(name)).sum() for name in review.groups]
    assert review.reliabilities["prediction"].correct.sum() == sum(right)


def test_the_label_check_names_regions_on_which_mask_and_model_differ(reviewed_once: Path) -> None:
    review = load_review(reviewed_once)
    found = review.label_check
    assert len(found)
    assert found["weight"].is_monotonic_decreasing
    for row in found.itertuples():
        assert review.mask(row.image)[row.y, row.x] == row.mask
        assert review.labels(row.image)[row.y, row.x] == row.model != row.mask
        assert row.margin == pytest.approx(row.weight / row.area)


def test_the_tables_are_on_disk_too(reviewed_once: Path) -> None:
    review = load_review(reviewed_once)
    tables = {
        "out_of_fold": review.images,
        "reliability": review.reliability,
        "label_check": review.label_check,
    }
    for name, table in tables.items():
        stored = pd.read_csv(reviewed_once / f"{name}.csv", dtype={"image": str, "group": str})
        pd.testing.assert_frame_equal(stored, table.astype(stored.dtypes.to_dict()))
    assert review.against_experts is None
    assert review.hesitation is None
    assert review.hesitation_images is None
    assert review.hesitation_regions.empty
    assert review.notes == ()


def test_what_is_there_is_not_predicted_again(reviewed: Path, make_blobs: Blobs) -> None:
    before = _maps(reviewed)
    assert _predicted_again(reviewed, make_blobs) == 0
    assert _maps(reviewed) == before


@pytest.mark.parametrize("lost", ["labels/0002.tif", "records/0002.json"])
def test_what_was_lost_is_predicted_again_and_nothing_else(
    reviewed: Path, make_blobs: Blobs, lost: str
) -> None:
    before = _maps(reviewed)
    (reviewed / "out_of_fold" / lost).unlink()
    assert _predicted_again(reviewed, make_blobs) == 1
    assert _maps(reviewed) == before


def test_a_model_that_was_trained_anew_predicts_anew(reviewed: Path, make_blobs: Blobs) -> None:
    before = _maps(reviewed)
    (member,) = [m for m in load_ensemble(reviewed).members if m.validation_images == ("0003",)]
    record = reviewed / "out_of_fold" / "records" / "0003.json"
    record.write_text(record.read_text().replace('"key": "', '"key": "of other weights'))
    (reviewed / member.file).unlink()
    assert _predicted_again(reviewed, make_blobs) == 1
    assert _maps(reviewed) == before


@pytest.mark.parametrize("stop", [("out of fold", 0), ("out of fold", 1)])
def test_a_stop_while_predicting_costs_at_most_one_image(
    tmp_path: Path, make_blobs: Blobs, reviewed_once: Path, stop: tuple[str, int]
) -> None:
    folder = tmp_path / "stopped"
    with pytest.raises(Cancelled):
        train_ensemble(*make_blobs(3), folder, SETTINGS, _stop_at(*stop))
    assert len(load_ensemble(folder).members) == 1
    train_ensemble(*make_blobs(3), folder, SETTINGS, resume=True)
    assert _maps(folder) == _maps(reviewed_once)


def test_models_trained_before_a_stop_are_reviewed_and_the_rest_is_said_to_be_missing(
    tmp_path: Path, make_blobs: Blobs
) -> None:
    folder = tmp_path / "stopped"
    with pytest.raises(Cancelled):
        train_ensemble(*make_blobs(3), folder, SETTINGS, _stop_at("fold 2", 4))
    review = load_review(folder)
    assert review.images["fold"].notna().all()
    unknown = review.images[review.images["score"].isna()]
    assert len(unknown) == 2
    assert unknown.drop(columns=["image", "group", "fold"]).isna().all(axis=None)
    (note,) = review.notes
    assert note.code == "not-left-out"
    assert all(name in note.found for name in unknown["image"])
    with (folder / "out_of_fold.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(row["dice"] != "" for row in rows) == [False, False, True]


def test_an_ensemble_without_any_says_how_to_have_them(reviewed: Path) -> None:
    shutil.rmtree(reviewed / "out_of_fold")
    with pytest.raises(InputError, match="Resume the training"):
        load_review(reviewed)


def test_a_damaged_map_is_named(reviewed: Path) -> None:
    (reviewed / "out_of_fold" / "uncertainty" / "0001.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError, match=r"uncertainty.0001\.tif"):
        load_review(reviewed).uncertainty("0001")


def test_channels_and_class_values_are_those_of_the_user(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    images, masks = make_blobs(2, channels=3)
    images = [image * np.float32(1.5) for image in images]
    masks = [np.where(mask, 20, 0) for mask in masks]
    masks[0][:8, :8] = 30
    settings = {**tiny, "data": {"mask_classes": [0, 20, 30]}}
    review = train_ensemble(images, masks, tmp_path / "e", settings).review()
    np.testing.assert_array_equal(review.image("0001"), images[0])
    assert set(review.label_check["mask"]) | set(review.label_check["model"]) <= {0, 20, 30}
    assert {"dice_20", "dice_30", "ap_20", "ap_50_30"} <= set(review.images)
    assert set(review.reliabilities) == {"prediction", "20", "30"}


def test_pixels_that_nobody_judged_count_for_nothing(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    images, masks = make_blobs(2)
    masks = [mask.astype(int) for mask in masks]
    masks[0][:, :24] = 9
    settings = {**tiny, "data": {"ignore_label": 9}}
    review: Review = train_ensemble(images, masks, tmp_path / "e", settings).review()
    assert (review.mask("0001")[:, :24] == IGNORE).all()
    assert review.reliabilities["prediction"].counts.sum() == 48**2 * 1.5
    ignored = review.label_check.query("image == '0001'")
    assert (ignored["x"] >= 24).all()


def test_blocks_of_one_image_are_put_together_again(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    (image,), (mask,) = make_blobs(1, size=160)
    folder = tmp_path / "e"
    settings = {**tiny, "data": {"block_margin": 16}}
    ensemble = train_ensemble(
        [image], [mask], folder, {**settings, "training": tiny["training"] | {"models": 4}}
    )
    review = ensemble.review()
    assert list(review.images["image"]) == ["0001_block1", "0001_block2", "0001_block3", "0001_block4"]
    assert review.images["dice"].notna().all()
    assert {review.name_of(id_) for id_ in review.images["image"]} == {"0001"}
    labels, shown = review.labels("0001"), review.mask("0001")
    assert labels.shape == mask.shape
    between = np.isnan(review.uncertainty("0001"))
    # Cut along one axis and both parts along the other, 16 pixels apart.
    assert (~between).sum() == 144 * 144
    np.testing.assert_array_equal(labels == IGNORE, between)
    np.testing.assert_array_equal(shown == IGNORE, between)
    np.testing.assert_array_equal(shown[~between], mask[~between])
    np.testing.assert_array_equal(review.image("0001")[~between], image[~between])
    assert review.reliabilities["prediction"].counts.sum() == (~between).sum()


def test_a_model_trained_from_experts_is_placed_among_them(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    images, masks = make_blobs(2)
    experts = [{"ann": mask, "bob": mask, "cleo": np.roll(mask, 2, axis=1)} for mask in masks]
    experts[1].pop("cleo")
    review = train_ensemble(images, out=tmp_path / "e", config=tiny, experts=experts).review()
    table = review.against_experts
    assert table is not None
    first, second = table.to_dict("records")
    shifted = dice(masks[0], np.roll(masks[0], 2, axis=1))
    assert (first["expert cleo"], first["lowest"]) == (pytest.approx(shifted), pytest.approx(shifted))
    assert second["highest"] == second["ceiling"] == 1
    assert pd.isna(second["expert cleo"])
    assert first["consensus"] == pytest.approx(dice(review.labels("0001"), masks[0]))
    assert (tmp_path / "e" / "against_experts.csv").is_file()


def test_uncertainty_is_held_against_the_disagreement_of_the_experts(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    images, masks = make_blobs(3)
    experts = [{"ann": mask, "bob": np.roll(mask, 3, axis=1)} for mask in masks]
    # Who agree leave nothing to find, and one alone cannot disagree.
    experts[1]["bob"] = masks[1]
    experts[2].pop("bob")
    settings = {"training": tiny["training"] | {"models": 3}, "prediction": tiny["prediction"]}
    folder = tmp_path / "e"
    review = train_ensemble(images, out=folder, config=settings, experts=experts).review()
    table = review.hesitation_images
    assert table is not None
    assert table["image"].tolist() == ["0001", "0002"]
    uncertainty, labels = review.uncertainty("0001"), review.labels("0001")
    votes = np.stack(list(experts[0].values()))
    split, marked = votes.any(0) & ~votes.all(0), votes.any(0) | (labels == 1)
    expected = roc_auc_score(split[marked], uncertainty[marked])
    assert table["auroc"].tolist() == [pytest.approx(expected, abs=0.01), pd.NA]
    assert table["disagreement"][1] == 0
    np.testing.assert_array_equal(review.disagreement("0001"), split)
    assert review.disagreement("0003") is None
    assert review.hesitation is not None
    assert review.hesitation.curve["pixels"].sum() == 2 * labels.size
    written = pd.read_csv(folder / "hesitation.csv")
    assert written["auroc"].isna().tolist() == [False, True]
    assert (folder / "hesitation_curve.csv").is_file()
    regions = pd.read_csv(folder / "hesitation_regions.csv")
    assert len(regions) == len(review.hesitation_regions)
    # A run that is resumed makes a map anew that has gone.
    (folder / "out_of_fold" / "disagreement" / "0001.tif").unlink()
    train_ensemble(images, out=folder, config=settings, experts=experts, resume=True)
    np.testing.assert_array_equal(load_review(folder).disagreement("0001"), split)


def test_experts_of_blocks_are_put_together_too(tmp_path: Path, make_blobs: Blobs, tiny: Settings) -> None:
    (image,), (mask,) = make_blobs(1, size=160)
    settings = {"training": tiny["training"] | {"models": 4}, "prediction": tiny["prediction"]}
    other = np.roll(mask, 3, axis=0)
    review = train_ensemble(
        [image], out=tmp_path / "e", config=settings, experts=[{"ann": mask, "bob": other}]
    ).review()
    table = review.against_experts
    assert table is not None
    judged = review.labels("0001") != IGNORE
    assert table["lowest"].tolist() == [pytest.approx(dice(mask[judged], other[judged]))]
