from typing import Any

import numpy as np
import pytest

from napari_deepflash2.config import Configuration
from napari_deepflash2.consensus import estimate_consensus, estimate_object_consensus
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.ensemble.expert_labels import ExpertLabels, fuse_experts
from napari_deepflash2.errors import InputError

Masks = dict[str, dict[str, np.ndarray]]


def _fused(masks: Masks, **settings: Any) -> ExpertLabels:
    return fuse_experts(masks, Configuration.of(settings), lambda image, expert: f"{expert} of {image}")


def _disc(y: int, x: int, radius: int = 6, value: int = 1, size: int = 32) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return (value * ((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)).astype(np.uint8)


def _three() -> dict[str, np.ndarray]:
    return {"a": _disc(10, 10), "b": _disc(11, 10), "c": _disc(12, 12)}


@pytest.mark.parametrize("method", ["staple", "majority", "union"])
def test_labels_and_probabilities_are_those_of_the_consensus(method: str) -> None:
    found = _fused(
        {"one": {name: 255 * mask for name, mask in _three().items()}}, consensus={"method": method}
    )
    expected = estimate_consensus(_three(), method=method)
    assert found.classes == (0, 255)
    assert found.method == method
    assert np.array_equal(found.labels["one"], expected.labels)
    votes = found.votes["one"]
    assert votes.names == ("a", "b", "c")
    assert np.allclose(votes.probabilities[:, 1][votes.codes], expected.soft(1))
    assert np.array_equal(votes.masks, [*_three().values()])


def test_disagreement_is_the_entropy_of_the_votes() -> None:
    votes = _fused({"one": {"a": _disc(10, 10), "b": _disc(20, 20)}}).votes["one"]
    split = _disc(10, 10) != _disc(20, 20)
    assert np.array_equal(votes.disagreement[votes.codes], split.astype(np.float32))


def test_experts_may_lack_images() -> None:
    masks = {"one": _three(), "two": {"b": _disc(8, 8)}}
    found = _fused(masks)
    assert {image: votes.names for image, votes in found.votes.items()} == {
        "one": ("a", "b", "c"),
        "two": ("b",),
    }
    assert np.array_equal(found.labels["two"], masks["two"]["b"])


def test_all_images_have_all_classes() -> None:
    masks = {"one": _three(), "two": {"a": _disc(8, 8, value=2), "b": _disc(8, 8, value=2)}}
    found = _fused(masks, data={"mask_kind": "classes"})
    assert found.classes == (0, 1, 2)
    assert {votes.probabilities.shape[1] for votes in found.votes.values()} == {3}
    assert set(np.unique(found.labels["two"])) == {0, 2}


@pytest.mark.parametrize("section", ["data", "consensus"])
def test_what_an_expert_did_not_judge_is_no_vote(section: str) -> None:
    masks = _three()
    for mask in masks.values():
        mask[:4] = 9
    masks["a"][:, 20:] = 9
    found = _fused({"one": masks}, **{section: {"ignore_label": 9}})
    assert (found.labels["one"][:4] == IGNORE).all()
    assert (found.labels["one"][4:] != IGNORE).all()
    first = found.votes["one"].masks[0]
    assert (first[:4] == IGNORE).all()
    assert (first[:, 20:] == IGNORE).all()
    assert (first[4:, :20] == masks["a"][4:, :20]).all()


def test_undecided_pixels_may_belong_to_no_class() -> None:
    masks = {"one": {"a": _disc(10, 10), "b": _disc(20, 20)}}
    split = _disc(10, 10) != _disc(20, 20)
    found = _fused(masks, consensus={"method": "majority", "undecided_label": 7})
    assert np.array_equal(found.labels["one"] == IGNORE, split)
    found = _fused(masks, consensus={"method": "majority", "undecided_label": 1})
    assert np.array_equal(found.labels["one"] == 1, split | (_disc(10, 10) == 1) & (_disc(20, 20) == 1))


def _touching() -> np.ndarray:
    mask = np.zeros((32, 32), np.uint16)
    mask[8:16, 4:12], mask[8:16, 12:20] = 1, 2
    mask[24:28, 4:8] = 3
    return mask


def test_touching_objects_stay_apart_in_consensus_and_votes() -> None:
    from skimage.measure import label

    # No two experts number alike.
    masks = {"a": _touching(), "b": np.array([0, 3, 1, 2], np.uint16)[_touching()], "c": _touching()}
    found = _fused({"one": masks}, data={"mask_kind": "instances"})
    assert found.method == "staple of objects"
    assert found.classes == (0, 1)
    assert label(found.labels["one"], connectivity=2).max() == 3
    for mask in found.votes["one"].masks:
        assert label(mask, connectivity=2).max() == 3
    objects = estimate_object_consensus(masks).labels
    assert np.array_equal(found.labels["one"] > objects, np.zeros((32, 32), bool))
    assert np.count_nonzero(objects) - np.count_nonzero(found.labels["one"]) == 8


def test_an_object_that_too_few_saw_is_no_object_by_the_method_of_the_settings() -> None:
    masks = {"a": _touching(), "b": _touching(), "c": _touching()}
    masks["c"][24:28, 20:24] = 4
    seen = {}
    for method in ("staple", "union", "intersection"):
        found = _fused({"one": masks}, data={"mask_kind": "instances"}, consensus={"method": method})
        seen[method] = bool(found.labels["one"][25, 21])
    assert seen == {"staple": False, "union": True, "intersection": False}


def test_every_mask_that_is_no_label_image_is_named() -> None:
    masks = {"one": _three(), "two": _three()}
    masks["one"]["b"] = masks["one"]["b"] * 0.5
    masks["two"]["c"] = masks["two"]["c"] * 0.5
    with pytest.raises(InputError) as caught:
        _fused(masks)
    assert [problem.where for problem in caught.value.problems] == ["b of one", "c of two"]
