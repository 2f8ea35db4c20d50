"""Consensus of whole sets of images."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepflash2.consensus import estimate_consensus, estimate_consensus_of_images
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled


def drawn(rng, truth, right):
    return np.where(rng.random(truth.shape) < right, truth, 1 - truth)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    skill = {"A": 0.95, "B": 0.9, "C": 0.7}
    truths = [(rng.random((60, 60)) < 0.3).astype(int) for _ in range(4)]
    return {
        f"{number}.png": {name: drawn(rng, truth, right) for name, right in skill.items()}
        for number, truth in enumerate(truths)
    }


def test_pooling_is_staple_on_all_images_as_one(images):
    pooled = estimate_consensus_of_images(images)
    one = estimate_consensus(
        {name: np.concatenate([masks[name] for masks in images.values()]) for name in ("A", "B", "C")}
    )
    np.testing.assert_array_equal(np.concatenate([c.labels for c in pooled.values()]), one.labels)
    for consensus in pooled.values():
        np.testing.assert_allclose(consensus.confusion, one.confusion, atol=1e-9)


def test_without_pooling_every_image_stands_for_itself(images):
    for name, consensus in estimate_consensus_of_images(images, pooled=False).items():
        alone = estimate_consensus(images[name])
        np.testing.assert_array_equal(consensus.labels, alone.labels)
        np.testing.assert_array_equal(consensus.confusion, alone.confusion)


def test_pooling_helps_where_an_image_has_few_pixels():
    rng = np.random.default_rng(3)
    skill = {"A": 0.95, "B": 0.65, "C": 0.65}
    truths = [(rng.random((1, 40)) < 0.4).astype(int) for _ in range(60)]
    images = {
        str(number): {name: drawn(rng, truth, right) for name, right in skill.items()}
        for number, truth in enumerate(truths)
    }

    def share_right(pooled):
        results = estimate_consensus_of_images(images, pooled=pooled, require_convergence=False)
        pairs = zip(results.values(), truths, strict=True)
        return np.mean([(consensus.labels == truth).mean() for consensus, truth in pairs])

    assert share_right(True) > share_right(False) + 0.02


def test_experts_may_lack_masks_and_it_is_said_who_voted(images):
    del images["0.png"]["B"]
    images["1.png"]["A"] = None
    results = estimate_consensus_of_images(images)
    assert list(results["0.png"].experts.index) == ["A", "C"]
    assert list(results["1.png"].experts.index) == ["B", "C"]
    assert list(results["2.png"].experts.index) == ["A", "B", "C"]
    assert [n.where for n in results["1.png"].notes if n.code == "missing-mask"] == ["1.png, A"]
    estimated = results["0.png"].experts["sensitivity"]
    assert estimated["A"] > estimated["C"] + 0.1


def test_classes_are_those_of_the_set(images):
    images["2.png"]["A"][0, 0] = 4
    results = estimate_consensus_of_images(images)
    assert {consensus.classes for consensus in results.values()} == {(0, 1, 4)}
    assert results["0.png"].probabilities.shape == (3, 60, 60)


def test_everything_wrong_is_said_at_once(images):
    images["0.png"]["A"] = np.zeros((3, 3), int)
    images["2.png"]["B"] = images["2.png"]["B"] - 5
    images["3.png"] = {"A": images["3.png"]["A"]}
    with pytest.raises(InputError) as error:
        estimate_consensus_of_images(images, min_experts=2)
    assert [(p.where, p.code) for p in error.value.problems] == [
        ("0.png, A", "shape-mismatch"),
        ("2.png, B", "negative-labels"),
        ("3.png, experts", "too-few-experts"),
    ]


def test_no_images_are_refused():
    with pytest.raises(InputError):
        estimate_consensus_of_images({})


def test_progress_counts_images_and_can_cancel(images):
    seen = []

    def stop_at_two(progress):
        seen.append((progress.done, progress.total))
        if progress.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        estimate_consensus_of_images(images, progress=stop_at_two)
    assert seen == [(1, 4), (2, 4)]
