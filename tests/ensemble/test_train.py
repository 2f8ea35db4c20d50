import csv
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_deepflash2.ensemble import RunFolder, load_ensemble, train_ensemble
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
Settings = dict[str, Any]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _with(settings: Settings, **training: object) -> Settings:
    return {**settings, "training": {**settings["training"], **training}}


def test_an_ensemble_learns_and_tells_how_well(trained_once: Path, make_blobs: Blobs) -> None:
    ensemble = load_ensemble(trained_once)
    assert [member.fold for member in ensemble.members] == [1, 2]
    assert [member.file for member in ensemble.members] == [
        "unet_deepflash2_model-1.pth",
        "unet_deepflash2_model-2.pth",
    ]
    assert min(ensemble.held_out_dice.values()) > 0.6
    assert ensemble.classes == (0, 1)
    assert ensemble.notes == ()
    images, masks = make_blobs(1, seed=9)
    labels = ensemble.predict(images[0]).labels
    assert 2 * (labels * masks[0]).sum() / (labels.sum() + masks[0].sum()) > 0.6


def test_no_image_is_trained_and_validated_on_by_one_member(trained_once: Path) -> None:
    ensemble = load_ensemble(trained_once)
    for member in ensemble.members:
        assert not set(member.training_images) & set(member.validation_images)
        assert sorted(member.training_images + member.validation_images) == ["0001", "0002", "0003", "0004"]


def test_the_tables_say_how_training_went(trained_once: Path) -> None:
    history = _rows(trained_once / "history.csv")
    assert list(history[0]) == ["fold", "epoch", "iteration", "loss", "val_loss", "val_dice", "lr", "seconds"]
    ensemble = load_ensemble(trained_once)
    for fold, best in ensemble.held_out_dice.items():
        rows = [row for row in history if row["fold"] == str(fold)]
        assert [int(row["iteration"]) for row in rows] == list(range(1, 31))
        assert max(float(row["val_dice"]) for row in rows if row["val_dice"]) == best
        assert float(rows[-1]["loss"]) < 0.7 * float(rows[0]["loss"])
    held_out = _rows(trained_once / "out_of_fold.csv")
    folds = {image: str(member.fold) for member in ensemble.members for image in member.validation_images}
    assert [(row["image"], row["fold"]) for row in held_out] == [
        (image, folds.get(image, "")) for image in ("0001", "0002", "0003", "0004")
    ]


def test_a_watcher_sees_the_whole_run(trained_once: Path) -> None:
    events = RunFolder(trained_once).events()
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "start"
    assert kinds[-1] == "finished"
    assert kinds.count("epoch") == 60
    steps = [e for e in events if e["kind"] == "progress" and e["task"] == "fold 2"]
    assert (steps[-1]["done"], steps[-1]["total"]) == (30, 30)
    assert not RunFolder(trained_once).is_alive()


def test_nothing_is_left_over(trained_once: Path) -> None:
    assert sorted(path.name for path in trained_once.iterdir()) == [
        "ensemble.json",
        "events.jsonl",
        "history.csv",
        "label_check.csv",
        "out_of_fold",
        "out_of_fold.csv",
        "preview",
        "quality.json",
        "quality.npz",
        "reliability.csv",
        "unet_deepflash2_model-1.pth",
        "unet_deepflash2_model-2.pth",
    ]


def test_the_same_seed_gives_the_same_bytes_and_leaves_other_random_numbers_alone(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.manual_seed(7)
        np.random.seed(7)  # noqa: NPY002 - the global state is what is looked at
        train_ensemble(*make_blobs(3), tmp_path / name, _with(tiny, random_state=seed, models=1))
        assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(7)))
        assert np.random.rand() == np.random.RandomState(7).rand()  # noqa: NPY002
    a, b, c = ((tmp_path / n / "unet_deepflash2_model-1.pth").read_bytes() for n in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("architecture", "loss", "normalisation"),
    [("basic_unet", "focal", "image"), ("segresnet", "tversky", "training")],
)
def test_other_networks_train_too(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, architecture: str, loss: str, normalisation: str
) -> None:
    settings = _with(tiny, architecture=architecture, loss=loss, normalisation=normalisation, models=1)
    images, masks = make_blobs(2, channels=3)
    ensemble = train_ensemble(images, masks, tmp_path / "e", settings)
    assert ensemble.members[0].file == f"{architecture}_deepflash2_model-1.pth"
    assert ensemble.channels == 3
    assert np.isfinite(ensemble.predict(images[0]).score)


def test_original_class_values_come_back(tmp_path: Path, make_blobs: Blobs, tiny: Settings) -> None:
    images, masks = make_blobs(2)
    ensemble = train_ensemble(images, [mask * 255 for mask in masks], tmp_path / "e", tiny)
    assert ensemble.classes == (0, 255)
    assert set(np.unique(ensemble.predict(images[0]).labels)) <= {0, 255}


def test_images_smaller_than_a_tile_and_an_empty_mask_are_fine(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    images, masks = make_blobs(3, size=20)
    masks[1][:] = 0
    ensemble = train_ensemble(images, masks, tmp_path / "e", _with(tiny, models=3))
    assert all(0 <= dice <= 1 for dice in ensemble.held_out_dice.values())
    assert len(_rows(tmp_path / "e" / "out_of_fold.csv")) == 3


def test_a_batch_larger_than_the_set_is_fine(tmp_path: Path, make_blobs: Blobs, tiny: Settings) -> None:
    ensemble = train_ensemble(*make_blobs(2), tmp_path / "e", _with(tiny, batch_size=7, iterations=1))
    assert len(ensemble.members) == 2


def test_from_folders(tmp_path: Path, make_blobs: Blobs, tiny: Settings) -> None:
    import tifffile

    for folder, suffix, arrays in zip(("images", "masks"), ("", "_mask"), make_blobs(2), strict=True):
        (tmp_path / folder).mkdir()
        for name, array in zip("ab", arrays, strict=True):
            tifffile.imwrite(tmp_path / folder / f"{name}{suffix}.tif", array)
    ensemble = train_ensemble(tmp_path / "images", tmp_path / "masks", tmp_path / "e", tiny)
    assert {member.validation_images for member in ensemble.members} == {("a",), ("b",)}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"random_state": -1}, "random_state"),
        ({"random_state": 2**64}, "random_state"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": 1e9}, "learning_rate"),
        ({"iterations": 0}, "iterations"),
        ({"tile_size": 100}, "tile_size"),
        ({"architecture": "unex50"}, "unex50"),
    ],
)
def test_settings_out_of_range_are_refused(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, settings: Settings, named: str
) -> None:
    with pytest.raises(InputError, match=named):
        train_ensemble(*make_blobs(2), tmp_path / "e", _with(tiny, **settings))


def test_seed_zero_is_a_seed(tmp_path: Path, make_blobs: Blobs, tiny: Settings) -> None:
    train_ensemble(*make_blobs(2), tmp_path / "e", _with(tiny, random_state=0, models=1))


def test_data_that_cannot_be_trained_on_is_refused_with_every_reason(
    tmp_path: Path, make_blobs: Blobs
) -> None:
    images, masks = make_blobs(4)
    with pytest.raises(InputError, match="4 images and 3 masks"):
        train_ensemble(images, masks[:3], tmp_path / "e")
    with pytest.raises(InputError, match="too few for two blocks"):
        train_ensemble(images[:1], masks[:1], tmp_path / "e")
    with pytest.raises(InputError, match="there are none"):
        train_ensemble([], [], tmp_path / "e")
    with pytest.raises(InputError, match="two folders or two lists"):
        train_ensemble(tmp_path, masks, tmp_path / "e")
    with pytest.raises(InputError) as caught:
        train_ensemble(images, [masks[0], masks[1][:-1], masks[2], masks[3][:, 1:]], tmp_path / "e")
    assert [p.where for p in caught.value.problems] == ["mask 0002", "mask 0004"]
    assert RunFolder(tmp_path / "e").events()[-1]["kind"] == "failed"


def test_a_folder_with_other_things_or_an_ensemble_is_refused(
    tmp_path: Path, trained: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").touch()
    with pytest.raises(InputError, match=r"holds other files \(thesis.docx\)"):
        train_ensemble(*make_blobs(2), tmp_path / "mine", tiny)
    with pytest.raises(InputError, match="already holds an ensemble"):
        train_ensemble(*make_blobs(2), trained, tiny)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        train_ensemble(*make_blobs(2), tmp_path / "file", tiny)


def test_a_folder_that_cannot_be_written_is_said_before_anything_runs(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", read_only)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\)"):
        train_ensemble(*make_blobs(2), tmp_path, tiny)


def test_a_folder_that_another_run_holds_is_refused(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    def train_again(_: Progress) -> None:
        train_ensemble(*make_blobs(2), tmp_path / "e", tiny, resume=True)

    with pytest.raises(InputError, match="another run writes to this folder"):
        train_ensemble(*make_blobs(2), tmp_path / "e", tiny, train_again)


def test_too_little_room_on_the_disk_is_said_before_anything_runs(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(InputError, match=r"\d+ MiB are missing on its disk"):
        train_ensemble(*make_blobs(2), tmp_path / "e", tiny)


def test_a_disk_that_fills_up_is_said_and_what_was_saved_stays(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("napari_deepflash2.ensemble.checkpoint.Checkpoints.save", full)
        with pytest.raises(InputError, match=r"no space left.*Make room, then resume"):
            train_ensemble(*make_blobs(2), tmp_path / "e", tiny)
    assert RunFolder(tmp_path / "e").events()[-1]["kind"] == "failed"
    assert len(train_ensemble(*make_blobs(2), tmp_path / "e", tiny, resume=True).members) == 2


@pytest.mark.parametrize("by_file", [True, False])
def test_a_stop_ends_within_one_batch_and_keeps_the_best_weights(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, by_file: bool
) -> None:
    seen: list[Progress] = []

    def stop_at_three(progress: Progress) -> None:
        seen.append(progress)
        if progress.task == "fold 1" and progress.done == 3:
            if not by_file:
                raise Cancelled
            RunFolder(tmp_path / "e").request_stop()

    with pytest.raises(Cancelled):
        train_ensemble(*make_blobs(4), tmp_path / "e", tiny, stop_at_three)
    assert seen[-1].done == 3
    run = RunFolder(tmp_path / "e")
    assert run.events()[-1]["kind"] == "stopped"
    assert not run.is_alive()
    assert not run.stop_is_requested()
    ensemble = load_ensemble(tmp_path / "e")
    assert [member.finished for member in ensemble.members] == [False]
    assert "0 of 2 models are trained to the end" in str(ensemble.notes[0])
    ensemble.predict(make_blobs(1)[0][0])


def test_the_manifest_says_where_the_ensemble_comes_from(trained_once: Path) -> None:
    manifest = json.loads((trained_once / "ensemble.json").read_text())
    assert manifest["versions"]["torch"] == torch.__version__
    assert manifest["environment"] == {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "machine": manifest["environment"]["machine"],
    }
    assert set(manifest["image_hashes"]) == set(manifest["mask_hashes"]) == {"0001", "0002", "0003", "0004"}
    assert manifest["configuration"]["training"]["iterations"] == 30


def test_notes_about_the_data_are_logged(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    images, masks = make_blobs(2)
    with caplog.at_level(logging.INFO, "napari_deepflash2"):
        train_ensemble(images, [mask * 255 for mask in masks], tmp_path / "e", _with(tiny, models=1))
    assert any("255" in record.getMessage() for record in caplog.records)
