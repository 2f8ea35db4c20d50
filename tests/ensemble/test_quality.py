"""What an ensemble knows about the quality of its predictions."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_deepflash2.config import PredictionConfig
from napari_deepflash2.ensemble import load_ensemble, load_review, train_ensemble
from napari_deepflash2.ensemble.manifest import Manifest, QualityRecord
from napari_deepflash2.ensemble.quality import Quality
from napari_deepflash2.ensemble.quality_making import with_quality
from napari_deepflash2.errors import InputError
from napari_deepflash2.jobs.review import review_ensemble
from napari_deepflash2.objects import ObjectQuality, ObjectTraits, best_overlaps, separate_objects
from napari_deepflash2.prediction import predict_moments
from napari_deepflash2.prediction.calibration import tempered
from napari_deepflash2.prediction.quality import Traits
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def learned_once(tmp_path_factory: pytest.TempPathFactory, make_blobs: Blobs) -> Path:
    """Two models that together left out all of four images; not to be changed."""
    folder = tmp_path_factory.mktemp("learned") / "ensemble"
    training = {"iterations": 30, "tile_size": 32, "learning_rate": 0.005, "max_splits": 2}
    settings = {"training": training, "prediction": {"test_time_augmentation": "none"}}
    train_ensemble(*make_blobs(4, size=128), folder, settings)
    return folder


@pytest.fixture
def learned(learned_once: Path, tmp_path: Path) -> Path:
    """Copy it for a test to spoil."""
    return Path(shutil.copytree(learned_once, tmp_path / "renamed"))


def _quality(folder: Path) -> Quality:
    record = Manifest.load(folder).quality
    assert record is not None
    return Quality.load(folder, record)


def _without_quality(folder: Path) -> None:
    Manifest.load(folder).model_copy(update={"quality": None}).save(folder)


def _new(make_blobs: Blobs, seed: int = 9) -> np.ndarray:
    return make_blobs(1, size=128, seed=seed)[0][0]


def test_training_ends_with_it(learned_once: Path) -> None:
    card = _quality(learned_once).card
    assert (card.images, card.groups) == (4, 4)
    assert 0 <= card.error_after <= card.error_before + 1e-3
    assert json.loads((learned_once / "quality.json").read_text())["temperature"] == card.temperature


def test_probabilities_of_later_use_are_those_of_the_networks_with_the_temperature(
    learned_once: Path, make_blobs: Blobs
) -> None:
    ensemble = load_ensemble(learned_once)
    image = _new(make_blobs)
    config = PredictionConfig(precision="float32")
    raw = predict_moments(ensemble._predictors, image[..., None].astype(np.float32), 2, config, CPU)
    found = ensemble.predict(image, config)
    assert ensemble.temperature != 1
    np.testing.assert_allclose(found.probabilities, tempered(raw.mean, ensemble.temperature), atol=1e-6)
    np.testing.assert_array_equal(found.labels, raw.mean.argmax(0))


def test_the_expected_dice_comes_from_traits_that_are_measured_alike_in_and_out_of_training(
    learned_once: Path, make_blobs: Blobs
) -> None:
    quality, review, ensemble = _quality(learned_once), load_review(learned_once), load_ensemble(learned_once)
    assert quality.dice is not None
    traits = [
        Traits.of(tempered(review.probabilities(name).astype(np.float32), quality.card.temperature))
        for name in review.groups
    ]
    again = type(quality.dice).of(traits, review.images["dice"].tolist(), list(review.groups.values()))
    assert again is not None
    np.testing.assert_allclose(again.coefficients, quality.dice.coefficients)
    found = ensemble.predict(_new(make_blobs))
    assert not found.is_ood
    assert found.expected_dice == quality.dice.expected(Traits.of(found.probabilities)).dice


def test_what_four_images_do_not_tell_is_said(learned_once: Path, make_blobs: Blobs) -> None:
    ensemble = load_ensemble(learned_once)
    assert ensemble.predict(_new(make_blobs)).expected_dice_interval is None
    (problem,) = ensemble.unknown
    assert "interval of the expected Dice" in str(problem)
    assert "5 more" in str(problem)


def test_an_image_of_another_kind_is_flagged_and_nothing_is_promised_about_it(
    learned_once: Path, make_blobs: Blobs
) -> None:
    ensemble = load_ensemble(learned_once)
    home = ensemble.predict(_new(make_blobs))
    y, x = np.mgrid[:128, :128]
    stripes = (1000 * ((x + y) % 8 < 4)).astype(np.uint16)
    foreign = ensemble.predict(stripes, name="stripes")
    assert home.is_ood is False
    assert foreign.is_ood is True
    assert home.ood_score is not None
    assert foreign.ood_score is not None
    assert home.ood_score <= 0 < foreign.ood_score
    assert foreign.expected_dice is None
    assert foreign.expected_dice_interval is None
    assert "unlike-training" in {note.code for note in foreign.notes}
    assert foreign.ood_map is not None
    assert foreign.ood_map.shape == (128, 128)
    assert foreign.ood_map.dtype == np.float32


def test_a_higher_false_alarm_rate_flags_no_less(learned_once: Path, make_blobs: Blobs) -> None:
    ensemble = load_ensemble(learned_once)
    scores = [
        ensemble.predict(_new(make_blobs), PredictionConfig(false_alarm_rate=rate)).ood_score
        for rate in (0.05, 0.5)
    ]
    assert scores[0] is not None
    assert scores[1] is not None
    assert scores[0] < scores[1]


def test_it_is_made_of_the_folder_alone_and_the_same_again(learned: Path) -> None:
    files = [learned / "quality.json", learned / "quality.npz"]
    before = [path.read_bytes() for path in files]
    record = Manifest.load(learned).quality
    _without_quality(learned)
    for path in files:
        path.unlink()
    assert with_quality(learned, Manifest.load(learned), CPU).quality == record
    assert [path.read_bytes() for path in files] == before


def test_what_is_there_is_not_made_again(learned: Path) -> None:
    before = (learned / "quality.npz").stat().st_mtime_ns
    manifest = Manifest.load(learned)
    assert with_quality(learned, manifest, CPU) is manifest
    assert (learned / "quality.npz").stat().st_mtime_ns == before


def test_an_ensemble_of_before_knows_nothing_until_it_is_reviewed(learned: Path, make_blobs: Blobs) -> None:
    _without_quality(learned)
    ensemble = load_ensemble(learned)
    found = ensemble.predict(_new(make_blobs))
    assert (found.expected_dice, found.ood_score, found.is_ood, found.ood_map) == (None,) * 4
    assert ensemble.temperature == 1
    assert [problem.code for problem in ensemble.unknown] == ["no-quality"]
    review_ensemble(learned)
    assert load_ensemble(learned).predict(_new(make_blobs)).expected_dice is not None


def test_objects_are_expected_to_overlap_as_those_did_that_looked_like_them(
    learned_once: Path, make_blobs: Blobs
) -> None:
    quality, review, ensemble = _quality(learned_once), load_review(learned_once), load_ensemble(learned_once)
    traits, overlaps = [], []
    for name in review.groups:
        maps = tempered(review.probabilities(name).astype(np.float32), quality.card.temperature)
        winners = maps.argmax(0).astype(np.uint8)
        traits.append(ObjectTraits.of(separate_objects(winners), winners, maps))
        overlaps.append(best_overlaps(separate_objects(winners), winners, review.mask(name)))
    again = ObjectQuality.of(traits, overlaps, list(review.groups.values()))
    assert quality.card.objects == sum(map(len, overlaps))
    assert quality.objects is not None
    assert again is not None
    np.testing.assert_allclose(again.coefficients, quality.objects.coefficients)
    image, truth = (one[0] for one in make_blobs(1, size=128, seed=9))
    prediction = ensemble.predict(image)
    found = ensemble.find_objects(prediction, (0.5, 0.5))
    assert found.table["expected_iou"].between(0, 1).all()
    assert found.table["area_um2"].tolist() == (found.table["area"] / 4).tolist()
    winners = prediction.labels.astype(np.uint8)
    true = best_overlaps(found.labels, winners, truth.astype(np.uint8))
    assert np.corrcoef(found.table["expected_iou"].astype(float), true)[0, 1] > 0.5


def test_nothing_is_expected_of_objects_on_an_image_of_another_kind(learned_once: Path) -> None:
    ensemble = load_ensemble(learned_once)
    y, x = np.mgrid[:128, :128]
    prediction = ensemble.predict((1000 * ((x + y) % 8 < 4)).astype(np.uint16))
    assert prediction.is_ood
    table = ensemble.find_objects(prediction).table
    assert len(table)
    assert table["expected_iou"].isna().all()


def test_quality_of_before_objects_loads_says_so_and_is_made_anew_by_a_review(
    learned: Path, make_blobs: Blobs
) -> None:
    card = json.loads((learned / "quality.json").read_text())
    del card["objects"]
    (learned / "quality.json").write_text(json.dumps(card | {"key": "of before"}))
    with np.load(learned / "quality.npz") as stored:
        arrays = {name: array for name, array in stored.items() if not name.startswith("objects.")}
    np.savez(learned / "quality.npz", **arrays)
    hashes = [
        hashlib.sha256((learned / f"quality.{end}").read_bytes()).hexdigest() for end in ("json", "npz")
    ]
    record = QualityRecord(sha256=hashes[0], arrays_sha256=hashes[1])
    Manifest.load(learned).model_copy(update={"quality": record}).save(learned)
    ensemble, image = load_ensemble(learned), _new(make_blobs)
    prediction = ensemble.predict(image)
    assert prediction.expected_dice is not None
    assert ensemble.find_objects(prediction).table["expected_iou"].isna().all()
    assert any("objects" in problem.found and "review" in problem.remedy for problem in ensemble.unknown)
    review_ensemble(learned)
    ensemble = load_ensemble(learned)
    assert not any("objects" in problem.found for problem in ensemble.unknown)
    assert ensemble.find_objects(prediction).table["expected_iou"].notna().all()


@pytest.mark.parametrize("name", ["quality.json", "quality.npz"])
@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_damaged_file_is_refused_and_mended_by_a_review(learned: Path, name: str, damage: str) -> None:
    path = learned / name
    data = bytearray(path.read_bytes())
    path.unlink()
    if damage == "changed":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(InputError, match="review"):
        load_ensemble(learned)
    review_ensemble(learned)
    load_ensemble(learned)


def test_arrays_that_could_hold_a_program_are_never_opened(learned: Path) -> None:
    """A pickled object with a SHA-256 that fits: somebody changed the manifest too."""
    np.savez(learned / "quality.npz", program=np.array([print], dtype=object))
    manifest = Manifest.load(learned)
    assert manifest.quality is not None
    sha256 = hashlib.sha256((learned / "quality.npz").read_bytes()).hexdigest()
    record = manifest.quality.model_copy(update={"arrays_sha256": sha256})
    manifest.model_copy(update={"quality": record}).save(learned)
    with pytest.raises(InputError, match="does not hold what it should"):
        load_ensemble(learned)


def test_blocks_of_one_image_are_one_group(tmp_path: Path, make_blobs: Blobs, tiny: dict[str, Any]) -> None:
    images, masks = make_blobs(1, size=192)
    folder = tmp_path / "ensemble"
    train_ensemble(images, masks, folder, {**tiny, "data": {"block_margin": 0}})
    quality = _quality(folder)
    assert quality.card.images > 1
    found = load_ensemble(folder).predict(images[0])
    assert found.expected_dice_interval is None
    assert quality.card.unknown


def test_images_that_the_initial_weights_had_learned_teach_nothing(learned: Path) -> None:
    manifest = Manifest.load(learned)
    seen = {member.fold: member.validation_images for member in manifest.members}
    initial = manifest.initial_weights.model_copy(update={"seen": seen})
    again = manifest.model_copy(update={"initial_weights": initial, "quality": None})
    with_quality(learned, again, CPU).save(learned)
    quality = _quality(learned)
    assert (quality.card.images, quality.card.temperature) == (0, 1)
    assert quality.dice is None
    assert quality.likeness is None
    assert quality.objects is None
    assert len(quality.card.unknown) == 3


def test_looking_at_objects_can_be_cancelled(learned: Path) -> None:
    def cancel(step: Progress) -> None:
        if step.task == "quality of objects" and step.done:
            raise Cancelled

    _without_quality(learned)
    before = (learned / "quality.npz").stat().st_mtime_ns
    with pytest.raises(Cancelled):
        with_quality(learned, Manifest.load(learned), CPU, cancel)
    assert (learned / "quality.npz").stat().st_mtime_ns == before
