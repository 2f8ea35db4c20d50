"""Hearing about layers, and from the session, for as long as a dock lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

from napari.components import ViewerModel
from psygnal import SignalInstance


class LayerWatch:
    """Calls a method when layers come, go, move or are renamed.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers to watch.
    callback : bound method
        Held weakly, so that the watch does not keep a closed dock alive.
    """

    def __init__(self, viewer: ViewerModel, callback: Callable[[], None]) -> None:
        self._callback = WeakMethod(callback)
        events = viewer.layers.events
        self._emitters = (events.inserted, events.removed, events.reordered, events.renamed)
        for emitter in self._emitters:
            emitter.connect(self._changed)

    def stop(self, *_: Any) -> None:
        """Hear no more; Qt calls it when the dock is destroyed."""
        for emitter in self._emitters:
            emitter.disconnect(self._changed)

    def _changed(self, event: Any = None) -> None:
        callback = self._callback()
        if callback is not None:
            callback()


class Hearing:
    """Calls back at a signal until it is stopped.

    A dock stops it when it is destroyed, by this method and by no lambda: where the dock's Python side has
    gone first, Python may have cleared a lambda that Qt still calls, which ends the process.

    Parameters
    ----------
    signal : psygnal.SignalInstance
        Of something that outlives the dock.
    callback : callable
        What to call.
    """

    def __init__(self, signal: SignalInstance, callback: Callable[..., None]) -> None:
        self._signal, self._callback = signal, callback
        signal.connect(callback)

    def stop(self, *_: Any) -> None:
        """Hear no more; Qt calls it when the dock is destroyed."""
        self._signal.disconnect(self._callback, missing_ok=True)
