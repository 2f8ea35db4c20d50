import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2.config import Configuration
from napari_deepflash2.ensemble import load_ensemble
from napari_deepflash2.ensemble.run import RunFolder
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer import training
from napari_deepflash2.viewer.pairs import make_pair
from napari_deepflash2.viewer.recent import last_run, remember_run
from napari_deepflash2.viewer.training import (
    RunState,
    advance,
    can_resume,
    python_executable,
    resume,
    start,
)
from napari_deepflash2.viewer.training_data import take_pairs

SECONDS = 180
START = {"kind": "start", "elapsed": 3.0, "models": 2, "iterations": 4}


def _step(fold, done, elapsed):
    values = {"fold": fold, "loss": 0.5}
    return {
        "kind": "progress",
        "elapsed": elapsed,
        "task": f"fold {fold}",
        "done": done,
        "total": 4,
        "values": values,
    }


def _epoch(fold, iteration, dice):
    return {
        "kind": "epoch",
        "elapsed": 9.0,
        "fold": fold,
        "iteration": iteration,
        "loss": 0.4,
        "val_dice": dice,
    }


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


def test_a_state_follows_from_its_events():
    assert advance(RunState(), []).phase == "waiting"
    state = advance(RunState(), [START])
    assert (state.phase, state.models, state.seconds_left) == ("running", 2, None)
    state = advance(state, [_step(1, 1, 10.0), _step(1, 2, 12.0)])
    assert state.share == pytest.approx(2 / 8)
    assert state.seconds_left == pytest.approx(12.0)
    state = advance(state, [_epoch(1, 2, None), _epoch(1, 4, 0.7)])
    assert [epoch.dice for epoch in state.epochs] == [None, 0.7]
    state = advance(state, [{"kind": "finished", "held_out_dice": {"1": 0.7, "2": 0.8}}])
    assert state.has_ended
    assert state.held_out_dice == {1: 0.7, 2: 0.8}
    assert state.seen == 6


def test_validation_and_unknown_events_do_not_move_the_training_bar():
    state = advance(RunState(), [START, _step(1, 2, 5.0)])
    tiles = {"kind": "progress", "elapsed": 6.0, "task": "fold 1", "done": 9, "total": 9, "values": {}}
    assert advance(state, [tiles, {"kind": "of a later version"}]).share == state.share


def test_the_speed_is_that_of_the_resumed_run():
    state = advance(RunState(), [START, _step(1, 1, 100.0), {"kind": "stopped"}])
    assert state.phase == "stopped"
    state = advance(state, [START, _step(2, 1, 3.0), _step(2, 2, 4.0)])
    assert state.phase == "running"
    assert state.seconds_left == pytest.approx(2.0)


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
    assert (state.phase, state.message) == ("failed", "out of memory, sorry")


def _dying(folder):
    script = folder / "python-that-dies"
    script.write_text("#!/bin/sh\necho out of memory, sorry\nexit 1\n")
    script.chmod(0o755)
    return str(script)


def test_data_that_training_refuses_come_back_as_its_message(tmp_path):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((2, 48, 48)), name="blank")
    data = take_pairs([make_pair(image, viewer.add_labels(np.zeros((2, 48, 48), int)))])
    run = start(data, tmp_path / "ensemble", _config(2), ignore_progress)
    state = _until(run, lambda state: state.has_ended)
    assert state.phase == "failed"
    assert "foreground" in state.message


@pytest.mark.parametrize("where", ["file", "file/ensemble"])
def test_a_folder_that_cannot_be_made_is_refused(taken, tmp_path, where):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot be written.*not a file"):
        start(taken, tmp_path / where, _config(2), ignore_progress)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_disk_that_refuses_is_named(taken, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training, "write_training_data", full)
    with pytest.raises(InputError, match=r"cannot be written .No space left"):
        start(taken, tmp_path / "ensemble", _config(2), ignore_progress)


def test_there_is_nothing_to_resume_in_a_folder_of_something_else(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert not can_resume(tmp_path)
    with pytest.raises(InputError, match="no training run"):
        resume(tmp_path, ignore_progress)
    assert not RunFolder(tmp_path).is_alive()


def test_a_bundle_whose_executable_is_napari_still_finds_its_python(monkeypatch):
    assert python_executable() == sys.executable
    monkeypatch.setattr(sys, "executable", os.devnull)
    assert "python" in Path(python_executable()).name
    monkeypatch.setattr(sys, "prefix", "/nowhere")
    monkeypatch.setattr(sys, "exec_prefix", "/nowhere")
    with pytest.raises(InputError, match="command line"):
        python_executable()
