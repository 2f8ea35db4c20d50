"""Dock *Estimate ground truth*: one mask out of several experts'."""

from __future__ import annotations

from functools import partial

from napari.components import ViewerModel
from napari.layers import Image, Labels

from ..config import Configuration, ConsensusConfig
from ..errors import InputError
from ..viewer.experts import Estimate, estimate, show_estimate, take_annotations
from .continuing import ContinueButton
from .dock import Dock, make_button, make_folded, make_group, notes_text, set_ready, text_label
from .experts import ExpertsPart
from .forms import SectionForm
from .tables import Cells, Table

# The weighted vote needs a weight for each expert, which this dock has no place for.
METHODS = {
    "staple": "For experts of different skill: weighs each by the sensitivity and specificity it estimates.",
    "majority": "For experts of equal skill: what most of them marked.",
    "at_least": "For a chosen strictness: what at least so many experts marked.",
    "union": "To miss nothing: what any expert marked.",
    "intersection": "For what is beyond doubt: what every expert marked.",
}
ADVANCED = ["undecided_label", "max_iterations", "tolerance"]


class EstimateGroundTruth(Dock):
    """Choose the experts' Labels layers and a method; get the consensus.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        values = self.session.configuration.consensus
        self.experts = ExpertsPart(self)
        self.method = SectionForm(ConsensusConfig, ["method", "min_votes"], values, {"method": list(METHODS)})
        self.hint = text_label("")
        self.more = SectionForm(ConsensusConfig, ADVANCED, values)
        folded = make_folded("More settings", [self.more.native])
        self.estimate_button = make_button(
            "Estimate", self.estimate, "Estimate the ground truth from the ticked experts."
        )
        self.table = Table()
        self.continue_button = ContinueButton(self, "Estimate the ground truth first.", "estimate again")
        self.result = make_group("Experts against the consensus", [self.table, self.continue_button])
        self.result.setVisible(False)
        for widget in (
            self.experts,
            make_group("Method", [self.method.native, self.hint, folded]),
            self.estimate_button,
            self.job_bar,
            self.message,
            self.result,
        ):
            self.page.addWidget(widget)
        self.method.method.changed.connect(self._method_chosen)
        self.experts.changed.connect(self.update_buttons)
        self.remember_changes([self.method, self.more, self.experts.meaning], self.configuration)
        self.hear(self.session.settings_changed, self._show_settings)
        self._method_chosen(self.method.method.value)
        self.keep([self.experts.image_box])
        if self.kept_result is not None:
            self._tell(*self.kept_result)
        self.update_buttons()

    def layers_changed(self) -> None:
        """Bring the pickers in step with the layers."""
        self.experts.refresh()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        self.experts.show_busy(self.is_busy)
        busy = "Estimating." if self.is_busy else ""
        set_ready(self.estimate_button, busy or self.experts.why_not(1))
        self.continue_button.refresh(busy)

    def estimate(self) -> None:
        """Start the estimation."""
        try:
            config = self.configuration()
            taken = take_annotations(self.experts.layers(), self.experts.image())
        except InputError as error:
            self.refuse(error)
            return
        self.run(partial(estimate, taken, config), partial(self._show, self.experts.image()), "estimating")

    def configuration(self) -> Configuration:
        """Take over what the forms hold."""
        self.session.configure("data", self.experts.meaning.values())
        return self.session.configure("consensus", self.method.values() | self.more.values())

    def _show_settings(self) -> None:
        settings = self.session.configuration
        self.method.show_values(settings.consensus)
        self.more.show_values(settings.consensus)
        self.experts.meaning.show_values(settings.data)

    def _show(self, image: Image | None, result: Estimate) -> None:
        consensus, _ = show_estimate(self.viewer, result)
        self._tell(consensus, image, result)
        self.keep_result((consensus, image, result))
        self.say(notes_text(result.notes))
        self.update_buttons()

    def _tell(self, consensus: Labels, image: Image | None, result: Estimate) -> None:
        self.continue_button.offer(consensus, image)
        self.table.show_cells(Cells.of(result.experts))
        self.result.setVisible(True)

    def _method_chosen(self, method: str) -> None:
        self.hint.setText(METHODS[method])
        self.method.min_votes.visible = method == "at_least"
