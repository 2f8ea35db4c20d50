import pytest
from qtpy.QtWidgets import QMessageBox

from napari_deepflash2.config import PRESETS, Configuration
from napari_deepflash2.ensemble.networks import NETWORKS
from napari_deepflash2.ensemble.networks.pretrained import RELEASES
from napari_deepflash2.widgets import train_settings
from napari_deepflash2.widgets.ground_truth import EstimateGroundTruth
from napari_deepflash2.widgets.predict import Predict
from napari_deepflash2.widgets.train import TrainEnsemble
from napari_deepflash2.widgets.train_settings import CUSTOM, can_download, network_text, preset_of


@pytest.fixture
def dock(qtbot, viewer, monkeypatch):
    monkeypatch.setattr("napari_deepflash2.widgets.dock.show_error", lambda text: None)
    dock = TrainEnsemble(viewer)
    qtbot.addWidget(dock)
    return dock


def test_a_preset_fills_the_forms_and_a_change_makes_it_ones_own(dock):
    settings = dock.settings
    assert settings.preset.value == "standard"
    settings.more.batch_size.value = 3
    # What no preset sets is kept, and takes no preset away.
    assert settings.preset.value == "standard"
    for name, preset in PRESETS.items():
        settings.preset.value = name
        assert settings.purpose.text() == preset.purpose
        assert dock.configuration() == Configuration().replace("training", batch_size=3).with_preset(name)
        assert settings.basic.iterations.value == dock.configuration().training.iterations
    settings.basic.iterations.value = 77
    assert settings.preset.value == CUSTOM
    assert dock.configuration().training.iterations == 77
    settings.preset.value = CUSTOM
    assert dock.configuration().training.iterations == 77


@pytest.mark.parametrize("name", PRESETS)
def test_the_preset_of_settings_is_known(name):
    configuration = Configuration().with_preset(name)
    assert preset_of(configuration) == name
    assert preset_of(configuration.replace("training", iterations=5)) == CUSTOM


@pytest.mark.parametrize("name", ["mine.toml", "mine.yaml"])
def test_settings_go_to_a_file_and_come_back_to_all_docks(dock, viewer, qtbot, tmp_path, name):
    predict, truth = Predict(viewer), EstimateGroundTruth(viewer)
    for other in (predict, truth):
        qtbot.addWidget(other)
    dock.settings.basic.iterations.value = 55
    dock.settings.augmentation.zoom.value = 0.3
    dock.pairs.options.unpainted.value = "ignored by value"
    dock.pairs.options.ignored.value = 9
    predict.settings.batch_size.value = 7
    truth.method.method.value = "majority"
    dock.settings.save(tmp_path / name)
    wanted = dock.session.configuration
    assert Configuration.load(tmp_path / name) == wanted
    dock.session.take_settings(Configuration())
    assert dock.settings.basic.iterations.value == Configuration().training.iterations
    assert dock.pairs.options.unpainted.value == "background"
    dock.settings.load(tmp_path / name)
    assert dock.session.configuration == wanted
    assert dock.configuration() == wanted
    assert dock.settings.augmentation.zoom.value == 0.3
    assert dock.pairs.options.ignored.value == 9
    assert predict.settings.batch_size.value == 7
    assert truth.method.method.value == "majority"
    assert dock.settings.preset.value == CUSTOM


def test_j1_a_file_with_a_wrong_setting_is_refused_whole(dock, tmp_path):
    before = dock.configuration()
    (tmp_path / "bad.toml").write_text("[training]\niterations = 5\nmodles = 3\n")
    dock.settings.load(tmp_path / "bad.toml")
    assert "modles" in dock.message.text()
    assert dock.configuration() == before
    dock.settings.save(tmp_path / "settings.txt")
    assert "neither a TOML nor a YAML" in dock.message.text()
    dock.settings.save(tmp_path / "bad.toml" / "below.toml")
    assert "cannot be written" in dock.message.text()


def test_what_a_network_is_for_and_costs_is_said(dock):
    for name in NETWORKS:
        assert "million parameters" in network_text(name)
    dock.settings.basic.architecture.value = "unet"
    assert dock.settings.network.text() == network_text("unet")


def test_weights_are_downloaded_only_after_a_yes(qtbot, dock, monkeypatch, tmp_path):
    asked, fetched = [], []

    def download(name, progress):
        fetched.append(name)
        return tmp_path / "weights.pth"

    monkeypatch.setattr(train_settings, "download_weights", download)
    settings = dock.settings
    assert not settings.weights_button.isVisibleTo(dock)
    name = next(name for name in NETWORKS if can_download(name))
    settings.basic.architecture.value = name
    assert settings.weights_button.isVisibleTo(dock)
    for answer in (QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes):
        assert not fetched
        monkeypatch.setattr(
            QMessageBox, "question", lambda *args, answer=answer: asked.append(args[-1]) or answer
        )
        settings.weights_button.click()
        qtbot.waitUntil(lambda: not dock.is_busy, timeout=60_000)
    assert fetched == [name]
    assert RELEASES in asked[0]
    assert "weights.pth" in dock.message.text()
