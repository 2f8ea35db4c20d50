"""Groups and blocks in a training run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_deepflash2.ensemble import load_ensemble, train_ensemble
from napari_deepflash2.errors import InputError


@pytest.fixture
def once(tiny):
    return {**tiny, "training": {**tiny["training"], "iterations": 1}}


def test_no_group_is_on_both_sides_of_a_split_and_the_manifest_tells_the_split(tmp_path, make_blobs, once):
    groups = ["a", "b", "a", "b", "c"]
    train_ensemble(*make_blobs(5), tmp_path / "e", once, groups=groups)
    manifest = load_ensemble(tmp_path / "e").manifest
    assert list(manifest.groups.values()) == groups
    for member in manifest.members:
        sides = [
            {manifest.groups[i] for i in of} for of in (member.training_images, member.validation_images)
        ]
        assert not sides[0] & sides[1]
        assert {manifest.folds[id_] for id_ in member.validation_images} == {member.fold}
    held_out = {id_ for member in manifest.members for id_ in member.validation_images}
    assert manifest.folds.keys() == held_out


def test_a_run_is_not_resumed_with_another_split(tmp_path, make_blobs, once):
    settings = {**once, "training": {**once["training"], "models": None}}
    data = make_blobs(4)
    train_ensemble(*data, tmp_path / "e", settings, groups=["a", "a", "b", "b"])
    with pytest.raises(InputError, match="the fold that holds out 0002, 0003 was"):
        train_ensemble(*data, tmp_path / "e", settings, resume=True, groups=["a", "b", "a", "b"])


def test_g3_a_single_image_is_trained_on_in_blocks_that_share_no_pixel(tmp_path, make_blobs, once):
    train_ensemble(*make_blobs(1, size=96), tmp_path / "e", once)
    manifest = load_ensemble(tmp_path / "e").manifest
    assert list(manifest.groups) == [f"0001_block{number}" for number in range(1, 5)]
    assert {len(member.training_images) for member in manifest.members} == {3}
    events = [json.loads(line) for line in (tmp_path / "e" / "events.jsonl").read_text().splitlines()]
    start = next(event for event in events if event["kind"] == "start")
    images, _ = make_blobs(1, size=96)
    for image in (images[0], images[0][64:, 64:]):
        (note,) = [
            n for n in load_ensemble(tmp_path / "e").predict(image).notes if n.code == "was-trained-on"
        ]
        assert "0001_block4" in note.found
    assert any("cut into 4 blocks (32 x 32, 32 x 32, 32 x 32, 32 x 32 pixels)" in n for n in start["notes"])


def test_an_ensemble_from_before_groups_were_stored_loads(trained):
    path = trained / "ensemble.json"
    manifest = json.loads(path.read_text())
    del manifest["groups"], manifest["folds"]
    path.write_text(json.dumps(manifest))
    assert load_ensemble(trained).predict(np.zeros((32, 32))).labels.shape == (32, 32)
