"""What every dock has in common: a page that scrolls, a message, a progress bar, one job at a time."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from magicgui.widgets import Container
from magicgui.widgets.bases import ValueWidget
from napari.components import ViewerModel
from napari.utils.notifications import show_error
from psygnal import SignalInstance
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from ..errors import InputError, Problem
from ..viewer.session import Session, session_of
from .job_bar import JobBar
from .watching import Hearing, LayerWatch
from .workers import Job, JobWorker, Running, bug_text, make_worker

WIDTH, HEIGHT, LOWEST, MARGIN = 340, 600, 100, 3
# What may change the height that a text needs.
REFITS = {
    QEvent.Type.ShowToParent,
    QEvent.Type.HideToParent,
    QEvent.Type.Resize,
    QEvent.Type.Polish,
    QEvent.Type.FontChange,
    QEvent.Type.StyleChange,
}


class Dock(QWidget):
    """A page for one step of the work.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer whose layers it reads and to which it adds.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.session: Session = session_of(viewer)
        self._running = Running()
        self.destroyed.connect(self._running.leave)
        self._hearings: list[Hearing] = []
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self.page = _scrolling_page(outer)
        # What is seen wherever the page is scrolled to.
        self.footer = QVBoxLayout()
        self.footer.setContentsMargins(MARGIN, 0, MARGIN, 0)
        outer.addLayout(self.footer)
        self.message = text_label("")
        self.message.setVisible(False)
        self.job_bar = JobBar(self, self.stop)
        self.progress = self.job_bar.progress
        self._layers = LayerWatch(viewer, self.layers_changed)
        self.destroyed.connect(self._layers.stop)

    def sizeHint(self) -> QSize:
        """Tell Qt the size to begin with."""
        return QSize(WIDTH, HEIGHT)

    def layers_changed(self) -> None:
        """Bring pickers and buttons in step with the layers; each dock says how."""

    def update_buttons(self) -> None:
        """Enable what can be done now and say why the rest cannot; each dock says how."""

    def hear(self, signal: SignalInstance, callback: Callable[..., None]) -> None:
        """Call back at a signal of the session, which outlives the dock, for as long as the dock lives."""
        hearing = Hearing(signal, callback)
        self._hearings.append(hearing)
        self.destroyed.connect(hearing.stop)

    def remember_changes(self, forms: Sequence[Container], take: Callable[[], object]) -> None:
        """Take over what forms hold whenever it changes, so that a reopened dock shows it again."""

        def changed() -> None:
            # What is out of range while it is being typed is refused when a button is pressed.
            with suppress(InputError):
                take()

        for form in forms:
            form.changed.connect(changed)

    def keep(self, widgets: Sequence[ValueWidget]) -> None:
        """Show again what they held when a dock like this was closed, and remember what they hold."""
        for widget in widgets:
            name = f"{type(self).__name__}.{widget.name}"
            # What was chosen may be no choice any more, such as a layer that was removed.
            with suppress(ValueError):
                widget.value = self.session.kept(name, widget.value)
            widget.changed.connect(partial(self.session.keep, name))

    def keep_result(self, result: Any) -> None:
        """Remember what is shown, for a dock like this that is opened later."""
        self.session.results[type(self).__name__] = result

    @property
    def kept_result(self) -> Any:
        """What a dock like this showed last; None where there was nothing."""
        return self.session.results.get(type(self).__name__)

    def run(
        self,
        job: Job,
        on_done: Callable[[Any], None],
        task: str,
        on_end: Callable[[], None] | None = None,
        outlives: bool = False,
    ) -> None:
        """Start a job in a worker; `on_done` gets its result on the main thread, `on_end` hears any end.

        A dock that is destroyed stops its job and neither is called, unless the job `outlives` it.
        """
        self.say("")
        worker = make_worker(job)
        worker.says.progressed.connect(self.job_bar.show_progress)
        worker.says.refused.connect(self.refuse)
        worker.says.stopped.connect(self._say_stopped)
        worker.says.done.connect(on_done if outlives else self._while_here(on_done))
        worker.errored.connect(self._say_bug)
        worker.finished.connect(self._job_ended)
        if on_end is not None:
            worker.finished.connect(on_end if outlives else self._while_here(on_end))
        self._running.worker, self._running.outlives = worker, outlives
        self.job_bar.begin(task)
        self.update_buttons()
        worker.start()

    def stop(self) -> None:
        """Ask the running job to end at its next step."""
        if self.is_busy:
            self._running.quit()
            self.say("Stopping after this step.")

    @property
    def worker(self) -> JobWorker | None:
        """The worker of the job that runs."""
        return self._running.worker

    @property
    def is_busy(self) -> bool:
        """Whether a job runs."""
        return self.worker is not None

    def say(self, text: str) -> None:
        """Show a message in the dock; an empty one hides it."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def refuse(self, error: InputError) -> None:
        """Show what a user can mend, in the dock and as a notification."""
        self.say(str(error))
        show_error(str(error))

    def _while_here(self, callback: Callable[..., None]) -> Callable[..., None]:
        def call(*values: Any) -> None:
            # What a job says may come when the dock is gone.
            if isalive(self):
                callback(*values)

        return call

    def _say_stopped(self) -> None:
        self.say("Stopped; no layer was changed.")

    def _say_bug(self, error: Exception) -> None:
        self.say(bug_text(error))

    def _job_ended(self) -> None:
        self._running.worker = None
        self.job_bar.end()
        self.update_buttons()


def notes_text(notes: Sequence[Problem]) -> str:
    """Write notes for a message, of many alike only the first."""
    alike = Counter(note.code for note in notes)
    firsts = {note.code: note for note in reversed(notes)}
    return "\n".join(
        f"{firsts[code]}" + (f" (And {count - 1} more like this.)" if count > 1 else "")
        for code, count in alike.items()
    )


def text_label(text: str) -> QLabel:
    """Make a label that wraps and takes names of layers and files for what they are, never as HTML."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def make_button(text: str, pressed: Callable[[], None], tip: str) -> QPushButton:
    """Make a button with a tooltip."""
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setProperty("tip", tip)
    button.clicked.connect(lambda: pressed())
    return button


def set_ready(button: QPushButton, why_not: str) -> None:
    """Enable a button where nothing speaks against it; else disable it with the reason as tooltip."""
    button.setEnabled(not why_not)
    # Qt takes a tooltip for HTML where it looks like it, and layer names may.
    button.setToolTip(html.escape(why_not) or button.property("tip"))


def make_row(widgets: Sequence[QWidget]) -> QWidget:
    """Put widgets side by side."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return row


def make_group(title: str, widgets: Sequence[QWidget]) -> QGroupBox:
    """Put widgets one below the other in a titled frame."""
    group = QGroupBox(title)
    layout = QVBoxLayout(group)
    for widget in widgets:
        layout.addWidget(widget)
    return group


def make_folded(title: str, widgets: Sequence[QWidget]) -> QCollapsible:
    """Put widgets one below the other under a title that unfolds them."""
    folded = QCollapsible(title)
    folded.layout().setContentsMargins(0, 0, 0, 0)
    folded.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    for widget in widgets:
        folded.addWidget(widget)
    return folded


class Tray(QScrollArea):
    """As high as the text that it holds, up to a limit; beyond that it scrolls. It hides with the text.

    Parameters
    ----------
    label : QLabel
        What it holds.
    most : int
        Height at most, in pixels.
    """

    def __init__(self, label: QLabel, most: int) -> None:
        super().__init__()
        self._label, self._most = label, most
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        hidden = label.isHidden()
        self.setWidget(label)
        label.setHidden(hidden)
        label.installEventFilter(self)
        self._fit()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Qt says what happens to the text."""
        if event is not None and event.type() in REFITS:
            self._fit()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Qt says that there is more or less room."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setHidden(self._label.isHidden())
        # Before it was seen its letters have another size than the theme's.
        self._label.ensurePolished()
        width = self.width() - self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        needed = max(1, self._label.heightForWidth(max(width, 1)))
        # Else it would be as high as its words one below the other need it.
        self._label.setMinimumSize(1, needed)
        self.setFixedHeight(min(self._most, needed))


class _Page(QScrollArea):
    """Scrolls up and down only: it is never narrower than what is on it."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:
        """Tell Qt the least size."""
        body, bar = self.widget(), self.verticalScrollBar()
        if body is None or bar is None:
            return super().minimumSizeHint()
        return QSize(body.minimumSizeHint().width() + bar.sizeHint().width(), LOWEST)


def _scrolling_page(outer: QVBoxLayout) -> QVBoxLayout:
    area = _Page()
    body = QWidget()
    area.setWidget(body)
    outer.addWidget(area)
    page = QVBoxLayout(body)
    page.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
    page.setAlignment(Qt.AlignmentFlag.AlignTop)
    return page
