import numpy as np
import pytest

from napari_deepflash2.errors import InputError
from napari_deepflash2.viewer.estimating import Told
from napari_deepflash2.viewer.pairs import make_pair
from napari_deepflash2.viewer.placing import role_of
from napari_deepflash2.widgets import learning_rate, train_estimate
from napari_deepflash2.widgets.train import TrainEnsemble

SECONDS = 120_000


@pytest.fixture
def dock(qtbot, viewer, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    dock = TrainEnsemble(viewer)
    qtbot.addWidget(dock)
    return dock


@pytest.fixture
def ready(dock, viewer):
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 1
    image = viewer.add_image(mask * 50.0, name="cells")
    dock.session.add_pairs([make_pair(image, viewer.add_labels(mask))])
    dock.settings.basic.tile_size.value = 32
    return dock


def _done(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=SECONDS)


def test_nine_augmented_tiles_are_shown_and_others_the_next_time(qtbot, ready, viewer):
    seen = []
    for _ in range(2):
        ready.trials.augmentation_button.click()
        _done(qtbot, ready)
        [layer] = [layer for layer in viewer.layers if role_of(layer) == "augmented image"]
        seen.append(layer.data.copy())
    assert not np.array_equal(*seen)


def test_a_learning_rate_is_found_drawn_and_taken_over(qtbot, ready, monkeypatch):
    from napari_deepflash2.ensemble.learning_rate import LearningRateCurve

    rates = np.logspace(-5, 0, 50)
    curve = LearningRateCurve.of(rates, np.concatenate([np.linspace(1, 0.2, 40), np.linspace(0.3, 5, 10)]))
    monkeypatch.setattr(learning_rate, "find_rate", lambda taken, config, progress: curve)
    part = ready.trials.rate
    assert not part.result.isVisibleTo(ready)
    for _ in range(2):
        part.find_button.click()
        _done(qtbot, ready)
    assert f"{curve.suggestion:.1e}" in part.said.text()
    part.take_button.click()
    assert ready.configuration().training.learning_rate == pytest.approx(curve.suggestion, rel=1e-4)


def test_the_learning_rate_is_found_in_a_process_of_its_own(qtbot, ready, viewer):
    other = viewer.add_image(np.random.default_rng(0).random((64, 64)), name="other")
    ready.session.add_pairs([make_pair(other, viewer.layers[1])])
    ready.settings.basic.architecture.value = "unet"
    ready.settings.more.batch_size.value = 1
    told = []
    ready.trials.rate.find_button.click()
    ready.worker.says.progressed.connect(lambda step: told.append((step.task, step.total)))
    _done(qtbot, ready)
    assert "Suggestion" in ready.trials.rate.said.text(), ready.message.text()
    # Its steps are seen, each time its bar is looked at.
    assert ("learning rate", 100) in told


@pytest.fixture
def estimates(monkeypatch):
    asked = []

    def estimate(planned, progress):
        asked.append(planned)
        if '"iterations":13' in planned.settings:
            raise InputError.one("estimate", "cannot be made", "Never mind.", "test")
        return Told(f"estimate {len(asked)}", 10**18)

    monkeypatch.setattr(train_estimate, "estimate", estimate)
    monkeypatch.setattr(train_estimate, "MILLISECONDS_OF_REST", 1)
    return asked


def test_time_and_room_are_told_anew_when_settings_change_and_each_once(qtbot, estimates, ready, tmp_path):
    line = ready.estimate.line
    assert not estimates
    ready.show()
    qtbot.waitUntil(lambda: line.text() == "estimate 1.", timeout=SECONDS)
    ready.settings.basic.iterations.value = 50
    qtbot.waitUntil(lambda: line.text() == "estimate 2.", timeout=SECONDS)
    ready.settings.basic.iterations.value = 1000
    qtbot.waitUntil(lambda: line.text() == "estimate 1.", timeout=SECONDS)
    ready.training.out.value = tmp_path / "new"
    qtbot.waitUntil(lambda: "are free there" in line.text(), timeout=SECONDS)
    ready.settings.basic.iterations.value = 13
    qtbot.waitUntil(lambda: "not known: estimate: cannot be made" in line.text(), timeout=SECONDS)
    ready.pairs.remove_button.click()
    qtbot.waitUntil(lambda: line.text() == "", timeout=SECONDS)
    assert len(estimates) == 3
