"""Predicting what is in view with the preview network whenever the view rests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from napari.components import ViewerModel
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from ..errors import InputError
from ..viewer.growing_layers import GrowingLayers
from ..viewer.student_preview import STUDENT, Aim, StudentMemory, View, find_view, preview_view
from .watching import Watch
from .workers import Running, bug_text, make_worker

MILLISECONDS_OF_REST = 300
MILLISECONDS_BETWEEN_DRAWINGS = 100


class InstantPreview(QObject):
    """Watches a viewer while it is on; one preview is computed at a time, and the newest view wins.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose camera and sliders to watch.
    aim : callable
        Says what to predict and by which ensemble; None where nothing can be now.
    parent : QObject
        With which it ends.
    """

    said = Signal(str)

    def __init__(self, viewer: ViewerModel, aim: Callable[[], Aim | None], parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._aim = viewer, aim
        self._is_on = False
        self._memory = StudentMemory()
        self._growing: GrowingLayers | None = None
        self._shown: View | None = None
        self._running = Running()
        self._rest, self._drawing = QTimer(self), QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(MILLISECONDS_OF_REST)
        self._rest.timeout.connect(self._go)
        self._drawing.setInterval(MILLISECONDS_BETWEEN_DRAWINGS)
        self._drawing.timeout.connect(self._draw)
        camera, dims = viewer.scene.camera.events, viewer.dims.events
        self._watch = Watch((camera.center, camera.zoom, dims.current_step, dims.ndisplay), self.disturb)
        self.destroyed.connect(self._watch.stop)
        self.destroyed.connect(self._running.leave)

    @property
    def is_busy(self) -> bool:
        """Whether a preview is being computed."""
        return self._running.worker is not None

    def switch(self, on: bool) -> None:
        """Begin or cease to watch; layers that are there stay."""
        self._is_on = on
        self._shown = None
        self._memory.forget()
        if on:
            self.disturb()
        else:
            self.pause()

    def pause(self) -> None:
        """End what is being computed, until the view moves again."""
        self._rest.stop()
        self._running.quit()

    def disturb(self) -> None:
        """Wait until the view rests again; what is being computed is of no use any more."""
        if self._is_on:
            self._rest.start()

    def _go(self) -> None:
        aim = self._aim() if self._is_on else None
        if aim is None:
            self._running.quit()
            return
        try:
            view, image = find_view(self._viewer, aim)
        except InputError as error:
            self.said.emit(str(error))
            return
        if view == self._shown:
            return
        if self.is_busy:
            # It is started again when the one before has ended, with what is in view then.
            self._running.quit()
            return
        self._shown = view
        self._growing = GrowingLayers(self._viewer, image, view.target, (), STUDENT)
        worker = make_worker(partial(preview_view, view, image, self._growing, self._memory))
        worker.says.done.connect(self._say_done)
        worker.says.refused.connect(self._say_refused)
        worker.says.stopped.connect(self._forget_view)
        worker.errored.connect(self._say_bug)
        worker.finished.connect(self._ended)
        self._running.worker = worker
        if self._memory.student is None:
            self.said.emit("Loading the preview network.")
        self._drawing.start()
        worker.start()

    def _draw(self) -> None:
        if self._growing is not None and self._image_is_there:
            self._growing.look()

    @property
    def _image_is_there(self) -> bool:
        return self._growing is not None and any(
            str(layer.unique_id) == self._growing.image.uid for layer in self._viewer.layers
        )

    def _ended(self) -> None:
        self._running.worker = None
        # It may come when the dock is gone.
        if not isalive(self):
            return
        self._drawing.stop()
        if self._growing is not None and self._image_is_there:
            self._growing.settle()
        self._growing = None
        # The view may have moved on meanwhile; where it has not, nothing is done.
        self.disturb()

    def _forget_view(self) -> None:
        self._shown = None

    def _say_done(self, student: object) -> None:
        if isalive(self):
            self.said.emit("In view: a preview by one network, not the ensemble.")

    def _say_refused(self, error: InputError) -> None:
        if isalive(self):
            self.said.emit(str(error))

    def _say_bug(self, error: Exception) -> None:
        if isalive(self):
            self.said.emit(bug_text(error))
