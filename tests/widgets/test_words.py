from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deepflash2.prediction.canvas import Region
from napari_deepflash2.progress import Progress
from napari_deepflash2.viewer.frames import Frame
from napari_deepflash2.viewer.known import Figures
from napari_deepflash2.viewer.predicting import LayerPrediction
from napari_deepflash2.viewer.reading import snapshot_image
from napari_deepflash2.viewer.regions import Target
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
    left = "less than a minute left; it goes on when napari is closed"
    assert now_text(running) == left
    validating = replace(running, beside=Progress("validate", 2, 3))
    assert now_text(validating) == f"validate: 2 of 3; {left}"
    assert "Resume" in end_text(RunState("stopped"), "here", resumable=True)
    assert "Resume" not in end_text(RunState("failed", message="bad mask"), "here", resumable=False)
    assert "no space. Press" in end_text(RunState("failed", message="no space"), "here", resumable=True)


def test_of_many_notes_the_last_are_shown():
    notes = tuple(f"note {number}" for number in range(20))
    lines = notes_of_run(RunState("running", notes=notes)).splitlines()
    assert lines[0] == "(14 notes before)"
    assert lines[-1] == "Note: note 19"


def _prediction(*figures, is_stopped=False):
    image = snapshot_image(ViewerModel().add_image(np.zeros((len(figures), 8, 8))))
    whole = Region(0, 8, 0, 8)
    target = Target("all planes", tuple(np.ndindex(len(figures))), whole, whole.middle)
    maps = np.zeros(image.grid.shape, np.float32)
    frame = Frame.of(image, target)
    return LayerPrediction(
        image, target, frame, maps.astype(int), maps, None, None, (0, 1), figures, (), is_stopped
    )


WHOLE = Region(0, 8, 0, 8)


def _figures(index, score=0.2, region=WHOLE, **values):
    return Figures(index, region, region.shape == (8, 8), score=score, **values)


def test_what_is_not_known_is_said_to_be_so():
    text = result_of(_prediction(_figures((0,), 0.25)))
    assert "0.250" in text
    assert "Expected Dice: not known:" in text
    assert "training images: not known" in text


def test_of_a_plane_that_is_unlike_no_dice_is_expected():
    known = {"expected_dice": 0.81, "expected_dice_interval": (0.74, 0.87), "is_ood": False}
    lines = result_of(_prediction(_figures((0,), **known), _figures((1,), is_ood=True))).splitlines()
    assert lines[0] == "Uncertainty score: 0.200 (mean of the planes, 0 to 1)"
    assert lines[1] == "plane 0: Dice 0.81 (0.74 to 0.87); like the training images; uncertainty 0.200"
    assert lines[2] == "plane 1: Dice not known; unlike the training images; uncertainty 0.200"


def test_of_a_region_it_is_said_which_part_it_is():
    region = Region(2, 6, 0, 4)
    text = result_of(_prediction(_figures((0,), region=region, expected_dice=0.5, is_ood=False)))
    assert "Expected Dice: 0.50" in text
    assert "rows 2 to 5, columns 0 to 3 of plane 0 (25 %), judged as an image of its own" in text


def test_what_was_stopped_is_not_judged():
    whole = _figures((0,))
    part = Figures((1,), WHOLE, True, share=0.4)
    text = result_of(_prediction(whole, part, is_stopped=True))
    assert text.startswith("Stopped after 1 of 2 planes.")
    assert "plane 1: 40 % predicted, not judged" in text
    text = result_of(_prediction(part, is_stopped=True))
    assert "Expected Dice: not known of a part" in text
    assert "40 % of plane 1" in text
