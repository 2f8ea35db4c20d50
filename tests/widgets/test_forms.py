import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_deepflash2.config import (
    AugmentationConfig,
    ConsensusConfig,
    DataConfig,
    PredictionConfig,
    TrainingConfig,
)
from napari_deepflash2.widgets.forms import SectionForm, words
from napari_deepflash2.widgets.ground_truth import ADVANCED, METHODS
from napari_deepflash2.widgets.pair_options import MORE
from napari_deepflash2.widgets.train_settings import BASIC

FORMS = [
    (DataConfig, ["mask_kind", *MORE]),
    (ConsensusConfig, ["method", "min_votes", *ADVANCED]),
    (TrainingConfig, BASIC),
    (TrainingConfig, [name for name in TrainingConfig.model_fields if name not in BASIC]),
    (AugmentationConfig, None),
    (PredictionConfig, None),
]


@pytest.mark.parametrize(("section", "names"), FORMS)
def test_a_form_gives_back_the_defaults_that_it_shows(qtbot, section, names):
    form = SectionForm(section, names)
    qtbot.addWidget(form.native)
    assert section(**form.values()) == section()


@pytest.mark.parametrize(("section", "names"), FORMS)
def test_labels_and_help_come_from_the_fields(qtbot, section, names):
    form = SectionForm(section, names)
    qtbot.addWidget(form.native)
    for widget in form:
        assert widget.tooltip == section.model_fields[widget.name].description
        assert widget.label == words(widget.name)


def test_ranges_and_choices_come_from_the_fields(qtbot):
    form = SectionForm(TrainingConfig, ["tile_size", "learning_rate", "loss", "models"])
    qtbot.addWidget(form.native)
    assert form.tile_size.min == 32
    assert 0 < form.learning_rate.min < 1e-6
    assert form.learning_rate.max == 1
    assert "dice" in form.loss.choices
    form.models.value = 3
    assert form.values()["models"] == 3


def test_every_value_a_form_can_be_set_to_at_its_ends_is_valid(qtbot):
    for section, names in FORMS:
        form = SectionForm(section, names)
        qtbot.addWidget(form.native)
        for widget in form:
            for end in ("min", "max"):
                if hasattr(widget, end):
                    widget.value = getattr(widget, end)
                    section(**{widget.name: form.values()[widget.name]})


def test_a_changed_configuration_is_shown(qtbot):
    values = TrainingConfig(models=2, iterations=7, learning_rate=1e-4, loss="dice")
    form = SectionForm(TrainingConfig, ["models", "iterations", "learning_rate", "loss"], values)
    qtbot.addWidget(form.native)
    assert form.values() == {"models": 2, "iterations": 7, "learning_rate": 1e-4, "loss": "dice"}


def test_a_number_that_is_not_given_is_shown_as_a_word(qtbot):
    form = SectionForm(TrainingConfig, ["models", "early_stopping"], TrainingConfig(models=2))
    qtbot.addWidget(form.native)
    assert [widget.native.text() for widget in form] == ["2", "off"]
    form.show_values(TrainingConfig())
    assert [widget.native.text() for widget in form] == ["automatic", "off"]
    assert form.values() == {"models": None, "early_stopping": None}


def test_the_wheel_scrolls_past_numbers_and_choices(qtbot):
    form = SectionForm(TrainingConfig, ["iterations", "loss"])
    qtbot.addWidget(form.native)
    form.native.show()
    before = form.values()
    for widget in form:
        wheel = QWheelEvent(
            QPointF(5, 5),
            QPointF(widget.native.mapToGlobal(QPoint(5, 5))),
            QPoint(0, 120),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget.native, wheel)
    assert form.values() == before


def test_every_method_of_the_dock_is_one_of_the_configuration():
    for method in METHODS:
        assert ConsensusConfig(method=method).method == method
