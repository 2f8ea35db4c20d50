"""The part of the training dock that holds the settings: presets, forms, and their file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox, Container
from qtpy.QtWidgets import QFileDialog, QMessageBox, QVBoxLayout, QWidget

from ..config import PRESETS, AugmentationConfig, Configuration, TrainingConfig
from ..ensemble.networks import NETWORKS, download_weights
from ..ensemble.networks.pretrained import RELEASES, cache_folder, pretrained_file
from ..errors import InputError
from .dock import Dock, make_button, make_folded, make_group, make_row, set_ready, text_label
from .forms import SectionForm, keep_tame

BASIC = ["models", "iterations", "tile_size", "architecture"]
TARGET = ["target", "disagreement_weight"]
CUSTOM = "custom"
FILES = "Settings (*.toml *.yaml *.yml)"


class SettingsPart(QWidget):
    """Preset, the settings of training in forms, and buttons that save and load all settings.

    Parameters
    ----------
    dock : Dock
        Which it is a part of; shows the messages.
    other_values : callable
        Gives the settings of the part ``data``, which another part of the dock holds.
    """

    def __init__(self, dock: Dock, other_values: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._dock, self._data_values = dock, other_values
        self._make_forms(dock.session.configuration.training)
        self.forms = (self.target, self.basic, self.more, self.augmentation)
        self._make_preset()
        self.save_button = make_button(
            "Save settings…", self.ask_save, "Write all settings to one file, also for the command line."
        )
        self.load_button = make_button(
            "Load settings…", self.ask_load, "Read all settings from a file of the dock or the command line."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (
            self.experts,
            make_group(
                "Settings",
                [self.choice.native, self.purpose, self.basic.native, self.network, self.weights_button],
            ),
            self._folded(),
            make_row([self.save_button, self.load_button]),
        ):
            layout.addWidget(widget)
        keep_tame(self)
        dock.hear(dock.session.settings_changed, self.show_settings)
        self.show_settings()

    def configuration(self) -> Configuration:
        """Take over what the forms hold."""
        session = self._dock.session
        session.configure("data", self._data_values())
        values = self.target.values() | self.basic.values() | self.more.values()
        return session.configure("training", values | {"augmentation": self.augmentation.values()})

    def changed(self) -> None:
        """Say what the settings now are, after one of them was changed by hand."""
        self._show_preset()
        self._show_network()

    def show_settings(self) -> None:
        """Show the settings of the session."""
        training = self._dock.session.configuration.training
        for form in (self.target, self.basic, self.more):
            form.show_values(training)
        self.augmentation.show_values(training.augmentation)
        self.changed()

    def update_buttons(self) -> None:
        """Say what can be done now."""
        set_ready(self.weights_button, "Wait for the job that runs." if self._dock.is_busy else "")

    def get_weights(self) -> None:
        """Ask whether to download the weights of the chosen network, and download them only then."""
        name = self.basic.architecture.value
        file = pretrained_file(name)
        if file is None:
            return
        question = (
            f"Download ImageNet's weights for {name} ({file.name}) from {RELEASES} into {cache_folder()}? "
            "Nothing of yours is sent."
        )
        if QMessageBox.question(self, "Get weights", question) == QMessageBox.StandardButton.Yes:
            self._dock.run(
                partial(download_weights, name),
                lambda path: self._dock.say(f"The weights are in {path}."),
                "downloading",
            )

    def take_rate(self, rate: float) -> None:
        """Train with this learning rate."""
        self.more.learning_rate.value = rate

    def ask_save(self) -> None:
        """Ask for a file and write the settings."""
        path, _ = QFileDialog.getSaveFileName(self, "Save settings", "settings.toml", FILES)
        if path:
            self.save(Path(path))

    def ask_load(self) -> None:
        """Ask for a file and take its settings."""
        path, _ = QFileDialog.getOpenFileName(self, "Load settings", "", FILES)
        if path:
            self.load(Path(path))

    def save(self, path: Path) -> None:
        """Write all settings."""
        try:
            self.configuration().save(path)
        except InputError as error:
            self._dock.refuse(error)
        except OSError as error:
            self._dock.refuse(
                InputError.one(
                    path,
                    f"cannot be written ({error.strerror})",
                    "Choose a folder that you may write to.",
                    "file-not-writable",
                )
            )
        else:
            self._dock.say(f"All settings are in {path}.")

    def load(self, path: Path) -> None:
        """Take all settings of a file; none where one of them is wrong."""
        try:
            found = Configuration.load(path)
        except InputError as error:
            self._dock.refuse(error)
            return
        self._dock.session.take_settings(found)
        self._dock.say(f"The settings of {path} are taken.")

    def _choose_preset(self, name: str) -> None:
        if name in PRESETS:
            try:
                self.configuration()
            except InputError as error:
                self._dock.refuse(error)
                return
            self._dock.session.take_settings(self._dock.session.configuration.with_preset(name))

    def _show_preset(self) -> None:
        name = preset_of(self._dock.session.configuration)
        with self.preset.changed.blocked():
            self.preset.value = name
        self.purpose.setText(PRESETS[name].purpose if name in PRESETS else "Settings of your own.")

    def _show_network(self) -> None:
        name = self.basic.architecture.value
        self.network.setText(network_text(name))
        self.weights_button.setVisible(can_download(name))

    def _make_forms(self, values: TrainingConfig) -> None:
        default = str(TrainingConfig.model_fields["architecture"].default)
        networks = {"architecture": list(dict.fromkeys([default, *NETWORKS]))}
        rest = [name for name in TrainingConfig.model_fields if name not in (*BASIC, *TARGET)]
        self.target = SectionForm(TrainingConfig, TARGET, values)
        self.basic = SectionForm(TrainingConfig, BASIC, values, networks)
        self.more = SectionForm(TrainingConfig, rest, values)
        self.augmentation = SectionForm(AugmentationConfig, None, values.augmentation)
        self.experts = make_group("What is learned from the experts", [self.target.native])
        self.network = text_label("")
        self.weights_button = make_button(
            "Get ImageNet weights…",
            self.get_weights,
            "Download what the network's encoder has learned from ImageNet; you are asked first.",
        )

    def _make_preset(self) -> None:
        self.preset = ComboBox(
            name="preset",
            label="Preset",
            choices=[*PRESETS, CUSTOM],
            tooltip="\n".join(f"{name}: {preset.purpose}" for name, preset in PRESETS.items()),
        )
        self.preset.changed.connect(self._choose_preset)
        self.choice = Container(widgets=[self.preset], labels=True)
        self.choice.margins = (0, 0, 0, 0)
        self.purpose = text_label("")

    def _folded(self) -> QWidget:
        how = text_label("How training tiles are varied:")
        return make_folded("More settings", [self.more.native, how, self.augmentation.native])


def preset_of(configuration: Configuration) -> str:
    """Name the preset that the settings are those of; ``custom`` where they are of none."""
    same = (name for name in PRESETS if configuration.with_preset(name) == configuration)
    return next(same, CUSTOM)


def can_download(network: str) -> bool:
    """Whether there are weights for a network that come by download and not with a package."""
    file = pretrained_file(network) if network in NETWORKS else None
    return file is not None and file.package is None


def network_text(name: str) -> str:
    """Say what a network is for and what it costs; empty where that is decided later."""
    entry = NETWORKS.get(name)
    if entry is None:
        return ""
    cost = f"{entry.parameters / 1e6:.1f} million parameters, {entry.gflops:.0f} GFLOPs for 512² pixels."
    return f"{entry.purpose} {cost}"
