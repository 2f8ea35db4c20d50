import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.key_bindings import KeymapHandler

from napari_deepflash2.viewer.key_ring import KeyRing


@pytest.fixture
def viewer():
    return ViewerModel()


def _press(viewer, key):
    """As napari does: the active layer's keys go before the viewer's."""
    handler = KeymapHandler()
    active = viewer.layers.selection.active
    handler.keymap_providers = ([active] if active is not None else []) + [viewer]
    return handler.press_key(key)


def test_keys_hold_whatever_layer_is_active_and_are_given_back(viewer):
    pressed = []
    first = viewer.add_labels(np.zeros((4, 4), int))
    viewer.add_image(np.zeros((4, 4)))
    ring = KeyRing(viewer, {"1": lambda: pressed.append("1"), "Shift+N": lambda: pressed.append("N")})
    for active in (*viewer.layers, None):
        viewer.layers.selection.active = active
        assert _press(viewer, "1")
        assert _press(viewer, "Shift-N")
    assert pressed == ["1", "N"] * 3
    viewer.layers.selection.active = first
    ring.release()
    assert not _press(viewer, "1")
    assert not _press(viewer, "Shift-N")
    assert len(pressed) == 6


def test_keys_that_somebody_had_bound_come_back(viewer):
    said = []
    viewer.bind_key("N", lambda _: said.append("theirs"))
    layer = viewer.add_labels(np.zeros((4, 4), int))
    layer.bind_key("N", lambda _: said.append("theirs on the layer"))
    ring = KeyRing(viewer, {"N": lambda: said.append("ours")})
    _press(viewer, "N")
    ring.release()
    ring.release()
    _press(viewer, "N")
    viewer.layers.selection.active = None
    _press(viewer, "N")
    assert said == ["ours", "theirs on the layer", "theirs"]


def test_layers_that_come_and_go_meanwhile_keep_no_key(viewer):
    ring = KeyRing(viewer, {"N": lambda: None})
    layer = viewer.add_labels(np.zeros((4, 4), int))
    assert _press(viewer, "N")
    viewer.layers.remove(layer)
    assert not layer.keymap
    ring.release()
    assert not viewer.keymap
    viewer.add_labels(np.zeros((4, 4), int))
    assert not _press(viewer, "N")
