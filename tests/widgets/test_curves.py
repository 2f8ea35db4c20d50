import pytest
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_deepflash2.viewer.colours import EXPERT_COLOURS
from napari_deepflash2.viewer.run_state import Epoch
from napari_deepflash2.widgets.curves import Curves, points_of
from napari_deepflash2.widgets.plots import HEIGHT, LEAST_CONTRAST, readable
from napari_deepflash2.widgets.tables import contrast

EPOCHS = (
    Epoch(1, 2, 0.9, None, None),
    Epoch(1, 4, 0.5, 0.6, 0.7),
    Epoch(2, 2, 0.8, 0.75, 0.4),
)


def test_what_was_not_validated_is_left_out_of_the_held_out_curves():
    assert points_of(EPOCHS, 1) == {
        "loss": ([2.0, 4.0], [0.9, 0.5]),
        "held_out_loss": ([4.0], [0.6]),
        "dice": ([4.0], [0.7]),
    }


@pytest.mark.parametrize("paper", ["#262930", "#ffffff", "#f0f0f0", "#000000"])
@pytest.mark.parametrize("colour", EXPERT_COLOURS)
def test_every_curve_is_told_from_every_theme(colour, paper):
    assert contrast(readable(QColor(colour), QColor(paper)), QColor(paper)) >= LEAST_CONTRAST


def _colours(curves):
    return {line.opts["pen"].color().name() for line in curves._lines.values()}


def test_curves_are_drawn_and_follow_the_theme(qtbot):
    curves = Curves()
    qtbot.addWidget(curves)
    for paper, ink in (("#ffffff", "#000000"), ("#101010", "#ffffff")):
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Window, QColor(paper))
        palette.setColor(QPalette.ColorRole.WindowText, QColor(ink))
        curves.setPalette(palette)
        curves.show_epochs(EPOCHS)
        assert set(curves._lines) == {
            (what, fold) for what in ("loss", "held_out_loss", "dice") for fold in (1, 2)
        }
        assert all(contrast(QColor(name), QColor(paper)) >= LEAST_CONTRAST for name in _colours(curves))
    curves.clear()
    assert curves.isHidden()
    curves.show_epochs(EPOCHS)
    assert len(curves._lines) == 6


def test_curves_leave_no_gap_where_there_is_more_room_than_they_need(qtbot):
    page, curves = QWidget(), Curves()
    qtbot.addWidget(page)
    layout = QVBoxLayout(page)
    layout.addWidget(curves)
    layout.addStretch()
    curves.show_epochs(EPOCHS)
    page.resize(340, 3 * 2 * HEIGHT)
    page.show()
    plots = [curves._plots[name].geometry() for name in ("loss", "dice")]
    assert plots[0].top() == 0
    assert plots[1].top() - plots[0].bottom() < 20
    assert curves.height() == plots[1].bottom() + 1
