import csv
import json
import os
import random
import subprocess
import sys
import time
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


@pytest.fixture
def settings(tiny: Settings) -> Settings:
    return {**tiny, "training": {**tiny["training"], "iterations": 6, "learning_rate": 0.002}}


@pytest.fixture
def uninterrupted(tmp_path: Path, make_blobs: Blobs, settings: Settings) -> Path:
    train_ensemble(*make_blobs(3), tmp_path / "uninterrupted", settings)
    return tmp_path / "uninterrupted"


def _content(folder: Path) -> dict[str, object]:
    """Everything that has to be the same, to the bit: all but times and the random name of the run."""
    manifest = json.loads((folder / "ensemble.json").read_text())
    manifest["run"] = None
    with (folder / "history.csv").open(newline="") as stream:
        history = [{**row, "seconds": None} for row in csv.DictReader(stream)]
    members = {path.name: path.read_bytes() for path in sorted(folder.glob("*.pth"))}
    held_out = (folder / "out_of_fold.csv").read_bytes()
    return {"manifest": manifest, "history": history, "held_out": held_out, **members}


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
    assert {path.name for path in out.iterdir()} == {path.name for path in uninterrupted.iterdir()}


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
    assert {path.name for path in out.iterdir()} == {path.name for path in uninterrupted.iterdir()}


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
    tmp_path: Path, make_blobs: Blobs, settings: Settings
) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(Cancelled):
            train_ensemble(*make_blobs(3), tmp_path / "e", settings, _stop_at("fold 1", 3))
        torch.set_num_threads(1)
        seen: set[int] = set()
        ensemble = train_ensemble(
            *make_blobs(3), tmp_path / "e", settings, lambda _: seen.add(torch.get_num_threads()), resume=True
        )
        assert seen == {2}
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert ensemble.notes == ()


def test_a_stop_that_was_asked_for_before_a_crash_does_not_stop_the_resumed_run(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    RunFolder(tmp_path / "e").request_stop()
    assert len(train_ensemble(*make_blobs(2), tmp_path / "e", tiny, resume=True).members) == 2


def test_a_stop_that_was_asked_for_before_the_start_counts(
    tmp_path: Path, make_blobs: Blobs, tiny: Settings
) -> None:
    RunFolder(tmp_path / "e").request_stop()
    with pytest.raises(Cancelled):
        train_ensemble(*make_blobs(2), tmp_path / "e", tiny)
