"""Keys that hold while something is being done, and are given back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari.components import ViewerModel


class KeyRing:
    """Binds keys on the viewer and on whichever layer is active, since a layer's keys go before the viewer's.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where the keys are to work.
    actions : mapping of str to callable
        Key as napari writes it, such as ``"Shift+N"``, to what it does.
    """

    def __init__(self, viewer: ViewerModel, actions: Mapping[str, Callable[[], None]]) -> None:
        self._viewer = viewer
        self._actions = {key: _ignoring_arguments(action) for key, action in actions.items()}
        self._before: list[tuple[Any, dict[str, Any]]] = []
        self._take(viewer)
        self._active = viewer.layers.selection.events.active
        self._active.connect(self._follow)
        self._follow()

    def release(self, *_: Any) -> None:
        """Give all keys back to whom they belonged; a second call does nothing."""
        self._active.disconnect(self._follow)
        while self._before:
            self._give_back()

    def _follow(self, event: Any = None) -> None:
        while len(self._before) > 1:
            self._give_back()
        layer = self._viewer.layers.selection.active
        if layer is not None:
            self._take(layer)

    def _take(self, provider: Any) -> None:
        before = {key: provider.bind_key(key, act, overwrite=True) for key, act in self._actions.items()}
        self._before.append((provider, before))

    def _give_back(self) -> None:
        provider, before = self._before.pop()
        for key, action in before.items():
            provider.bind_key(key, action, overwrite=True)


def _ignoring_arguments(action: Callable[[], None]) -> Callable[..., None]:
    # napari hands the viewer or layer over, and takes a returned callable for what to do on release.
    def act(*_: Any) -> None:
        action()

    return act
