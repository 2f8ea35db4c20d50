import os
import shutil
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2.config import Configuration
from napari_deepflash2.ensemble import load_ensemble
from napari_deepflash2.ensemble.manifest import Manifest
from napari_deepflash2.ensemble.run import EventLog, RunFolder
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, ignore_progress
from napari_deepflash2.viewer import training
from napari_deepflash2.viewer.pairs import make_pair, pair_with_experts
from napari_deepflash2.viewer.recent import last_run, remember_run
from napari_deepflash2.viewer.training import (
    TrainingRun,
    can_resume,
    refuse_used,
    resume,
    start,
)
from napari_deepflash2.viewer.training_data import take_pairs

SECONDS = 180


@pytest.fixture
def taken():
    viewer = ViewerModel()
    masks = np.zeros((2, 48, 48), np.uint8)
    masks[:, 12:36, 12:36] = 1
    image = viewer.add_image(np.random.default_rng(0).normal(masks * 50.0, 10))
    return take_pairs([make_pair(image, viewer.add_labels(masks))])


def _config(iterations):
    return Configuration().replace(
        "training", models=2, iterations=iterations, tile_size=32, batch_size=2, max_splits=2
    )


def _until(run, is_so):
    end = time.monotonic() + SECONDS
    while not is_so(run.poll()):
        assert time.monotonic() < end, run.state
        time.sleep(0.1)
    return run.state


def test_an_ensemble_is_trained_in_a_process_of_its_own(taken, tmp_path):
    run = start(taken, tmp_path / "ensemble", _config(2), ignore_progress)
    state = _until(run, lambda state: state.has_ended)
    assert state.phase == "finished", state.message
    ensemble = load_ensemble(tmp_path / "ensemble")
    assert ensemble.held_out_dice == state.held_out_dice
    assert ensemble.config.training.tile_size == 32
    assert not can_resume(tmp_path / "ensemble")
    with pytest.raises(InputError, match="is not empty"):
        start(taken, tmp_path / "ensemble", _config(2), ignore_progress)


def test_a_run_learns_from_experts_and_keeps_groups_together(tmp_path):
    viewer = ViewerModel()
    pairs = []
    for number, group in enumerate(("mouse", "mouse", "rat")):
        mask = np.zeros((48, 48), np.uint8)
        mask[12:36, 12 : 30 + number] = 1
        image = viewer.add_image(np.random.default_rng(number).normal(mask * 50.0, 10), name=f"img{number}")
        experts = [viewer.add_labels(np.roll(mask, shift, 0), name=n) for shift, n in enumerate("AB")]
        for expert, name in zip(experts, "AB", strict=True):
            expert.name = f"img{number} {name}"
        pairs.append(replace(pair_with_experts(image, experts), group=group))
    run = start(take_pairs(pairs), tmp_path / "ensemble", _config(2), ignore_progress)
    state = _until(run, lambda state: state.has_ended)
    assert state.phase == "finished", state.message
    manifest = Manifest.load(tmp_path / "ensemble")
    assert manifest.experts == {f"000{n + 1}_img{n}": ("A", "B") for n in range(3)}
    assert sorted(manifest.groups.values()) == ["mouse", "mouse", "rat"]
    assert manifest.folds["0001_img0"] == manifest.folds["0002_img1"] != manifest.folds["0003_img2"]


def test_a_run_is_found_again_stopped_and_resumed(taken, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "ensemble"
    assert last_run() is None
    run = start(taken, folder, _config(100_000), ignore_progress)
    remember_run(folder)
    _until(run, lambda state: state.progress is not None)
    found = last_run()
    assert found.folder == folder
    assert found.is_alive()
    for action in (
        lambda: start(taken, folder, _config(2), ignore_progress),
        lambda: resume(folder, ignore_progress),
    ):
        with pytest.raises(InputError, match="another run"):
            action()
    found.stop()
    assert _until(found, lambda state: state.has_ended).phase == "stopped"
    _until(run, lambda _: not run.is_alive())
    assert last_run() is None
    assert can_resume(folder)
    done = run.state.progress.done
    again = resume(folder, ignore_progress)
    _until(again, lambda state: state.phase == "running" and state.progress.done > done)
    again.stop()
    assert _until(again, lambda state: state.has_ended).phase == "stopped"


def test_a_run_that_dies_says_its_last_words(taken, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "python_executable", lambda: _dying(tmp_path))
    run = start(taken, tmp_path / "ensemble", _config(2), ignore_progress)
    state = _until(run, lambda state: state.has_ended)
    assert state.phase == "failed"
    assert "The last it said: out of memory, sorry" in state.message


def _dying(folder, words="echo out of memory, sorry"):
    script = folder / "python-that-dies"
    script.write_text(f"#!/bin/sh\n{words}\nexit 1\n")
    script.chmod(0o755)
    return str(script)


def test_g8_a_run_that_is_killed_says_so_and_is_resumed(taken, tmp_path):
    folder = tmp_path / "ensemble"
    run = start(taken, folder, _config(100_000), ignore_progress)
    _until(run, lambda state: state.progress is not None)
    os.kill(RunFolder(folder).owner()["pid"], signal.SIGKILL)
    state = _until(run, lambda state: state.has_ended)
    assert state.phase == "failed"
    assert "ended from outside" in state.message
    assert can_resume(folder)
    again = resume(folder, ignore_progress)
    _until(again, lambda state: state.phase == "running" and state.progress is not None)
    again.stop()
    assert _until(again, lambda state: state.has_ended).phase == "stopped"


def test_g11_a_folder_that_vanishes_is_said_to_be_gone(taken, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "python_executable", lambda: _dying(tmp_path))
    run = start(taken, tmp_path / "ensemble", _config(2), ignore_progress)
    shutil.rmtree(tmp_path / "ensemble")
    state = _until(run, lambda state: state.has_ended)
    assert state.phase == "failed"
    assert "is gone" in state.message
    assert not (tmp_path / "ensemble").exists()


def test_g10_what_a_full_disk_cut_short_does_not_hide_what_came_after(tmp_path):
    log = EventLog(tmp_path)
    log.write("start", models=1)
    with (tmp_path / "events.jsonl").open("a") as stream:
        stream.write('{"kind": "progr')
    # In the same process, as when the disk is full for a moment only.
    log.write("progress", task="fold 1", done=1, total=4, values={"fold": 1})
    log.write("failed", message="no space left")
    state = TrainingRun(tmp_path).poll()
    assert (state.phase, state.message) == ("failed", "no space left")


def test_e10_of_two_that_start_at_once_in_one_folder_one_is_refused(taken, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "refuse_used", lambda folder: None)
    (tmp_path / "ensemble" / "input").mkdir(parents=True)
    with pytest.raises(InputError, match="another run"):
        start(taken, tmp_path / "ensemble", _config(2), ignore_progress)
    assert not any((tmp_path / "ensemble" / "input").iterdir())


def test_a_start_that_is_stopped_leaves_nothing_in_the_way(taken, tmp_path):
    def stop(_):
        raise Cancelled

    with pytest.raises(Cancelled):
        start(taken, tmp_path / "ensemble", _config(2), stop)
    refuse_used(tmp_path / "ensemble")


def test_data_that_training_refuses_come_back_as_its_message(tmp_path):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((2, 48, 48)), name="blank")
    data = take_pairs([make_pair(image, viewer.add_labels(np.zeros((2, 48, 48), int)))])
    run = start(data, tmp_path / "ensemble", _config(2), ignore_progress)
    state = _until(run, lambda state: state.has_ended)
    assert state.phase == "failed"
    assert "foreground" in state.message
    # Mended masks go to the same folder, as nothing was learned from the first.
    assert not can_resume(tmp_path / "ensemble")
    refuse_used(tmp_path / "ensemble")
    image.data = np.random.default_rng(0).random((2, 48, 48))
    mended = take_pairs(
        [make_pair(image, viewer.add_labels(np.pad(np.ones((2, 24, 24), int), [(0, 0), (12, 12), (12, 12)])))]
    )
    again = start(mended, tmp_path / "ensemble", _config(1), ignore_progress)
    assert _until(again, lambda state: state.has_ended).phase == "finished", again.state.message


@pytest.mark.parametrize("where", ["file", "file/ensemble"])
def test_a_folder_that_cannot_be_made_is_refused(taken, tmp_path, where):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot be written.*not a file"):
        start(taken, tmp_path / where, _config(2), ignore_progress)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_disk_that_refuses_is_named(taken, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training, "data_on_disk", full)
    with pytest.raises(InputError, match=r"cannot be written .No space left"):
        start(taken, tmp_path / "ensemble", _config(2), ignore_progress)


def test_there_is_nothing_to_resume_in_a_folder_of_something_else(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert not can_resume(tmp_path)
    with pytest.raises(InputError, match="no training run"):
        resume(tmp_path, ignore_progress)
    assert not RunFolder(tmp_path).is_alive()
