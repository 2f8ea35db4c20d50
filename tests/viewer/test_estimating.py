import json

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_deepflash2.config import Configuration
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import ignore_progress
from napari_deepflash2.viewer import estimating
from napari_deepflash2.viewer.estimating import Told, estimate, plan_of, room_text
from napari_deepflash2.viewer.pairs import AS_IT_IS, Taking, make_pair, pair_folders


@pytest.fixture
def viewer():
    return ViewerModel()


def _pair(viewer, shape, how=AS_IT_IS, rgb=False, **spatial):
    image = viewer.add_image(np.zeros(shape), rgb=rgb, **spatial)
    drawn = [n for axis, n in enumerate(shape) if axis != how.channel_axis][: -1 if rgb else None]
    own = {name: value[-len(drawn) :] for name, value in spatial.items()}
    return make_pair(image, viewer.add_labels(np.zeros(drawn, int), **own), how)


def test_every_plane_counts_and_channels_are_none(viewer):
    pairs = [_pair(viewer, (3, 48, 64)), _pair(viewer, (32, 40))]
    planned = plan_of(pairs, Configuration())
    assert planned.shapes == ((48, 64),) * 3 + ((32, 40),)
    assert planned.channels == 1
    assert plan_of([_pair(viewer, (5, 48, 64), Taking(0))], Configuration()).channels == 5
    assert plan_of([_pair(viewer, (48, 64, 3), rgb=True)], Configuration()).channels == 3
    assert planned == plan_of(pairs, Configuration())
    assert planned != plan_of(pairs, Configuration().replace("training", iterations=5))


def test_the_pixel_size_that_is_trained_at_counts(viewer):
    pair = _pair(viewer, (48, 64), scale=(0.5, 0.5), units=("um", "um"))
    config = Configuration().replace("data", target_pixel_size=1.0)
    assert plan_of([pair], config).shapes == ((24, 32),)
    with pytest.raises(InputError, match="pixel size"):
        plan_of([_pair(viewer, (48, 64))], config)


def test_a_process_of_its_own_is_asked_about_layers_and_files(viewer, tmp_path, monkeypatch):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        for number in range(4):
            tifffile.imwrite(tmp_path / name / f"{number}.tif", np.zeros((32, 40), np.uint8))
    asked = {}

    def run(arguments, task, progress, question):
        asked.update(json.loads(question), module=arguments[0])
        return json.dumps({"text": "soon", "disk_bytes": 10, "seconds": 1})

    monkeypatch.setattr(estimating, "run_child", run)
    pairs = [_pair(viewer, (48, 64)), pair_folders(tmp_path / "images", tmp_path / "masks")]
    assert estimate(plan_of(pairs, Configuration()), ignore_progress) == Told("soon", 10)
    assert asked["module"] == "napari_deepflash2.jobs.estimate"
    assert asked["shapes"] == [[48, 64]] + [[32, 40]] * 4
    assert Configuration.of(asked["settings"]) == Configuration()


def test_of_files_the_channels_that_the_settings_take_are_counted(viewer, tmp_path, monkeypatch):
    for name, shape in (("images", (32, 40, 3)), ("masks", (32, 40))):
        (tmp_path / name).mkdir()
        for number in range(2):
            pixels = np.random.default_rng(number).integers(0, 2, shape, np.uint8)
            tifffile.imwrite(tmp_path / name / f"{number}.tif", pixels)
    asked = {}

    def run(arguments, task, progress, question):
        asked.update(json.loads(question))
        return json.dumps({"text": "soon", "disk_bytes": 10})

    monkeypatch.setattr(estimating, "run_child", run)
    pairs = [pair_folders(tmp_path / "images", tmp_path / "masks")]
    estimate(plan_of(pairs, Configuration().replace("data", channels=(2, 0))), ignore_progress)
    assert asked["channels"] == 2


def test_a_disk_with_too_little_room_is_told_before_the_start(tmp_path):
    assert room_text(Told("", 10), tmp_path / "not" / "there") == ""
    assert "are free there" in room_text(Told("", 10**18), tmp_path / "not" / "there")
    assert room_text(Told("", 10**18), None) == ""
