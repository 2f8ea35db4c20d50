"""Dock *Predict*: an image and an ensemble in, labels and uncertainty out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from magicgui.widgets import Container
from napari.components import ViewerModel

from ..config import Configuration, PredictionConfig
from ..ensemble.manifest import Manifest
from ..errors import InputError
from ..viewer.predicting import LayerPrediction, predict_layer, show_prediction
from ..viewer.reading import snapshot_image
from .dock import Dock, make_button, make_folded, make_group, make_row, notes_text, set_ready, text_label
from .folders import folder_edit
from .forms import SectionForm, keep_tame
from .pickers import channel_picker, image_picker
from .predict_words import card_of, result_of


class Predict(Dock):
    """Choose an image and an ensemble; get labels and uncertainty as layers.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self._problem = ""
        self.image = image_picker(self.viewer, False, "The image to predict.")
        self.channels = channel_picker(self.image)
        self.folder = folder_edit("ensemble", "Ensemble", "The folder that training wrote.")
        self.card = text_label("")
        self.settings = SectionForm(PredictionConfig, None, self.session.configuration.prediction)
        self.predict_button = make_button("Predict", self.predict, "Predict every plane of the image.")
        self.stop_button = make_button("Stop", self.stop, "Stop after the present tiles.")
        self.result_text = text_label("")
        self.result = make_group("Result", [self.result_text])
        self.result.setVisible(False)
        self._lay_out()
        self.image.changed.connect(self._image_chosen)
        self.folder.changed.connect(self._folder_chosen)
        self.hear(self.session.ensemble_changed, self._take_ensemble)
        self.remember_changes([self.settings], self.configuration)
        self.hear(self.session.settings_changed, self._show_settings)
        self._take_ensemble()
        self.update_buttons()

    def layers_changed(self) -> None:
        """Bring the picker in step with the layers."""
        self.image.reset_choices()
        self._image_chosen()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        set_ready(self.predict_button, "Predicting." if self.is_busy else self._why_not())
        set_ready(self.stop_button, "" if self.is_busy else "Nothing is being predicted.")

    def predict(self) -> None:
        """Start the prediction."""
        try:
            config = self.configuration()
            taken = snapshot_image(self.image.value, self.channels.value)
        except InputError as error:
            self.refuse(error)
            return
        self.run(partial(predict_layer, taken, self.folder.value, config), self._show, "loading the ensemble")

    def configuration(self) -> Configuration:
        """Take over what the form holds."""
        return self.session.configure("prediction", self.settings.values())

    def _show_settings(self) -> None:
        self.settings.show_values(self.session.configuration.prediction)

    def _show(self, prediction: LayerPrediction) -> None:
        show_prediction(self.viewer, prediction)
        self.result_text.setText(result_of(prediction))
        self.result.setVisible(True)
        self.say(notes_text(prediction.notes))

    def _image_chosen(self) -> None:
        self.channels.reset_choices()
        self.update_buttons()

    def _folder_chosen(self, folder: Path | None) -> None:
        self._problem = ""
        self.session.ensemble_folder = folder
        try:
            self.card.setText(card_of(Manifest.load(folder)) if folder else "")
        except InputError as error:
            self._problem = str(error)
            self.card.setText(self._problem)
        self.update_buttons()

    def _take_ensemble(self) -> None:
        if self.session.ensemble_folder is not None:
            self.folder.value = self.session.ensemble_folder
            self._folder_chosen(self.session.ensemble_folder)

    def _why_not(self) -> str:
        if self.image.value is None:
            return "Open an image first."
        return self._problem or ("" if self.folder.value else "Choose the folder of an ensemble first.")

    def _lay_out(self) -> None:
        pickers = Container(widgets=[self.image, self.channels], labels=True)
        pickers.margins = (0, 0, 0, 0)
        folded = make_folded("More settings", [self.settings.native])
        for widget in (
            make_group("Image", [pickers.native]),
            make_group("Ensemble", [self.folder.native, self.card]),
            folded,
            make_row([self.predict_button, self.stop_button]),
            self.progress,
            self.message,
            self.result,
        ):
            self.page.addWidget(widget)
        keep_tame(self)
