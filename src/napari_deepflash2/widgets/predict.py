"""Dock *Predict*: an image and an ensemble in, layers that grow out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, Container, Widget
from napari.components import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from ..config import Configuration, PredictionConfig
from ..data.channels import check_choice, parse_channels
from ..ensemble.manifest import Manifest
from ..errors import InputError
from ..viewer.grids import levels_of
from ..viewer.growing_layers import PROBABILITIES, UNLIKE, GrowingLayers
from ..viewer.object_layer import OBJECTS
from ..viewer.placing import role_of
from ..viewer.predicting import LayerPrediction, predict_layer
from ..viewer.reading import count_channels, snapshot_image
from ..viewer.recent import recent_ensembles, remember_ensemble
from ..viewer.regions import KINDS, find_target
from ..viewer.student_preview import Aim
from .dock import Dock, make_button, make_folded, make_group, make_row, notes_text, set_ready, text_label
from .folders import folder_edit
from .forms import SectionForm, keep_tame
from .instant_preview import MILLISECONDS_BETWEEN_DRAWINGS
from .objects import ObjectsPart
from .pickers import channel_choice, channel_picker, image_picker, level_picker, shapes_picker
from .predict_words import card_of, result_of, why_not_channels
from .student import StudentPart

OUTPUTS = (OBJECTS, "epistemic", PROBABILITIES, "entropy")


class Predict(Dock):
    """Choose an image, an ensemble and a region; get labels and uncertainty as layers.

    Parameters
    ----------
    napari_viewer : napari.components.ViewerModel
        Given by napari.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__(napari_viewer)
        self._problem = ""
        self._needed: int | None = None
        self._growing: GrowingLayers | None = None
        self._make_inputs()
        self.predict_button = make_button("Predict", self.predict, "Predict the region; results grow.")
        self.stop_button = make_button("Stop", self.stop, "Stop after the present tiles; they are kept.")
        self.result_text = text_label("")
        self.objects = ObjectsPart(self.viewer)
        self.result = make_group("Result", [self.result_text, self.objects])
        self.result.setVisible(False)
        self.student = StudentPart(self, self._aim, self.configuration)
        self._timer = QTimer(self)
        self._timer.setInterval(MILLISECONDS_BETWEEN_DRAWINGS)
        self._timer.timeout.connect(self._draw)
        self._lay_out()
        self.image.changed.connect(self._image_chosen)
        self.channels.changed.connect(self._channels_chosen)
        self.taken.changed.connect(self.update_buttons)
        self.region.changed.connect(self._region_chosen)
        self.folder.changed.connect(self._folder_chosen)
        self.shapes.changed.connect(self.update_buttons)
        self.recent.changed.connect(self._recent_chosen)
        self.hear(self.session.ensemble_changed, self._take_ensemble)
        self.remember_changes([self.settings, self.outputs], self.configuration)
        self.hear(self.session.settings_changed, self._show_settings)
        self._take_ensemble()
        self.keep([self.image])
        self._image_chosen()
        self.keep([self.channels, self.taken, self.level, self.region, self.shapes, self.unlike])
        self.keep([self.objects.colouring])
        self._region_chosen()
        if self.kept_result is not None:
            self._tell_again(self.kept_result)

    def layers_changed(self) -> None:
        """Bring the pickers in step with the layers."""
        self.image.reset_choices()
        self.shapes.reset_choices()
        self._image_chosen()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        set_ready(self.predict_button, "Predicting." if self.is_busy else self._why_not())
        set_ready(self.stop_button, "" if self.is_busy else "Nothing is being predicted.")
        self.student.update_buttons()

    def predict(self) -> None:
        """Start the prediction."""
        layer = self.image.value
        try:
            config = self.configuration()
            chosen = self._chosen_channels()
            taken = snapshot_image(layer, self.channels.value, self.level.value, channels=chosen)
            target = find_target(self.viewer, self.region.value, layer, taken, self.shapes.value)
        except InputError as error:
            self.refuse(error)
            return
        self.result.setVisible(False)
        self._growing = GrowingLayers(self.viewer, taken, target, self._wanted())
        job = partial(predict_layer, taken, target, self.folder.value, config, self._growing)
        self.run(job, self._show, "loading the ensemble", self._ended)
        self._timer.start()

    def configuration(self) -> Configuration:
        """Take over what the forms hold."""
        return self.session.configure("prediction", self.settings.values() | self.outputs.values())

    def _show_settings(self) -> None:
        for form in (self.settings, self.outputs):
            form.show_values(self.session.configuration.prediction)

    def _wanted(self) -> list[str]:
        asked = [role for role, is_asked in self.outputs.values().items() if is_asked]
        if OBJECTS in asked:
            # They are told by their probabilities.
            asked = [role for role in asked if role not in (OBJECTS, PROBABILITIES)] + [PROBABILITIES]
        if "entropy" in asked:
            asked.append("mutual_information")
        return asked + ([UNLIKE] if self.unlike.value else [])

    def _draw(self) -> None:
        if self._growing is not None:
            self._growing.look()

    def _show(self, prediction: LayerPrediction) -> None:
        self._tell(prediction)
        self.objects.show_objects(prediction.objects)
        self.keep_result(prediction)
        self.say(notes_text(prediction.notes))
        if self.folder.value:
            remember_ensemble(self.folder.value)
            self.recent.reset_choices()

    def _tell(self, prediction: LayerPrediction) -> None:
        self.result_text.setText(result_of(prediction))
        self.result.setVisible(True)

    def _tell_again(self, prediction: LayerPrediction) -> None:
        self._tell(prediction)
        if any(role_of(layer) == OBJECTS for layer in self.viewer.layers):
            # Else the user has removed them.
            self.objects.show_objects(prediction.objects)

    def _ended(self) -> None:
        self._timer.stop()
        growing, self._growing = self._growing, None
        lost = () if growing is None else growing.settle()
        if lost:
            named = ", ".join(f'"{name}"' for name in lost)
            told = f"Removed while it was predicted, and left out: {named}. Predict again to have it back."
            self.say("\n".join(filter(None, [told, self.message.text()])))

    def _image_chosen(self) -> None:
        self.channels.reset_choices()
        self.level.reset_choices()
        layer = self.image.value
        self.level.visible = layer is not None and levels_of(layer) > 1
        self._channels_chosen()

    def _channels_chosen(self) -> None:
        self.taken.visible = self._n_channels > 1
        self.update_buttons()

    @property
    def _n_channels(self) -> int:
        layer, axis = self.image.value, self.channels.value
        # The layer may have got other data since the axis was chosen; this is refused when it is predicted.
        is_known = layer is not None and (axis is None or axis < layer.ndim - 2)
        return count_channels(layer, axis) if is_known else 1

    def _chosen_channels(self) -> tuple[int, ...] | None:
        """Read which channels are to be taken; what is typed does not count where it is not shown."""
        available = self._n_channels
        chosen = parse_channels(self.taken.value) if available > 1 else None
        if chosen is not None:
            check_choice(f'layer "{self.image.value.name}"', chosen, available)
        return chosen

    def _why_not_channels(self) -> str:
        try:
            chosen = self._chosen_channels()
        except InputError as error:
            return str(error)
        return "" if self._needed is None else why_not_channels(self._n_channels, chosen, self._needed)

    def _region_chosen(self) -> None:
        self.shapes.visible = self.region.value == "shape"
        self.update_buttons()

    def _folder_chosen(self, folder: Path | None) -> None:
        self._problem, self._needed = "", None
        self.session.ensemble_folder = folder
        try:
            self._show_card(Manifest.load(folder) if folder else None)
        except InputError as error:
            self._problem = str(error)
            self.card.setText(self._problem)
        self.student.show_ensemble(None if self._problem else folder)
        self.update_buttons()

    def _show_card(self, manifest: Manifest | None) -> None:
        self._needed = None if manifest is None else manifest.channels
        self.card.setText("" if manifest is None else card_of(manifest))

    def _recent_chosen(self, folder: Path | None) -> None:
        if folder is not None:
            self.folder.value = folder

    def _take_ensemble(self) -> None:
        if self.session.ensemble_folder is not None:
            self.folder.value = self.session.ensemble_folder
            self._folder_chosen(self.session.ensemble_folder)

    def _aim(self) -> Aim | None:
        layer, folder = self.image.value, self.folder.value
        if layer is None or not folder or self._problem:
            return None
        config = self.session.configuration.prediction
        try:
            channels = self._chosen_channels()
        except InputError:
            # Why is said at the button Predict.
            return None
        return Aim(layer, self.channels.value, self.level.value, folder, config, channels)

    def _why_not(self) -> str:
        if self.image.value is None:
            return "Open an image first."
        if self.region.value == "shape" and self.shapes.value is None:
            return "Draw a shape in a Shapes layer first, or choose another region."
        if not self.folder.value:
            return "Choose the folder of an ensemble first."
        return self._problem or self._why_not_channels()

    def _make_inputs(self) -> None:
        self.image = image_picker(self.viewer, False, "The image to predict.")
        self.channels = channel_picker(self.image)
        self.taken = channel_choice()
        self.level = level_picker(self.image)
        self.folder = folder_edit("ensemble", "Ensemble", "The folder that training wrote.")
        self.recent = _recent_picker()
        self.card = text_label("")
        self.region = ComboBox(
            name="region",
            label="Region",
            choices=KINDS,
            tooltip="What to predict: every plane, the one that is shown, what of it is in view, or the "
            "rectangle around a shape. Regions of one image are put together.",
        )
        self.shapes = shapes_picker(self.viewer)
        values = self.session.configuration.prediction
        self.outputs = SectionForm(PredictionConfig, OUTPUTS, values)
        self.unlike = CheckBox(
            value=True,
            name="unlike",
            label="Unlike",
            tooltip="A map of what is unlike the training images, where the ensemble can tell.",
        )
        left = [name for name in PredictionConfig.model_fields if name not in OUTPUTS]
        self.settings = SectionForm(PredictionConfig, left, values)

    def _lay_out(self) -> None:
        folded = make_folded("More settings", [self.settings.native])
        for widget in (
            make_group("Image", [_form(self.image, self.channels, self.taken, self.level)]),
            make_group("Ensemble", [self.folder.native, _form(self.recent), self.card]),
            make_group("Where", [_form(self.region, self.shapes)]),
            make_folded("More layers", [self.outputs.native, _form(self.unlike)]),
            folded,
            make_folded("Preview network", [self.student]),
            make_row([self.predict_button, self.stop_button]),
            self.progress,
            self.message,
            self.result,
        ):
            self.page.addWidget(widget)
        keep_tame(self)


def _form(*widgets: Widget) -> QWidget:
    form = Container(widgets=widgets, labels=True)
    form.margins = (0, 0, 0, 0)
    return form.native


def _recent_picker() -> ComboBox:
    def choices(_: Any) -> list[tuple[str, Path]]:
        return [(f"{folder.parent.name}/{folder.name}", folder) for folder in recent_ensembles()]

    tip = "Ensembles that predicted last."
    return ComboBox(name="recent", label="Recent", choices=choices, nullable=True, tooltip=tip)
