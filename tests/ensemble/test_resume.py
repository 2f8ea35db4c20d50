import csv
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from napari_deepflash2.ensemble import RunFolder, load_ensemble, train_ensemble
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, Progress

Blobs = Callable[..., tuple[list[np.ndarray], list[np.ndarray]]]
Settings = dict[str, Any]


SETTINGS = {
    "training": {
        "iterations": 6,
        "tile_size": 32,
        "batch_size": 2,
        "models": 2,
        "learning_rate": 0.002,
        "ema": 0.9,
    },
    "prediction": {"tile_size": 64, "test_time_augmentation": "none"},
}


@pytest.fixture
def settings() -> Settings:
    return SETTINGS


@pytest.fixture(scope="session")
def uninterrupted_once(tmp_path_factory: pytest.TempPathFactory, make_blobs: Blobs) -> Path:
    folder = tmp_path_factory.mktemp("resume") / "uninterrupted"
    train_ensemble(*make_blobs(3), folder, SETTINGS)
    return folder


@pytest.fixture
def uninterrupted(uninterrupted_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(uninterrupted_once, tmp_path / "uninterrupted"))


def _content(folder: Path) -> dict[str, object]:
    """Everything that has to be the same, to the bit: all but times and the random name of the run."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    del files["events.jsonl"]
    content: dict[str, object] = {name: path.read_bytes() for name, path in files.items()}
    content["ensemble.json"] = {**json.loads(files["ensemble.json"].read_text()), "run": None}
    with files["history.csv"].open(newline="") as stream:
        content["history.csv"] = [{**row, "seconds": None} for row in csv.DictReader(stream)]
    return content


def _stop_at(task: str, done: int) -> Callable[[Progress], None]:
    def stop(progress: Progress) -> None:
        if (progress.task, progress.done) == (task, done):
            raise Cancelled

    return stop


@pytest.mark.parametrize(
    "stops",
    [
        [("fold 1", 1)],
        [("fold 1", 4), ("fold 1", 5), ("fold 2", 2)],
        [("validate", 0)],
        [("validate", 1), ("fold 2", 6)],
    ],
)
def test_a_resumed_training_equals_an_uninterrupted_one_to_the_bit(
    tmp_path: Path, make_blobs: Blobs, settings: Settings, uninterrupted: Path, stops: list[tuple[str, int]]
) -> None:
    out = tmp_path / "stopped"
    for number, stop in enumerate(stops):
        with pytest.raises(Cancelled):
            train_ensemble(*make_blobs(3), out, settings, _stop_at(*stop), resume=number > 0)
    train_ensemble(*make_blobs(3), out, settings, resume=True)
    assert _content(out) == _content(uninterrupted)


_RUN = """
import sys
import numpy as np
from napari_deepflash2.ensemble import loop, train_ensemble
loop._SECONDS_BETWEEN_CHECKPOINTS = 0
data = np.load(sys.argv[1])
train_ensemble(list(data["images"]), list(data["masks"]), sys.argv[2], sys.argv[3], resume=True)
"""


def test_a_killed_training_is_resumed_to_the_bit(
    tmp_path: Path, make_blobs: Blobs, settings: Settings, uninterrupted: Path
) -> None:
    from napari_deepflash2.config import Configuration

    images, masks = make_blobs(3)
    np.savez(tmp_path / "data.npz", images=images, masks=masks)
    Configuration.of(settings).save(tmp_path / "settings.toml")
    out = tmp_path / "killed"
    command = [
        sys.executable,
        "-c",
        _RUN,
        *map(str, (tmp_path / "data.npz", out, tmp_path / "settings.toml")),
    ]
    chance = random.Random(0)
    for _ in range(2):
        seen = len(RunFolder(out).events())
        process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        wanted = seen + chance.randint(4, 14)
        while len(RunFolder(out).events()) < wanted and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.wait()
        assert not RunFolder(out).is_alive()
    train_ensemble(images, masks, out, settings, resume=True)
    kinds = [event["kind"] for event in RunFolder(out).events()]
    assert (kinds.count("start"), kinds.count("finished")) == (3, 1), "each kill came in the middle of a run"
    assert _content(out) == _content(uninterrupted)


def test_finished_members_are_not_trained_again(
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    out = tmp_path / "e"
    with pytest.raises(Cancelled):
        train_ensemble(*make_blobs(3), out, settings, _stop_at("fold 2", 1))
    seen: list[Progress] = []
    train_ensemble(*make_blobs(3), out, settings, seen.append, resume=True)
    assert "fold 1" not in {progress.task for progress in seen}
    assert [e["finished"] for e in RunFolder(out).events() if e["kind"] == "start"] == [[], [1]]


def test_resuming_a_finished_run_changes_nothing(
    make_blobs: Blobs, settings: Settings, uninterrupted: Path
) -> None:
    before = _content(uninterrupted)
    ensemble = train_ensemble(*make_blobs(3), uninterrupted, settings, resume=True)
    assert _content(uninterrupted) == before
    assert len(ensemble.members) == 2


def test_a_damaged_member_is_trained_again(
    make_blobs: Blobs, settings: Settings, uninterrupted: Path
) -> None:
    before = _content(uninterrupted)
    (uninterrupted / "unet_deepflash2_model-2.pth").write_bytes(b"damaged")
    train_ensemble(*make_blobs(3), uninterrupted, settings, resume=True)
    assert _content(uninterrupted) == before


def test_resuming_where_nothing_is_begins(tmp_path: Path, make_blobs: Blobs, tiny: Settings) -> None:
    assert len(train_ensemble(*make_blobs(2), tmp_path / "new", tiny, resume=True).members) == 2


def test_b5_a_single_flipped_bit_of_an_image_is_noticed(
    make_blobs: Blobs, settings: Settings, uninterrupted: Path
) -> None:
    images, masks = make_blobs(3)
    images[1][5, 7] ^= 1
    with pytest.raises(InputError) as caught:
        train_ensemble(images, masks, uninterrupted, settings, resume=True)
    assert [problem.found for problem in caught.value.problems] == [
        "image 0002 was other values when the run began and is changed now"
    ]


def test_changed_data_and_settings_are_refused_with_all_differences(
    make_blobs: Blobs, settings: Settings, uninterrupted: Path
) -> None:
    images, masks = make_blobs(4)
    images[1] = images[1] + 1
    masks[2] = 1 - masks[2]
    changed = {
        "training": {**settings["training"], "learning_rate": 0.01, "augmentation": {"zoom": 0.3}},
        "prediction": settings["prediction"],
    }
    before = _content(uninterrupted)
    with pytest.raises(InputError) as caught:
        train_ensemble(images, masks, uninterrupted, changed, resume=True)
    said = [problem.found.split(" was ")[0] for problem in caught.value.problems]
    assert said == [
        "training.learning_rate",
        "training.augmentation.zoom",
        "image 0002",
        "image 0004",
        "mask 0003",
        "mask 0004",
    ]
    assert "training.learning_rate was 0.002 when the run began and is 0.01 now" in str(caught.value)
    assert _content(uninterrupted) == before


def test_another_machine_or_version_is_noted(
    make_blobs: Blobs, settings: Settings, uninterrupted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = json.loads((uninterrupted / "ensemble.json").read_text())
    manifest["versions"]["torch"] = "2.9.0"
    manifest["environment"]["machine"] = "abacus"
    manifest["members"] = manifest["members"][:1]
    (uninterrupted / "ensemble.json").write_text(json.dumps(manifest))
    train_ensemble(*make_blobs(3), uninterrupted, settings, resume=True)
    notes = [str(note) for note in load_ensemble(uninterrupted).notes]
    assert any("torch was 2.9.0 when the run began" in note for note in notes)
    assert any("machine was abacus when the run began" in note for note in notes)
    assert "torch was 2.9.0" in caplog.text


def test_g14_a_run_is_resumed_with_the_threads_it_began_with(
    make_blobs: Blobs, settings: Settings, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = json.loads((uninterrupted / "ensemble.json").read_text())
    manifest["environment"]["threads"] = 7
    (uninterrupted / "ensemble.json").write_text(json.dumps(manifest))
    threads = [torch.get_num_threads()]
    monkeypatch.setattr("torch.set_num_threads", threads.append)
    monkeypatch.setattr("torch.get_num_threads", lambda: threads[-1])
    ensemble = train_ensemble(*make_blobs(3), uninterrupted, settings, resume=True)
    assert threads == [threads[0], 7, threads[0]]
    assert ensemble.notes == ()


def test_g15_a_run_of_a_newer_version_is_not_resumed(
    make_blobs: Blobs, settings: Settings, uninterrupted: Path
) -> None:
    manifest = json.loads((uninterrupted / "ensemble.json").read_text())
    changed = json.dumps({**manifest, "schema_version": 99})
    (uninterrupted / "ensemble.json").write_text(changed)
    with pytest.raises(InputError, match="schema version 99"):
        train_ensemble(*make_blobs(3), uninterrupted, settings, resume=True)
    assert (uninterrupted / "ensemble.json").read_text() == changed


def test_a_stop_that_was_asked_for_before_a_crash_does_not_stop_the_resumed_run(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    RunFolder(tmp_path / "e").request_stop()
    assert len(train_ensemble(*make_blobs(2), tmp_path / "e", tiny, resume=True).members) == 2


def test_a_stop_while_files_are_read_ends_at_the_next_file(tmp_path: Path, make_blobs: Blobs) -> None:
    for folder, arrays in zip(("images", "masks"), make_blobs(3), strict=True):
        (tmp_path / folder).mkdir()
        for number, array in enumerate(arrays):
            tifffile.imwrite(tmp_path / folder / f"{number}.tif", array)
    seen: list[Progress] = []

    def stop(progress: Progress) -> None:
        seen.append(progress)
        RunFolder(tmp_path / "e").request_stop()

    with pytest.raises(Cancelled):
        train_ensemble(tmp_path / "images", tmp_path / "masks", tmp_path / "e", SETTINGS, stop)
    assert [(progress.task, progress.done, progress.total) for progress in seen] == [("read", 1, 3)]
    assert RunFolder(tmp_path / "e").events()[-1]["kind"] == "stopped"


def test_a_stop_that_was_asked_for_before_the_start_counts(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    RunFolder(tmp_path / "e").request_stop()
    with pytest.raises(Cancelled):
        train_ensemble(*make_blobs(2), tmp_path / "e", tiny)
