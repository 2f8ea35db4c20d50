"""What the docks of one viewer share, and what a dock finds again when it is opened once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

from napari.components import ViewerModel
from napari.layers import Labels, Layer
from psygnal import Signal

from ..config import Configuration
from .pairs import Pair
from .placing import is_annotation
from .recent import remember_run
from .training import TrainingRun


class Session:
    """State of one viewer.

    Attributes
    ----------
    configuration : Configuration
        What the forms of the docks hold.
    pairs : list of Pair
        What the next ensemble is trained on.
    run : TrainingRun or None
        The last training run, still going or not.
    is_starting : bool
        Whether the data of the next run are being written.
    ensemble_folder : pathlib.Path or None
        The ensemble that predicts.
    results : dict of str to object
        What each dock showed last, by the dock's name.
    """

    pairs_changed = Signal()
    ensemble_changed = Signal()
    run_changed = Signal()
    settings_changed = Signal()

    def __init__(self) -> None:
        self.configuration = Configuration()
        self.pairs: list[Pair] = []
        self.run: TrainingRun | None = None
        self.is_starting = False
        self.ensemble_folder: Path | None = None
        self.results: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}
        self._ticked: dict[str, bool] = {}

    def configure(self, section: str, values: dict[str, Any]) -> Configuration:
        """Take over what a form holds; an `InputError` names a setting out of its range."""
        self.configuration = self.configuration.replace(section, **values)
        return self.configuration

    def take_settings(self, configuration: Configuration) -> None:
        """Take over all settings at once; forms show them anew."""
        self.configuration = configuration
        self.settings_changed.emit()

    def keep(self, name: str, value: Any) -> None:
        """Remember what was chosen; a layer only for as long as it is there."""
        self._kept[name] = ref(value) if isinstance(value, Layer) else value

    def kept(self, name: str, otherwise: Any) -> Any:
        """Give what was chosen, or `otherwise` where nothing was or the layer is gone."""
        value = self._kept.get(name, otherwise)
        if not isinstance(value, ReferenceType):
            return value
        layer = value()
        return otherwise if layer is None else layer

    def is_expert(self, layer: Labels) -> bool:
        """Whether a Labels layer counts as an expert's: as the user ticked it, else where it is visible."""
        return self._ticked.get(str(layer.unique_id), bool(layer.visible) and is_annotation(layer))

    def tick(self, layer: Labels, ticked: bool) -> None:
        """Remember whether the user counts this layer as an expert's."""
        self._ticked[str(layer.unique_id)] = ticked

    def add_pairs(self, pairs: list[Pair]) -> None:
        """Add what is not there yet."""
        self.pairs += [pair for pair in pairs if pair not in self.pairs]
        self.pairs_changed.emit()

    def keep_pairs(self, pairs: list[Pair]) -> None:
        """Go on with these pairs only."""
        if pairs != self.pairs:
            self.pairs = pairs
            self.pairs_changed.emit()

    def replace_pair(self, row: int, pair: Pair) -> None:
        """Put another pair in the place of one."""
        self.pairs[row] = pair
        self.pairs_changed.emit()

    def begin_run(self) -> None:
        """Say that a run is being started, so that no other dock starts one as well."""
        self.is_starting = True
        self.run_changed.emit()

    def take_run(self, run: TrainingRun) -> None:
        """Watch this run from now on, and find it again when napari was closed."""
        remember_run(run.folder)
        self.run = run
        self.end_of_start()

    def end_of_start(self) -> None:
        """Say that the run is started, or could not be."""
        self.is_starting = False
        self.run_changed.emit()

    def use_ensemble(self, folder: Path) -> None:
        """Predict with this ensemble from now on."""
        self.ensemble_folder = folder
        self.ensemble_changed.emit()


_sessions: WeakKeyDictionary[ViewerModel, Session] = WeakKeyDictionary()


def session_of(viewer: ViewerModel) -> Session:
    """Give the session of a viewer, which lives as long as the viewer."""
    # napari hands widgets a proxy that dies with the widget; the viewer behind it does not.
    return _sessions.setdefault(getattr(viewer, "__wrapped__", viewer), Session())
