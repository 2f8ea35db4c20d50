"""Dock *Train ensemble*: pairs of images and masks in, an ensemble folder out."""

from __future__ import annotations

from collections.abc import Sequence

from napari.components import ViewerModel
from superqt import QCollapsible

from ..config import AugmentationConfig, Configuration, TrainingConfig
from ..ensemble.networks import NETWORKS
from ..viewer.pairs import LayerPair
from ..viewer.training_data import Taken, take_pairs
from .data_check import DataCheckPart
from .dock import Dock, make_group, text_label
from .forms import SectionForm, keep_tame
from .pairs import PairsPart
from .train_run import RunPart

BASIC = ["models", "iterations", "tile_size", "architecture"]
TARGET = ["target", "disagreement_weight"]


class TrainEnsemble(Dock):
    """Collect pairs and settings; train in a process that outlives the viewer.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        training = self.session.configuration.training
        networks = {"architecture": list(NETWORKS)}
        self.pairs = PairsPart(self)
        self.check = DataCheckPart(self, self.pairs, self._collected)
        self.basic = SectionForm(TrainingConfig, BASIC, training, networks)
        self.target = SectionForm(TrainingConfig, TARGET, training)
        self.experts = make_group("What is learned from the experts", [self.target.native])
        rest = [name for name in TrainingConfig.model_fields if name not in (*BASIC, *TARGET)]
        self.more = SectionForm(TrainingConfig, rest, training)
        self.augmentation = SectionForm(AugmentationConfig, None, training.augmentation)
        self.training = RunPart(self, self._collected, self._why_no_data)
        for widget in (
            make_group("Images and masks", [self.pairs, self.check]),
            self.experts,
            make_group("Settings", [self.basic.native]),
            self._folded(),
            self.training,
        ):
            self.page.addWidget(widget)
        keep_tame(self)
        self.hear(self.session.pairs_changed, self._pairs_changed)
        forms = [self.target, self.basic, self.more, self.augmentation, *self.pairs.options.forms]
        self.remember_changes(forms, self.configuration)
        self.layers_changed()
        self.training.find_run()

    def layers_changed(self) -> None:
        """Drop pairs whose layers are gone, and write names anew."""
        self.pairs.refresh()
        pairs = self.session.pairs
        self.experts.setVisible(any(isinstance(pair, LayerPair) and pair.has_experts for pair in pairs))
        self.training.layers_changed()
        self.update_buttons()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        self.pairs.update_buttons()
        self.check.update_buttons()
        self.training.update_buttons()

    def configuration(self) -> Configuration:
        """Take over what the forms hold."""
        self.session.configure("data", self.pairs.options.values())
        values = self.target.values() | self.basic.values() | self.more.values()
        return self.session.configure("training", values | {"augmentation": self.augmentation.values()})

    def _pairs_changed(self) -> None:
        self.check.forget()
        self.layers_changed()

    def _collected(self) -> tuple[Sequence[Taken], Configuration]:
        return take_pairs(self.session.pairs), self.configuration()

    def _why_no_data(self) -> str:
        return "" if self.session.pairs else "Add images with their masks first."

    def _folded(self) -> QCollapsible:
        folded = QCollapsible("More settings")
        folded.addWidget(self.more.native)
        folded.addWidget(text_label("How training tiles are varied:"))
        folded.addWidget(self.augmentation.native)
        return folded
