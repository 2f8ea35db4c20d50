from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2.progress import Progress
from napari_deepflash2.viewer.predicting import Figures, LayerPrediction
from napari_deepflash2.viewer.reading import snapshot_image
from napari_deepflash2.viewer.run_state import RunState
from napari_deepflash2.widgets.predict_words import result_of
from napari_deepflash2.widgets.train_words import duration, end_text, fold_text, notes_of_run, now_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "time left not known yet"),
        (20, "less than a minute left"),
        (600, "about 10 min left"),
        (9000, "about 2.5 h left"),
    ],
)
def test_a_time_that_is_left(seconds, text):
    assert duration(seconds) == text


def test_a_run_in_words():
    assert fold_text(RunState()) == "starting"
    step = Progress("fold 2", 1, 9, {"fold": 2})
    running = RunState("running", 5, step, seconds=10, share=0.5, first=(0, 0))
    assert fold_text(running) == "fold 2 of 5: iteration 1 of 9"
    assert now_text(running) == "less than a minute left"
    validating = replace(running, beside=Progress("validate", 2, 3))
    assert now_text(validating) == "validate: 2 of 3; less than a minute left"
    assert "Resume" in end_text(RunState("stopped"), "here", resumable=True)
    assert "Resume" not in end_text(RunState("failed", message="bad mask"), "here", resumable=False)
    assert "no space. Press" in end_text(RunState("failed", message="no space"), "here", resumable=True)


def test_of_many_notes_the_last_are_shown():
    notes = tuple(f"note {number}" for number in range(20))
    lines = notes_of_run(RunState("running", notes=notes)).splitlines()
    assert lines[0] == "(14 notes before)"
    assert lines[-1] == "Note: note 19"


def _prediction(*figures):
    image = snapshot_image(ViewerModel().add_image(np.zeros((len(figures), 8, 8))))
    maps = np.zeros((len(figures), 8, 8))
    return LayerPrediction(image, maps.astype(int), (0, 1), maps, figures, ())


def test_what_is_not_known_is_said_to_be_so():
    text = result_of(_prediction(Figures(0.25, None, None, None)))
    assert "0.250" in text
    assert "Expected Dice: not known:" in text
    assert "training images: not known" in text


def test_of_a_plane_that_is_unlike_no_dice_is_expected():
    text = result_of(_prediction(Figures(0.2, 0.81, (0.74, 0.87), False), Figures(0.1, None, None, True)))
    assert "Expected Dice: 0.81 (0.74 to 0.87), not known" in text


def test_what_is_known_is_shown():
    text = result_of(_prediction(Figures(0.2, 0.81, (0.74, 0.87), False), Figures(0.4, 0.5, None, True)))
    assert "Uncertainty score: 0.300" in text
    assert "Expected Dice: 0.81 (0.74 to 0.87), 0.50" in text
    assert "Unlike the training images: planes 1" in text
