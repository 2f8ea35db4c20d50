"""Cases E of the catalogue that are of no dock: what layers are, and what outlives what."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_deepflash2.errors import InputError
from napari_deepflash2.viewer.experts import take_annotations
from napari_deepflash2.viewer.pairs import make_pair
from napari_deepflash2.viewer.reading import snapshot_image
from napari_deepflash2.viewer.training import start
from napari_deepflash2.viewer.training_data import data_on_disk, take_pairs


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.mark.parametrize(("shape", "dtype"), [((12, 10, 3), np.float32), ((2, 12, 10, 4), np.uint8)])
def test_e3_the_flag_of_the_layer_says_what_are_colours(viewer, shape, dtype):
    data = np.random.default_rng(0).random(shape).astype(dtype)
    colours = snapshot_image(viewer.add_image(data, rgb=True))
    assert [plane.shape for _, plane in colours.planes()] == [(12, 10, shape[-1])] * int(np.prod(shape[:-3]))
    planes = snapshot_image(viewer.add_image(data, rgb=False))
    assert {plane.shape for _, plane in planes.planes()} == {shape[-2:]}


def test_e4_of_an_image_with_time_depth_and_channels_every_plane_is_taken_as_it_was_told(viewer):
    data = np.arange(2 * 3 * 4 * 6 * 5).reshape(2, 3, 4, 6, 5)
    layer = viewer.add_image(data, axis_labels=("t", "z", "c", "y", "x"))
    told = snapshot_image(layer, channel_axis=2)
    found = dict(told.planes())
    assert set(found) == set(np.ndindex(2, 3))
    for (time, depth), plane in found.items():
        np.testing.assert_array_equal(plane, np.moveaxis(data[time, depth], 0, -1))
    assert len(list(snapshot_image(layer).planes())) == 2 * 3 * 4


def test_e5_a_mask_of_another_place_is_refused_by_both_names_for_training_too(viewer):
    image = viewer.add_image(np.zeros((8, 8)), name="cells", scale=(0.5, 0.5))
    mask = viewer.add_labels(np.zeros((8, 8), int), name="truth", scale=(0.6, 0.5))
    with pytest.raises(InputError, match=r'"cells".*"truth"|"truth".*"cells"'):
        make_pair(image, mask)


def test_e6_masks_of_booleans_are_masks(viewer):
    drawn = np.eye(8, dtype=bool)
    layers = [viewer.add_labels(drawn, name=f"expert {number}") for number in (1, 2)]
    taken = take_annotations(layers, None)
    np.testing.assert_array_equal(taken.experts[0].whole() != 0, drawn)


def test_e15_what_is_painted_while_the_data_are_written_is_not_trained_on(viewer, tmp_path):
    image = viewer.add_image(np.ones((8, 8), np.float32), name="cells")
    mask = viewer.add_labels(np.eye(8, dtype=int), name="truth")
    taken = take_pairs([make_pair(image, mask)])
    mask.data[:] = 1
    image.data[:] = 9
    found = data_on_disk(taken, tmp_path, lambda _: None)
    np.testing.assert_array_equal(tifffile.imread(next(found.masks.iterdir())), np.eye(8))
    np.testing.assert_array_equal(tifffile.imread(next(found.images.iterdir())), np.ones((8, 8)))


@pytest.mark.skipif(os.name == "nt", reason="there are no sessions and hang-ups")
def test_e9_the_end_of_a_terminal_or_kernel_does_not_reach_the_training(viewer, tmp_path, monkeypatch):
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr("napari_deepflash2.viewer.training.python_executable", lambda: str(sleeper))
    pids = []
    real = subprocess.Popen

    def popen(*arguments, **options):
        process = real(*arguments, **options)
        pids.append(process.pid)
        return process

    monkeypatch.setattr("napari_deepflash2.viewer.training.subprocess.Popen", popen)
    image = viewer.add_image(np.zeros((8, 8)), name="cells")
    pair = make_pair(image, viewer.add_labels(np.eye(8, dtype=int)))
    from napari_deepflash2 import Configuration

    run = start(take_pairs([pair]), tmp_path / "ensemble", Configuration(), lambda _: None)
    [pid] = pids
    try:
        # A hang-up goes to the session of the terminal, Ctrl-C to its foreground group.
        assert os.getsid(pid) == pid != os.getsid(0)
        assert os.getpgid(pid) == pid != os.getpgid(0)
        assert run.is_alive()
    finally:
        os.kill(pid, signal.SIGKILL)


PROGRAM = """
import sys

class NoWindow:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"napari", "qtpy", "PyQt6", "PySide6", "vispy", "magicgui", "superqt"}:
            raise ImportError(f"{name} is not to be had here")

sys.meta_path.insert(0, NoWindow())
from napari_deepflash2.cli import main
sys.argv[1:] = ARGUMENTS
main()
"""


def test_e12_the_command_line_needs_no_screen_no_qt_and_no_napari(tmp_path):
    for expert in ("ann", "bob"):
        (tmp_path / "experts" / expert).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "experts" / expert / "1.tif", np.eye(16, dtype=np.uint8))
    arguments = ["consensus", str(tmp_path / "experts"), "--out", str(tmp_path / "out")]
    without = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "QT_API"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("ARGUMENTS", repr(arguments))],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in without},
    )
    assert done.returncode == 0, done.stderr
    masks = list((tmp_path / "out").rglob("*.tif"))
    assert masks
    np.testing.assert_array_equal(tifffile.imread(masks[0]) > 0, np.eye(16) > 0)
