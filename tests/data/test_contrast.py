"""Masks that do not lie on what is to be seen."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepflash2.config import DataConfig
from napari_deepflash2.data import load_training_data
from napari_deepflash2.data.contrast import contrast, notes_of_contrast
from napari_deepflash2.data.ignored import IGNORE


def field(seed, sign=1):
    """Ten discs, brighter or darker than a noisy ground in the second of two channels."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:96, :96]
    labels = np.zeros((96, 96), np.uint8)
    for y, x in rng.integers(8, 88, (10, 2)):
        labels[(yy - y) ** 2 + (xx - x) ** 2 < 30] = 1
    image = rng.normal(100, 10, (96, 96, 2))
    image[..., 1] += 40.0 * sign * labels
    return image, labels


def notes(pairs):
    found = notes_of_contrast([contrast(*pair) for pair in pairs], [f"m{i}" for i in range(len(pairs))])
    return {note.where: note.code for note in found}


@pytest.mark.parametrize("sign", [1, -1])
def test_masks_of_another_image_and_inverted_ones_are_told_from_the_others(sign):
    pairs = [field(seed, sign) for seed in range(10)]
    assert notes(pairs) == {}
    pairs[3] = (pairs[3][0], pairs[4][1])
    pairs[7] = (pairs[7][0], 1 - pairs[7][1])
    assert notes(pairs) == {"m3": "mask-of-another-image", "m7": "inverted-mask"}


def test_few_pairs_or_pairs_that_do_not_agree_tell_nothing():
    swapped = [(field(seed)[0], field(seed + 1)[1]) for seed in range(2)]
    assert notes([field(0), field(1), *swapped]) == {}
    assert notes([field(seed, (-1) ** seed) for seed in range(10)]) == {}


def test_empty_full_and_ignored_masks_have_no_contrast():
    image, labels = field(0)
    assert contrast(image, np.zeros_like(labels)) is None
    assert contrast(image, np.ones_like(labels)) is None
    assert contrast(image, np.where(labels == 0, IGNORE, labels).astype(np.uint8)) is None
    partly = labels.copy()
    partly[:48] = IGNORE
    np.testing.assert_allclose(contrast(image, partly), contrast(image[48:], labels[48:]))
    assert np.isfinite(contrast(np.zeros_like(image), labels)).all()


def test_c16_in_real_sets_masks_exchanged_are_found_and_right_ones_are_not_doubted(shared_data):
    folder = shared_data / "dsb_fluo"
    planes = load_training_data(folder / "images", folder / "masks", DataConfig()).planes
    assert notes([(plane.image, plane.labels) for plane in planes]) == {}
    pairs = [(plane.image, plane.labels) for plane in planes if plane.labels.shape == (256, 256)]
    pairs[2], pairs[5] = (pairs[2][0], pairs[5][1]), (pairs[5][0], pairs[2][1])
    assert notes(pairs) == {"m2": "mask-of-another-image", "m5": "mask-of-another-image"}
