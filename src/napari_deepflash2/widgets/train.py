"""Dock *Train ensemble*: pairs of images and masks in, an ensemble folder out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from napari.components import ViewerModel
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QTimer
from superqt import QCollapsible

from ..config import AugmentationConfig, Configuration, TrainingConfig
from ..ensemble.networks import NETWORKS
from ..errors import InputError
from ..viewer.recent import last_run, remember_run
from ..viewer.training import TrainingRun, can_resume, refuse_used, resume, start
from ..viewer.training_data import take_pairs
from .curves import Curves
from .dock import Dock, make_button, make_group, make_row, set_ready, text_label
from .folders import folder_edit
from .forms import SectionForm, keep_tame
from .opening import open_dock
from .pairs import PairsPart
from .tables import Table
from .train_words import PERCENT, end_text, progress_text, result_cells

BASIC = ["models", "iterations", "tile_size", "architecture"]
MILLISECONDS_BETWEEN_LOOKS = 400


class TrainEnsemble(Dock):
    """Collect pairs and settings; train in a process that outlives the viewer.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self._make_parts()
        self._timer = QTimer(self)
        self._timer.setInterval(MILLISECONDS_BETWEEN_LOOKS)
        self._timer.timeout.connect(self.look)
        self.hear(self.session.pairs_changed, self._pairs_changed)
        self.remember_changes([self.basic, self.more, self.augmentation], self.configuration)
        self.out.changed.connect(self._folder_chosen)
        self._pairs_changed()
        self._find_run()

    def layers_changed(self) -> None:
        """Drop pairs whose layers are gone, and write names anew."""
        self._pairs_changed()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        busy = self._why_busy()
        set_ready(self.train_button, busy or self._why_not_train())
        set_ready(self.resume_button, busy or self._why_not_resume())
        set_ready(self.stop_button, "" if self._is_training() else "Nothing is being trained here.")
        self.pairs.update_buttons()

    def train(self) -> None:
        """Write the data and start the child process."""
        try:
            config = self.configuration()
            refuse_used(self.out.value)
            taken = take_pairs(self.session.pairs)
        except InputError as error:
            self.refuse(error)
            return
        self.run(partial(start, taken, self.out.value, config), self._watch, "writing the training data")

    def resume(self) -> None:
        """Go on with an interrupted run."""
        self.run(partial(resume, self.out.value), self._watch, "starting")

    def stop(self) -> None:
        """End the training after the present batch; what was learned is saved."""
        super().stop()
        if self.session.run is not None:
            self.session.run.stop()
            self.say("Stopping after this batch; what was learned is saved.")

    def configuration(self) -> Configuration:
        """Take over what the forms hold."""
        values = self.basic.values() | self.more.values()
        return self.session.configure("training", values | {"augmentation": self.augmentation.values()})

    def look(self) -> None:
        """Show what the run has said since the last look."""
        run = self.session.run
        if run is None:
            return
        state = run.poll()
        self.curves.show_epochs(state.epochs)
        if state.has_ended:
            self._ended(run)
            return
        self.progress.setRange(0, PERCENT if state.share else 0)
        self.progress.setValue(round(PERCENT * state.share))
        self.progress.setFormat(progress_text(state))
        self.progress.setVisible(True)
        self.update_buttons()

    def _watch(self, run: TrainingRun) -> None:
        self.session.run = run
        remember_run(run.folder)
        self.result.setVisible(False)
        self.curves.clear()
        self._timer.start()
        self.look()

    def _ended(self, run: TrainingRun) -> None:
        state = run.state
        self._timer.stop()
        self.progress.setVisible(False)
        self.say(end_text(state, run.folder))
        if state.phase == "finished":
            self.held_out.show_cells(result_cells(state))
            self.result.setVisible(True)
            self.session.use_ensemble(run.folder)
            show_info("The ensemble is trained.")
        elif state.phase == "failed":
            show_error(end_text(state, run.folder))
        self.update_buttons()

    def _find_run(self) -> None:
        """Go on watching a run that this viewer, or one before it, has started."""
        run = self.session.run or last_run()
        if run is None:
            self.update_buttons()
            return
        self.session.run = run
        self.out.value = run.folder
        self._timer.start()

    def _folder_chosen(self, folder: Path | None) -> None:
        run = self.session.run
        if folder and folder.is_dir() and (run is None or run.folder != folder) and not self._is_training():
            found = TrainingRun(folder)
            if found.is_alive():
                self._watch(found)
        self.update_buttons()

    def _pairs_changed(self) -> None:
        self.pairs.refresh()
        self.update_buttons()

    def _is_training(self) -> bool:
        run = self.session.run
        return run is not None and not run.state.has_ended

    def _why_busy(self) -> str:
        if self._is_training():
            return "A training is going on here; stop it first, or wait."
        return "Please wait until the folders are read and the data are written." if self.is_busy else ""

    def _why_not_train(self) -> str:
        if not self.session.pairs:
            return "Add images with their masks first."
        return "" if self.out.value else "Choose an output folder first."

    def _why_not_resume(self) -> str:
        if self.out.value and can_resume(self.out.value):
            return ""
        return "Choose the output folder of an interrupted training that was started in napari."

    def _make_parts(self) -> None:
        training = self.session.configuration.training
        networks = {"architecture": list(NETWORKS)}
        self.basic = SectionForm(TrainingConfig, BASIC, training, networks)
        rest = [name for name in TrainingConfig.model_fields if name not in BASIC]
        self.more = SectionForm(TrainingConfig, rest, training)
        self.augmentation = SectionForm(AugmentationConfig, None, training.augmentation)
        self.out = folder_edit("out", "Output folder", "A new or empty folder, which becomes the ensemble.")
        self._make_buttons()
        self.pairs = PairsPart(self)
        self.curves = Curves()
        self.held_out = Table()
        self.result = make_group("Dice on images that were held out", [self.held_out, self.continue_button])
        self.result.setVisible(False)
        for widget in (
            make_group("Images and masks", [self.pairs]),
            make_group("Settings", [self.basic.native]),
            self._folded(),
            make_group("Output folder", [self.out.native]),
            make_row([self.train_button, self.stop_button, self.resume_button]),
            self.progress,
            self.message,
            self.curves,
            self.result,
        ):
            self.page.addWidget(widget)
        keep_tame(self)

    def _make_buttons(self) -> None:
        self.train_button = make_button("Train", self.train, "Train in a process that outlives napari.")
        self.stop_button = make_button("Stop", self.stop, "End after the present batch, and save.")
        self.resume_button = make_button("Resume", self.resume, "Go on with the run in the output folder.")
        self.continue_button = make_button(
            "Continue to prediction",
            partial(open_dock, self.viewer, "Predict"),
            "Open the prediction dock with this ensemble.",
        )

    def _folded(self) -> QCollapsible:
        folded = QCollapsible("More settings")
        folded.addWidget(self.more.native)
        folded.addWidget(text_label("How training tiles are varied:"))
        folded.addWidget(self.augmentation.native)
        return folded
