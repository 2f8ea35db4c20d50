import pytest

from napari_deepflash2.viewer.run_state import RunState, advance

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
        "val_loss": None if dice is None else 1 - dice,
        "val_dice": dice,
    }


def test_a_state_follows_from_its_events():
    assert advance(RunState(), []).phase == "waiting"
    state = advance(RunState(), [START])
    assert (state.phase, state.models, state.seconds_left) == ("running", 2, None)
    state = advance(state, [_step(1, 1, 10.0), _step(1, 2, 12.0)])
    assert state.share == pytest.approx(2 / 8)
    assert state.seconds_left == pytest.approx(12.0)
    state = advance(state, [_epoch(1, 2, None), _epoch(1, 4, 0.7)])
    assert [epoch.dice for epoch in state.epochs] == [None, 0.7]
    assert [epoch.held_out_loss for epoch in state.epochs] == [None, pytest.approx(0.3)]
    state = advance(state, [{"kind": "finished", "held_out_dice": {"1": 0.7, "2": 0.8}}])
    assert state.has_ended
    assert state.held_out_dice == {1: 0.7, 2: 0.8}


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


def test_what_is_done_beside_the_steps_is_known_while_it_is_done():
    tiles = {"kind": "progress", "elapsed": 6.0, "task": "validate", "done": 3, "total": 9, "values": {}}
    state = advance(RunState(), [START, _step(1, 2, 5.0), tiles])
    assert (state.beside.task, state.beside.done) == ("validate", 3)
    assert advance(state, [_step(1, 3, 7.0)]).beside is None
    assert advance(state, [{"kind": "stopped"}]).beside is None


def test_epochs_that_are_done_again_after_a_kill_or_a_rollback_count_once():
    state = advance(RunState(), [START, _epoch(1, 2, 0.1), _epoch(1, 4, 0.2), _epoch(2, 2, 0.5)])
    state = advance(state, [START, _epoch(2, 1, 0.4), _epoch(2, 3, 0.6), _epoch(1, 4, 0.3)])
    found = {(epoch.fold, epoch.iteration): epoch.dice for epoch in state.epochs}
    assert found == {(1, 2): 0.1, (1, 4): 0.3, (2, 1): 0.4, (2, 3): 0.6}
    assert len(state.epochs) == 4


def test_notes_are_kept_once_and_in_order():
    note = {"kind": "note", "elapsed": 4.0, "text": "loss was no number; learning rate halved"}
    start = START | {"notes": ["2 masks are empty"]}
    state = advance(RunState(), [start, note, {"kind": "stopped"}, start])
    assert state.notes == ("2 masks are empty", note["text"])
