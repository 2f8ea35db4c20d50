"""A preview network: made from an ensemble, kept with it, and marked in all that it says."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deepflash2 import Configuration, distil_student, load_ensemble
from napari_deepflash2.data.lazy_image import LazyImage, LazyPlane
from napari_deepflash2.ensemble import load_student
from napari_deepflash2.ensemble.manifest import Manifest
from napari_deepflash2.ensemble.student import Student
from napari_deepflash2.ensemble.student_distilling import LEARNING, TEACHING
from napari_deepflash2.ensemble.student_images import GivenImage
from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction.canvas import Region
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]

FEW = {"student": {"iterations": 2}}


@pytest.fixture(scope="module")
def distilled_once(trained_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble with a preview network that has learned a little; not to be changed."""
    folder = Path(shutil.copytree(trained_once, tmp_path_factory.mktemp("distilled") / "ensemble"))
    distil_student(folder, config={"student": {"iterations": 60}})
    return folder


@pytest.fixture
def distilled(distilled_once: Path, tmp_path: Path) -> Path:
    """Copy it, under another name, for a test to spoil."""
    return Path(shutil.copytree(distilled_once, tmp_path / "renamed"))


def _student(folder: Path) -> Student:
    student = load_ensemble(folder).student
    assert student is not None
    return student


def _card(folder: Path) -> dict[str, object]:
    content = json.loads((folder / "preview_network" / "student.json").read_text())["card"]
    assert isinstance(content, dict)
    return content


def _write_card(folder: Path, content: dict[str, object]) -> None:
    """Write a card that vouches for itself, as somebody would who means harm."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    text = json.dumps({"sha256": digest, "card": content})
    (folder / "preview_network" / "student.json").write_text(text)


def test_it_says_about_what_the_ensemble_says_and_is_marked_as_a_preview(
    distilled_once: Path, make_blobs: Blobs
) -> None:
    ensemble = load_ensemble(distilled_once)
    image = make_blobs(1, size=64, seed=7)[0][0]
    found, full = _student(distilled_once).predict(image, name="a.tif"), ensemble.predict(image)
    assert (found.labels == full.labels).mean() > 0.9
    assert found.probabilities.shape == (2, 64, 64)
    np.testing.assert_allclose(found.probabilities.sum(0), 1, atol=1e-5)
    assert (found.epistemic <= found.uncertainty + 1e-6).all()
    assert (found.expected_dice, found.is_ood, found.ood_score, found.ood_map) == (None,) * 4
    note = found.notes[0]
    assert (note.code, note.where) == ("student", "a.tif")
    assert "one network distilled from 2 models, not the ensemble" in note.found
    assert f"{_student(distilled_once).card.fidelity.dice:.3f}" in note.found


def test_an_ensemble_without_one_says_so(trained_once: Path) -> None:
    assert load_ensemble(trained_once).student is None


def test_it_is_loaded_once_and_a_new_one_is_seen(distilled: Path) -> None:
    ensemble = load_ensemble(distilled)
    assert ensemble.student is ensemble.student
    new = distil_student(distilled, config=FEW)
    assert ensemble.student is not None
    assert ensemble.student.card == new.card
    (weights,) = (distilled / "preview_network").glob("*.safetensors")
    assert weights.name == new.card.weights


def test_the_same_seed_gives_the_same_bits(trained: Path) -> None:
    first, second = (distil_student(trained, config=FEW).card.sha256 for _ in range(2))
    assert first == second
    other = distil_student(trained, config=FEW | {"training": {"random_state": 1}})
    assert other.card.sha256 != first


def test_making_one_leaves_the_random_numbers_of_others_alone(trained: Path) -> None:
    import torch

    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    distil_student(trained, config=FEW)
    assert torch.equal(torch.rand(3), expected)


def test_it_learns_from_images_without_masks(trained: Path, tmp_path: Path, make_blobs: Blobs) -> None:
    images = make_blobs(3, seed=5)[0]
    for number, image in enumerate(images):
        tifffile.imwrite(tmp_path / f"{number}.tif", image)
    of_folder = distil_student(trained, tmp_path, FEW)
    assert of_folder.card.images == 2
    assert of_folder.card.fidelity.images == 1
    of_files = distil_student(trained, sorted(tmp_path.glob("*.tif")), FEW)
    assert of_files.card.sha256 == of_folder.card.sha256
    assert distil_student(trained, images, FEW).card.images == 2


def test_a_stack_is_divided_by_planes_and_a_single_image_by_a_line(
    trained: Path, tmp_path: Path, make_blobs: Blobs
) -> None:
    planes = make_blobs(5, seed=5)[0]
    tifffile.imwrite(tmp_path / "stack.tif", np.stack(planes), metadata={"axes": "ZYX"})
    card = distil_student(trained, tmp_path / "stack.tif", FEW).card
    assert (card.images, card.fidelity.images) == (4, 1)
    card = distil_student(trained, [planes[0]], FEW).card
    assert (card.images, card.fidelity.images) == (1, 1)


def test_no_more_is_predicted_than_is_asked_for(trained: Path, make_blobs: Blobs) -> None:
    images = make_blobs(8, size=100, seed=5)[0]
    card = distil_student(trained, images, {"student": {"iterations": 1, "megapixels": 0.025}}).card
    assert card.images + card.fidelity.images == 3


def test_without_images_the_ensembles_own_are_asked_for(trained: Path) -> None:
    shutil.rmtree(trained / "out_of_fold")
    with pytest.raises(InputError, match=r"keeps none of the images .* --images DIR"):
        distil_student(trained, config=FEW)


def test_every_image_that_cannot_be_used_is_named(trained: Path, make_blobs: Blobs) -> None:
    colour, nothing = np.zeros((9, 9, 3)), np.full((9, 9), np.nan)
    with pytest.raises(InputError) as caught:
        distil_student(trained, [make_blobs(1)[0][0], colour, nothing], FEW)
    assert {problem.where for problem in caught.value.problems} == {"image 0002", "image 0003"}
    with pytest.raises(InputError, match="there are none"):
        distil_student(trained, [], FEW)


@pytest.mark.parametrize("task", [TEACHING, LEARNING])
def test_a_cancelled_one_leaves_the_earlier_one(distilled: Path, task: str) -> None:
    before = _student(distilled).card

    def stop(progress: Progress) -> None:
        if progress.task == task:
            raise Cancelled

    with pytest.raises(Cancelled):
        distil_student(distilled, config=FEW, progress=stop)
    assert _student(distilled).card == before


def test_an_ensemble_that_was_trained_on_since_makes_it_out_of_date(distilled: Path) -> None:
    manifest = Manifest.load(distilled)
    manifest.model_copy(update={"members": manifest.members[:1], "planned": 1}).save(distilled)
    (distilled / manifest.members[1].file).unlink()
    ensemble = load_ensemble(distilled)
    with pytest.raises(InputError, match="out of date") as caught:
        ensemble.student  # noqa: B018
    assert caught.value.problems[0].code == "student-outdated"
    assert "napari-deepflash2 distil" in caught.value.problems[0].remedy


def test_one_of_another_ensemble_is_refused(distilled: Path) -> None:
    manifest = Manifest.load(distilled)
    manifest.model_copy(update={"run": "another"}).save(distilled)
    with pytest.raises(InputError, match="another ensemble"):
        _student(distilled)


@pytest.mark.parametrize("what", ["card", "weights", "no weights", "rubbish"])
def test_a_damaged_one_is_refused_and_the_ensemble_still_predicts(
    distilled: Path, what: str, make_blobs: Blobs
) -> None:
    folder = distilled / "preview_network"
    (weights,) = folder.glob("*.safetensors")
    if what == "card":
        text = (folder / "student.json").read_text()
        (folder / "student.json").write_text(text.replace('"iterations": 60', '"iterations": 61'))
    elif what == "weights":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    elif what == "no weights":
        weights.unlink()
    else:
        (folder / "student.json").write_text("[" * 9999)
    ensemble = load_ensemble(distilled)
    with pytest.raises(InputError):
        ensemble.student  # noqa: B018
    ensemble.predict(make_blobs(1)[0][0])


@pytest.mark.parametrize("name", ["../member.safetensors", "member.pth", "/etc/a.safetensors"])
def test_a_card_never_leads_out_of_its_folder_or_to_another_format(distilled: Path, name: str) -> None:
    _write_card(distilled, _card(distilled) | {"weights": name})
    with pytest.raises(InputError, match="weights: "):
        _student(distilled)


def test_a_card_of_a_newer_version_is_refused(distilled: Path) -> None:
    _write_card(distilled, _card(distilled) | {"schema_version": 2})
    with pytest.raises(InputError, match="Install a newer"):
        _student(distilled)


def test_pixels_of_another_size_are_brought_to_the_ensembles(distilled: Path, make_blobs: Blobs) -> None:
    manifest = Manifest.load(distilled)
    config = manifest.configuration.replace("data", target_pixel_size=1.0)
    manifest.model_copy(update={"configuration": config}).save(distilled)
    image, student = make_blobs(1)[0][0], _student(distilled)
    twice = image.repeat(2, 0).repeat(2, 1)
    found = student.predict(twice, pixel_size=(0.5, 0.5))
    assert found.labels.shape == (96, 96)
    expected = student.predict(image, pixel_size=(1, 1)).labels
    assert (found.labels[::2, ::2] == expected).mean() > 0.97
    with pytest.raises(InputError, match="does not say its pixel size"):
        student.predict(image)


def test_settings_are_those_of_the_ensemble_unless_given(distilled: Path, make_blobs: Blobs) -> None:
    student, image = _student(distilled), make_blobs(1, size=96, seed=4)[0][0]
    small = Configuration().prediction.model_copy(update={"tile_size": 32})
    assert not np.array_equal(
        student.predict(image).probabilities, student.predict(image, small).probabilities
    )


def test_a_region_is_predicted_as_in_the_whole_image_and_grows(
    distilled_once: Path, make_blobs: Blobs
) -> None:
    image = make_blobs(1, size=200, seed=4)[0][0]
    config = Configuration().prediction.model_copy(update={"tile_size": 64})
    student, region = _student(distilled_once), Region(30, 120, 50, 170)
    lazy = LazyImage("a", image, "YX", image.shape, (1.0, 1.0), ("", ""), (0.0, 0.0))
    grown: list[Region] = []
    found = student.predict_region(LazyPlane(lazy), region, lambda part, _: grown.append(part), config=config)
    whole = student.predict(image, config)
    np.testing.assert_allclose(found.probabilities, whole.probabilities[:, *region.slices], atol=1e-5)
    np.testing.assert_allclose(found.epistemic, whole.epistemic[region.slices], atol=1e-5)
    assert len(grown) > 1
    assert found.notes[0].code == "student"


def test_it_can_be_loaded_without_the_models(distilled: Path, make_blobs: Blobs) -> None:
    image = make_blobs(1, seed=7)[0][0]
    expected = _student(distilled).predict(image).probabilities
    for path in distilled.glob("*.pth"):
        path.unlink()
    student = load_student(distilled)
    assert student is not None
    np.testing.assert_array_equal(student.predict(image).probabilities, expected)
    shutil.rmtree(distilled / "preview_network")
    assert load_student(distilled) is None


def test_images_are_read_when_their_turn_comes(trained: Path, make_blobs: Blobs) -> None:
    read: list[int] = []

    def image(number: int) -> np.ndarray:
        read.append(number)
        return make_blobs(1, size=100, seed=number)[0][0]

    given = [GivenImage(f"{number}", f"{number}", None, partial(image, number)) for number in range(9)]
    card = distil_student(trained, given, {"student": {"iterations": 1, "megapixels": 0.02}}).card
    assert len(read) == card.images + card.fidelity.images == 2
