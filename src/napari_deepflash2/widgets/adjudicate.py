"""Dock *Adjudicate*: decide the regions on which the experts do not agree, one by one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from magicgui.widgets import Container, SpinBox
from napari.components import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from ..config import Configuration
from ..consensus.adjudication import Adjudication, Choice
from ..consensus.adjudication_file import save_adjudication
from ..errors import InputError
from ..viewer.adjudication import AdjudicationView, Session, open_session, resume, start
from ..viewer.experts import take_annotations
from .continuing import ContinueButton
from .deciding import MOST_EXPERT_KEYS, Action, DecidingPage
from .dock import Dock, make_button, make_row, set_ready
from .dock_keys import DockKeys
from .experts import ExpertsPart
from .forms import ignore_wheel

FEWEST_EXPERTS = 2


class Adjudicate(Dock):
    """Choose the experts' Labels layers; go through what they dispute; get one mask and a log.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.view: AdjudicationView | None = None
        self._keys = DockKeys(self, self.viewer)
        self.session_file: Path | None = None
        self._showing = QTimer(self)
        self._showing.timeout.connect(self._show_next_expert)
        self._make_choosing_page()
        self.deciding = DecidingPage(self._fixed_actions())
        self.deciding.table.chosen.connect(lambda row: self.go(lambda adjudication: adjudication.go_to(row)))
        self.continue_button = ContinueButton(self, "Finish an adjudication first.", "adjudicate again")
        self.continue_button.setVisible(False)
        widgets = (self.choosing, self.job_bar, self.deciding, self.message, self.continue_button)
        for widget in widgets:
            self.page.addWidget(widget)
        ignore_wheel(self)
        going_on = open_session(self.viewer)
        self.deciding.setVisible(False)
        self.keep([self.experts.image_box, self.min_size])
        self.remember_changes([self.experts.meaning], self.configuration)
        self._keep_who_decides()
        self.update_buttons()
        if going_on is not None:
            self.begin(going_on)

    @property
    def adjudication(self) -> Adjudication | None:
        """What is being adjudicated."""
        return None if self.view is None else self.view.adjudication

    def layers_changed(self) -> None:
        """Bring the pickers in step with the layers."""
        self.experts.refresh()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        self.experts.show_busy(self.is_busy)
        why_not = "Looking for disputed regions." if self.is_busy else self.experts.why_not(FEWEST_EXPERTS)
        for button in (self.start_button, self.resume_button):
            set_ready(button, why_not)
        self.continue_button.refresh()

    def start(self) -> None:
        """Look for what the ticked experts dispute."""
        self._look_for(lambda taken, config: partial(start, taken, config, self.min_size.value))

    def ask_resume(self) -> None:
        """Ask for a saved session and go on with it."""
        path, _ = QFileDialog.getOpenFileName(self, "Resume a session", "", "Session (*.json)")
        if path:
            self.resume(Path(path))

    def resume(self, path: Path) -> None:
        """Go on with a saved session."""
        self._look_for(lambda taken, config: partial(resume, taken, config, path), path)

    def begin(self, session: Session, session_file: Path | None = None) -> None:
        """Go through the regions of a session."""
        if not session.adjudication.disputes:
            self.say("The experts agree everywhere: there is nothing to decide.")
            return
        self.session_file = session_file
        self.view = AdjudicationView(self.viewer, session)
        self.deciding.show_experts(session.adjudication.experts, partial(self.decide, "expert"))
        self.deciding.table.contents.show(session.adjudication)
        self.choosing.setVisible(False)
        self.continue_button.setVisible(False)
        self.deciding.setVisible(True)
        self._keys.take(self._actions(session.adjudication))
        self.say("\n".join(str(note) for note in session.notes))
        self._show_current()
        self._showing.start(0)

    def decide(self, choice: Choice, expert: str = "") -> None:
        """Decide the current region and go to the next one that is undecided."""
        if self.view is None:
            return
        dispute = self.view.adjudication.decide(choice, expert, self.deciding.who.text().strip())
        self.deciding.table.contents.decided(dispute.number - 1)
        if self.deciding.go_on.isChecked():
            self.view.adjudication.go_to_next_undecided()
        self._changed()

    def undo(self) -> None:
        """Take the last decision back and go to its region."""
        dispute = None if self.view is None else self.view.adjudication.undo()
        if dispute is not None:
            self.deciding.table.contents.decided(dispute.number - 1)
            self._changed()

    def go(self, move: Callable[[Adjudication], Any]) -> None:
        """Go to another region."""
        if self.view is not None:
            move(self.view.adjudication)
            self._show_current()

    def ask_save(self) -> None:
        """Save the session; ask where the first time, and keep saving there after every decision."""
        if self.view is None:
            return
        if self.session_file is None:
            path, _ = QFileDialog.getSaveFileName(
                self, "Save the session", "adjudication.json", "Session (*.json)"
            )
            self.session_file = Path(path) if path else None
        if self._save():
            self.say(f"Saved to {self.session_file}, from now on after every decision.")

    def ask_finish(self) -> None:
        """Ask where the log goes and finish."""
        if self.view is None:
            return
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the log and finish", "adjudication.csv", "CSV (*.csv)"
        )
        if path:
            self.finish(Path(path))

    def finish(self, log: Path) -> None:
        """Write the log, leave the mask as a layer and give the keys back."""
        if self.view is None:
            return
        adjudication = self.view.adjudication
        try:
            adjudication.write_log(log)
        except OSError as error:
            self.say(f"{log}: cannot be written ({error.strerror}). Choose another place.")
            return
        left = len(adjudication.disputes) - adjudication.n_decided
        rest = f" The other {left} keep the consensus." if left else ""
        mask = self.view.result
        self.say(
            f"{adjudication.progress} regions decided.{rest} "
            f'The mask is the layer "{mask.name}", the log {log}.'
        )
        self.continue_button.offer(mask, self.view.image)
        self.continue_button.setVisible(True)
        self._end()

    def configuration(self) -> Configuration:
        """Take over what the form holds."""
        return self.session.configure("data", self.experts.meaning.values())

    def _look_for(self, job_of: Callable[..., Any], session_file: Path | None = None) -> None:
        try:
            config = self.configuration()
            taken = take_annotations(self.experts.layers(), self.experts.image(), FEWEST_EXPERTS)
        except InputError as error:
            self.refuse(error)
            return
        self.run(job_of(taken, config), partial(self.begin, session_file=session_file), "disputed regions")

    def _changed(self) -> None:
        self._show_current()
        self._save()

    def _show_current(self) -> None:
        if self.view is None or self.view.adjudication.current is None:
            return
        self.view.show_current()
        self.deciding.show_current(self.view.adjudication)

    def _show_next_expert(self) -> None:
        if self.view is None or not self.view.show_next_expert():
            self._showing.stop()

    def _save(self) -> bool:
        if self.view is None or self.session_file is None:
            return False
        try:
            save_adjudication(self.view.adjudication, self.session_file)
        except OSError as error:
            self.say(f"{self.session_file}: cannot be written ({error.strerror}). Save it elsewhere.")
            self.session_file = None
            return False
        return True

    def _actions(self, adjudication: Adjudication) -> dict[str, Callable[[], None]]:
        experts = adjudication.experts[:MOST_EXPERT_KEYS]
        by_number = {
            str(number): partial(self.decide, "expert", expert)
            for number, expert in enumerate(experts, start=1)
        }
        return {action.key: action.act for action in self._fixed_actions()} | by_number

    def _fixed_actions(self) -> list[Action]:
        return [
            Action("Next", "N", partial(self.go, Adjudication.go_to_next), "Go to the next smaller region."),
            Action(
                "Back", "Shift+N", partial(self.go, Adjudication.go_to_previous), "Go to the next larger one."
            ),
            Action(
                "Undecided",
                "T",
                partial(self.go, Adjudication.go_to_next_undecided),
                "Go to the next region that is still to be decided.",
            ),
            Action("Undo", "U", self.undo, "Take the last decision back and go to its region."),
            Action("Consensus", "C", partial(self.decide, "consensus"), "Give the region the consensus."),
            Action("All", "A", partial(self.decide, "all"), "Give the region what any expert marked."),
            Action("None", "0", partial(self.decide, "none"), "Make the region background."),
            Action(
                "Keep painted", "K", partial(self.decide, "painted"), "Keep what was painted in the region."
            ),
            Action("Save session", "S", self.ask_save, "Save, to go on later; then after every decision."),
            Action("Finish", "Shift+F", self.ask_finish, "Save the log; the mask stays as a layer."),
        ]

    def _end(self) -> None:
        self._keys.drop()
        if self.view is not None:
            self.view.close()
        self.view = None
        self.session_file = None
        self.deciding.table.contents.show(None)
        self.deciding.setVisible(False)
        self.choosing.setVisible(True)
        self.update_buttons()

    def _keep_who_decides(self) -> None:
        who, go_on, session = self.deciding.who, self.deciding.go_on, self.session
        who.setText(session.kept("Adjudicate.who", who.text()))
        who.textChanged.connect(partial(session.keep, "Adjudicate.who"))
        go_on.setChecked(session.kept("Adjudicate.go_on", go_on.isChecked()))
        go_on.toggled.connect(partial(session.keep, "Adjudicate.go_on"))

    def _make_choosing_page(self) -> None:
        self.experts = ExpertsPart(self)
        self.min_size = SpinBox(
            name="min_size",
            label="Smallest region\n(pixels)",
            min=1,
            max=1_000_000,
            tooltip="Smaller disputed regions are not asked about and keep the consensus.",
        )
        self.start_button = make_button("Start", self.start, "List the regions that the experts dispute.")
        self.resume_button = make_button(
            "Resume...", self.ask_resume, "Go on with a saved session of the same annotations."
        )
        self.choosing = QWidget()
        layout = QVBoxLayout(self.choosing)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.experts)
        form = Container(widgets=[self.min_size], labels=True)
        form.margins = (0, 0, 0, 0)
        layout.addWidget(form.native)
        layout.addWidget(make_row([self.start_button, self.resume_button]))
        self.experts.changed.connect(self.update_buttons)
