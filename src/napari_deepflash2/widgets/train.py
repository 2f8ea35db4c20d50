"""Dock *Train ensemble*: pairs of images and masks in, an ensemble folder out."""

from __future__ import annotations

from collections.abc import Sequence

from napari.components import ViewerModel

from ..config import Configuration
from ..viewer.pairs import LayerPair, Pair
from ..viewer.training_data import Taken, take_pairs
from .data_check import DataCheckPart
from .dock import Dock, make_group
from .forms import keep_tame
from .pairs import PairsPart
from .train_estimate import EstimatePart
from .train_run import RunPart
from .train_settings import SettingsPart
from .train_trials import TrialsPart


class TrainEnsemble(Dock):
    """Collect pairs and settings; train in a process that outlives the viewer.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self.pairs = PairsPart(self)
        self.check = DataCheckPart(self, self.pairs, self._collected)
        self.settings = SettingsPart(self, self.pairs.options.values)
        self.trials = TrialsPart(self, self.pairs, self._collected, self.settings.take_rate)
        self.estimate = EstimatePart(self._asked, self._is_quiet)
        self.training = RunPart(self, self._collected, self._why_no_data)
        for widget in (
            make_group("Images and masks", [self.pairs, self.check]),
            self.settings,
            self.trials,
            self.estimate,
            self.training,
        ):
            self.page.addWidget(widget)
        keep_tame(self)
        self.hear(self.session.pairs_changed, self._pairs_changed)
        self.hear(self.session.settings_changed, self._show_settings)
        self.remember_changes([*self.settings.forms, *self.pairs.options.forms], self._settings_changed)
        self.training.out.changed.connect(self.estimate.changed)
        self.layers_changed()
        self.keep([self.training.out, *self.pairs.options.axes])
        self.training.find_run()

    def layers_changed(self) -> None:
        """Drop pairs whose layers are gone, and write names anew."""
        self.pairs.refresh()
        pairs = self.session.pairs
        has_experts = any(isinstance(pair, LayerPair) and pair.has_experts for pair in pairs)
        self.settings.experts.setVisible(has_experts)
        self.training.layers_changed()
        self.estimate.changed()
        self.update_buttons()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        self.pairs.update_buttons()
        self.check.update_buttons()
        self.settings.update_buttons()
        self.trials.update_buttons()
        self.training.update_buttons()

    def configuration(self) -> Configuration:
        """Take over what the forms hold."""
        return self.settings.configuration()

    def _settings_changed(self) -> None:
        self.configuration()
        self.settings.changed()
        self.estimate.changed()

    def _show_settings(self) -> None:
        self.pairs.options.show_values(self.session.configuration.data)
        self.estimate.changed()

    def _pairs_changed(self) -> None:
        self.check.forget()
        self.layers_changed()

    def _asked(self) -> tuple[Sequence[Pair], Configuration]:
        return list(self.session.pairs), self.configuration()

    def _is_quiet(self) -> bool:
        run = self.session.run
        return not self.is_busy and (run is None or run.state.has_ended)

    def _collected(self) -> tuple[Sequence[Taken], Configuration]:
        return take_pairs(self.session.pairs), self.configuration()

    def _why_no_data(self) -> str:
        return "" if self.session.pairs else "Add images with their masks first."
