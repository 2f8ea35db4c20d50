"""Hearing about layers, and from the session, for as long as a dock lives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakMethod

from napari.components import ViewerModel
from napari.utils.events import EventEmitter
from psygnal import SignalInstance


class Watch:
    """Calls a method at events of napari's.

    Parameters
    ----------
    emitters : sequence of napari.utils.events.EventEmitter
        What to hear.
    callback : bound method
        Held weakly, so that the watch does not keep a closed dock alive.
    """

    def __init__(self, emitters: Sequence[EventEmitter], callback: Callable[[], None]) -> None:
        self._callback = WeakMethod(callback)
        self._emitters = tuple(emitters)
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


class LayerWatch(Watch):
    """Calls a method when layers come, go, move or are renamed.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers to watch.
    callback : bound method
        Held weakly.
    """

    def __init__(self, viewer: ViewerModel, callback: Callable[[], None]) -> None:
        events = viewer.layers.events
        super().__init__((events.inserted, events.removed, events.reordered, events.renamed), callback)


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
