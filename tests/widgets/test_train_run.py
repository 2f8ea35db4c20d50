"""The training dock beside a run that only writes what a run writes."""

import numpy as np
import pytest

from napari_deepflash2.viewer.pairs import make_pair
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.viewer.training import TrainingRun
from napari_deepflash2.viewer.training_data import take_pairs
from napari_deepflash2.widgets.train import TrainEnsemble
from napari_deepflash2.widgets.train_run import MESSAGE_HEIGHT


@pytest.fixture
def dock(qtbot, viewer, monkeypatch):
    for name in ("dock.show_error", "train_run.show_error", "train_run.show_info"):
        monkeypatch.setattr(f"napari_deepflash2.widgets.{name}", lambda text: None)
    dock = TrainEnsemble(viewer)
    qtbot.addWidget(dock)
    return dock


@pytest.fixture
def run(dock, viewer, tmp_path, pretended_run):
    image = viewer.add_image(np.zeros((48, 48)), name="cells")
    taken = take_pairs([make_pair(image, viewer.add_labels(np.ones((48, 48), int), name="truth"))])
    run = pretended_run(tmp_path / "ensemble", taken)
    dock.training.out.value = run.folder
    return run


def test_a_run_that_was_found_is_shown_with_ensemble_fold_time_notes_and_curves(dock, run):
    assert dock.session.run is not None
    going = dock.training.going
    run.step(10)
    run.step(20)
    run.validates(20)
    dock.training.look()
    assert going.ensemble.value() == 10
    assert (going.fold.value(), going.fold.format()) == (20, "fold 1 of 2: iteration 20 of 100")
    assert "left" in going.now.text()
    assert "2 masks are empty" in going.notes.text()
    assert going.curves.isVisibleTo(dock)
    run.log.write("note", fold=1, text="<b>loss</b> was no number: learning rate halved")
    dock.training.look()
    assert "<b>loss</b>" in going.notes.text()
    run.ends("stopped")
    dock.training.look()
    assert not going.bars.isVisibleTo(dock)
    assert going.curves.isVisibleTo(dock)
    assert "Press Resume" in dock.message.text()
    assert dock.training.resume_button.isEnabled()


def test_while_one_run_is_watched_no_other_is_started(dock, run, viewer, qtbot):
    dock.session.add_pairs([make_pair(viewer.layers["cells"], viewer.layers["truth"])])
    for button in (dock.training.train_button, dock.training.resume_button):
        assert not button.isEnabled()
        assert "stop it first" in button.toolTip()
    # E10: nor by another dock of the same viewer, nor by a second click before the first has shown.
    other = TrainEnsemble(viewer)
    qtbot.addWidget(other)
    assert not other.training.train_button.isEnabled()
    dock.training.train()
    assert not dock.is_busy
    run.ends("stopped")
    dock.training.look()


def test_a_second_click_or_dock_does_not_start_a_second_run(dock, viewer, qtbot, tmp_path, monkeypatch):
    image = viewer.add_image(np.zeros((48, 48)), name="cells")
    dock.session.add_pairs([make_pair(image, viewer.add_labels(np.ones((48, 48), int)))])
    dock.training.out.value = tmp_path / "e"
    other = TrainEnsemble(viewer)
    qtbot.addWidget(other)
    started = []
    monkeypatch.setattr(type(dock), "run", lambda self, *args, **_: started.append(args))
    dock.training.train()
    dock.training.train()
    other.training.train()
    assert len(started) == 1
    assert "Please wait" in other.training.train_button.toolTip()


def _preview_layers(viewer):
    return [layer for layer in viewer.layers if str(role_of(layer)).startswith("preview")]


def test_the_preview_follows_the_run_and_goes_when_it_is_not_wanted(dock, run, viewer):
    part = dock.training.preview
    assert "no preview" in part.go_button.toolTip()
    for iteration in (10, 20):
        run.validates(iteration)
        dock.training.look()
        assert part.about.text() == f"Fold 1 after {iteration} iterations, on cells."
        assert len(_preview_layers(viewer)) == 2
    shown = _preview_layers(viewer)
    part.go_button.click()
    # E7: who deletes one of the layers wants none.
    viewer.layers.remove(shown[0])
    assert not part.tick.isChecked()
    assert not _preview_layers(viewer)
    run.validates(30)
    dock.training.look()
    assert not _preview_layers(viewer)
    part.tick.setChecked(True)
    assert len(_preview_layers(viewer)) == 2
    viewer.layers.remove("cells")
    run.validates(40, fold=2)
    dock.training.look()
    assert len(_preview_layers(viewer)) == 3
    part.tick.setChecked(False)
    assert not _preview_layers(viewer)
    run.ends("stopped")
    dock.training.look()


def test_a_finished_run_found_again_brings_no_layers_and_takes_no_other_ensemble_away(
    dock, run, viewer, qtbot, tmp_path
):
    run.validates(10)
    run.ends("finished", held_out_dice={"1": 0.7, "2": 0.8})
    dock.training.look()
    assert dock.session.ensemble_folder == run.folder
    part = dock.training.preview
    part.tick.setChecked(False)
    dock.session.use_ensemble(tmp_path / "other")
    again = TrainEnsemble(viewer)
    qtbot.addWidget(again)
    assert again.training.result.isVisibleTo(again)
    assert not _preview_layers(viewer)
    assert dock.session.ensemble_folder == tmp_path / "other"


def test_g8_a_run_whose_process_is_gone_says_so_and_offers_to_resume(dock, run):
    run.step(10)
    run.ends()
    dock.training.look()
    assert "ended from outside" in dock.message.text()
    assert dock.training.resume_button.isEnabled()


@pytest.mark.parametrize(
    "message",
    [
        "disk: there is no space left on its disk; all that was saved before is whole. Make room.",
        "fold 1: the loss became nan at iteration 7 for the third time. Lower the learning rate.",
    ],
)
def test_g1_g10_why_a_run_failed_is_said_in_its_own_words(dock, run, message):
    run.ends("failed", message=message)
    dock.training.look()
    assert message in dock.message.text()
    assert dock.training.resume_button.isEnabled()


def test_g11_a_folder_that_vanishes_while_a_run_is_watched(dock, run):
    run.validates(10)
    dock.training.look()
    for path in sorted(run.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    run.folder.rmdir()
    dock.training.look()
    assert "is gone" in dock.message.text()
    assert not dock.training.resume_button.isEnabled()


def test_f4_a_log_of_anything_else_is_no_run(dock, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "events.jsonl").write_bytes(b"\xff\xfe not json\n[1, 2]\n3\n")
    assert TrainingRun(folder).state.phase == "waiting"
    dock.training.out.value = folder
    assert dock.session.run is None


def test_a_long_message_does_not_take_the_dock(qtbot, dock):

    def low():
        return dock.message.parentWidget().parentWidget()

    dock.show()
    dock.resize(320, 700)
    dock.say("A few words, all in one line.")
    qtbot.waitUntil(dock.message.isVisible)
    qtbot.waitUntil(lambda: dock.message.height() <= low().height())
    qtbot.waitUntil(lambda: 0 < low().height() < 60)
    dock.say("\n".join(f"note {number}" for number in range(60)))
    qtbot.waitUntil(lambda: low().height() == MESSAGE_HEIGHT)
    dock.say("")
    assert not low().isVisible()
