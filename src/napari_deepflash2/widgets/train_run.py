"""The part of the training dock that starts, shows, stops and resumes a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..errors import InputError
from ..viewer.recent import last_run
from ..viewer.training import TrainingRun, can_resume, refuse_used, resume, start
from .collecting import Collect
from .dock import Dock, Tray, make_button, make_group, make_row, set_ready
from .folders import folder_edit
from .opening import open_dock
from .tables import Table
from .train_preview import PreviewPart
from .train_progress import RunProgress
from .train_words import end_text, result_cells
from .workers import Job

MILLISECONDS_BETWEEN_LOOKS = 400
MESSAGE_HEIGHT = 110


class RunPart(QWidget):
    """Output folder, *Train*, *Stop*, *Resume*, how it is getting on and what came of it.

    Parameters
    ----------
    dock : Dock
        Which it is a part of; runs the jobs and shows the messages.
    collect : callable
        Gives what to train on and all settings; raises `InputError`.
    why_not : callable
        Why there is nothing to train on yet; empty where there is.
    """

    def __init__(self, dock: Dock, collect: Collect, why_not: Callable[[], str]) -> None:
        super().__init__()
        self._dock, self._collect, self._why_no_data = dock, collect, why_not
        self._shown: TrainingRun | None = None
        self._make_parts()
        self._timer = QTimer(self)
        self._timer.setInterval(MILLISECONDS_BETWEEN_LOOKS)
        self._timer.timeout.connect(self.look)
        self.out.changed.connect(self._folder_chosen)
        dock.hear(dock.session.run_changed, self._run_changed)

    def update_buttons(self) -> None:
        """Say what can be done now."""
        busy = self._why_busy()
        set_ready(self.train_button, busy or self._why_not_train())
        set_ready(self.resume_button, busy or self._why_not_resume())
        going = self._is_training() or self._dock.is_busy
        set_ready(self.stop_button, "" if going else "Nothing is being trained here.")

    def layers_changed(self) -> None:
        """Hear of layers that came and went."""
        self.preview.layers_changed()

    def find_run(self) -> None:
        """Go on watching a run that this viewer, or one before it, has started."""
        session = self._dock.session
        session.run = session.run or last_run()
        if session.run is not None:
            self.out.value = session.run.folder
            self._watch(session.run)

    def train(self) -> None:
        """Write the data and start the child process."""
        if self._why_busy():
            return
        try:
            taken, config = self._collect()
            refuse_used(self.out.value)
        except InputError as error:
            self._dock.refuse(error)
            return
        self._start(partial(start, taken, self.out.value, config), "writing the training data")

    def resume(self) -> None:
        """Go on with an interrupted run."""
        if not self._why_busy():
            self._start(partial(resume, self.out.value), "starting")

    def stop(self) -> None:
        """End the training after the present batch, or the job of the dock that runs."""
        if self._dock.is_busy:
            self._dock.stop()
        elif self._dock.session.run is not None:
            self._dock.session.run.stop()
            self._dock.say("Stopping after this batch; what was learned is saved.")

    def look(self) -> None:
        """Show what the run has said since the last look."""
        run = self._dock.session.run
        if run is None:
            return
        was_going = not run.state.has_ended
        state = run.poll()
        self.going.show_state(state)
        if was_going:
            self.preview.look()
        if state.has_ended:
            self._timer.stop()
            self._show_end(run)
            if was_going:
                self._announce(run)
        self._dock.update_buttons()

    def _start(self, job: Job, task: str) -> None:
        session = self._dock.session
        session.begin_run()
        # The session hears of it even where the dock was closed meanwhile.
        self._dock.run(job, session.take_run, task, session.end_of_start, outlives=True)

    def _run_changed(self) -> None:
        run = self._dock.session.run
        if run is not None and run is not self._shown:
            self._watch(run)
        self._dock.update_buttons()

    def _watch(self, run: TrainingRun) -> None:
        self._shown = run
        self.result.setVisible(False)
        self.going.forget()
        self.preview.watch(run.folder)
        self.preview.setVisible(True)
        self._timer.start()
        self.look()

    def _show_end(self, run: TrainingRun) -> None:
        self._dock.say(end_text(run.state, run.folder, can_resume(run.folder)))
        if run.state.phase == "finished":
            self.held_out.show_cells(result_cells(run.state))
            self.result.setVisible(True)

    def _announce(self, run: TrainingRun) -> None:
        if run.state.phase == "finished":
            self._dock.session.use_ensemble(run.folder)
            show_info("The ensemble is trained.")
        elif run.state.phase == "failed":
            show_error(self._dock.message.text())

    def _folder_chosen(self, folder: Path | None) -> None:
        run = self._dock.session.run
        if folder and folder.is_dir() and (run is None or run.folder != folder) and not self._is_training():
            found = TrainingRun(folder)
            if found.is_alive():
                self._dock.session.take_run(found)
        self._dock.update_buttons()

    def _is_training(self) -> bool:
        run = self._dock.session.run
        return run is not None and not run.state.has_ended

    def _why_busy(self) -> str:
        if self._is_training():
            return "A training is going on here; stop it first, or wait."
        if self._dock.session.is_starting or self._dock.is_busy:
            return "Please wait until the folders are read and the data are written."
        return ""

    def _why_not_train(self) -> str:
        return self._why_no_data() or ("" if self.out.value else "Choose an output folder first.")

    def _why_not_resume(self) -> str:
        if self.out.value and can_resume(self.out.value):
            return ""
        return "Choose the output folder of an interrupted training that was started in napari."

    def _make_parts(self) -> None:
        self.out = folder_edit("out", "Output folder", "A new or empty folder, which becomes the ensemble.")
        self.train_button = make_button("Train", self.train, "Train in a process that outlives napari.")
        self.stop_button = make_button("Stop", self.stop, "End after the present batch, and save.")
        self.resume_button = make_button("Resume", self.resume, "Go on with the run in the output folder.")
        self.continue_button = make_button(
            "Continue to prediction",
            partial(open_dock, self._dock.viewer, "Predict"),
            "Open the prediction dock with this ensemble.",
        )
        self.review_button = make_button(
            "Review",
            partial(open_dock, self._dock.viewer, "Review training"),
            "See what the models say of the images that they never saw, and check the labels.",
        )
        self.going = RunProgress()
        self.preview = PreviewPart(self._dock.viewer)
        self.preview.setVisible(False)
        session, tick = self._dock.session, self.preview.tick
        tick.setChecked(session.kept("TrainEnsemble.preview", True))
        tick.toggled.connect(partial(session.keep, "TrainEnsemble.preview"))
        self.held_out = Table()
        buttons = make_row([self.review_button, self.continue_button])
        self.result = make_group("Dice on images that were held out", [self.held_out, buttons])
        self.result.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (make_group("Output folder", [self.out.native]), self.going, self.preview, self.result):
            layout.addWidget(widget)
        # What room there is more than enough of belongs below all.
        layout.addStretch()
        for widget in (
            make_row([self.train_button, self.stop_button, self.resume_button]),
            self.going.bars,
            self._dock.progress,
            Tray(self._dock.message, MESSAGE_HEIGHT),
        ):
            self._dock.footer.addWidget(widget)
