import numpy as np
import pytest

from napari_deepflash2.data.normalisation import Normalisation, as_images
from napari_deepflash2.errors import InputError


def _image(seed: int = 0, mean: float = 100, std: float = 20) -> np.ndarray:
    values = np.random.default_rng(seed).normal(mean, std, (40, 50, 2))
    return values.astype(np.float32)


def test_each_image_by_itself_has_mean_zero_and_deviation_one() -> None:
    normalisation = Normalisation.learn([_image()], "image")
    values = normalisation.apply(_image(seed=1, mean=-4000, std=300))
    assert values.shape == (2, 40, 50)
    assert values.dtype == np.float32
    assert np.allclose(values.mean((1, 2)), 0, atol=1e-4)
    assert np.allclose(values.std((1, 2)), 1, atol=1e-4)


def test_by_the_training_images_a_brighter_image_stays_brighter() -> None:
    normalisation = Normalisation.learn([_image(), _image(1)], "training")
    values = normalisation.apply(_image(seed=2, mean=140))
    assert np.allclose(values.mean((1, 2)), 2, atol=0.1)


@pytest.mark.parametrize("kind", ["image", "training", "percentile"])
def test_parts_are_standardised_as_the_whole_image_is(kind: str) -> None:
    image = _image(seed=3)
    normalisation = Normalisation.learn([_image()], kind)
    part = normalisation.for_image(image).apply(image[5:20, 7:30])
    np.testing.assert_array_equal(part, normalisation.apply(image)[:, 5:20, 7:30])


def test_statistics_are_those_of_all_pixels() -> None:
    images = [_image()[:10], _image(1) * 3]
    pixels = np.concatenate([image.reshape(-1, 2) for image in images]).astype(np.float64)
    normalisation = Normalisation.learn(images, "training")
    assert np.allclose(normalisation.centre, pixels.mean(0))
    assert np.allclose(normalisation.spread, pixels.std(0))
    assert normalisation.channels == 2


def test_b13_percentiles_of_the_training_images_are_not_moved_by_a_few_bright_pixels() -> None:
    images = [_image(seed) for seed in range(4)]
    clean = Normalisation.learn(images, "percentile")
    images[2] = images[2].copy()
    images[2][7, :5] = 1e6
    found = Normalisation.learn(images, "percentile")
    np.testing.assert_allclose(found.centre, clean.centre, rtol=0.01)
    np.testing.assert_allclose(found.spread, clean.spread, rtol=0.02)
    np.testing.assert_allclose(found.spread, 20, rtol=0.05)
    values = found.apply(_image(seed=9, mean=140))
    np.testing.assert_allclose(values.mean((1, 2)), 2, atol=0.1)


def test_percentiles_weigh_each_pixel_alike() -> None:
    images = [_image()[:10], _image(1) * 3]
    pixels = np.concatenate([image.reshape(-1, 2) for image in images])
    low, high = np.percentile(pixels, [1, 99], axis=0)
    np.testing.assert_allclose(Normalisation.learn(images, "percentile").centre, (low + high) / 2, rtol=1e-6)


def test_a_channel_that_is_dark_but_for_a_few_pixels_keeps_a_spread() -> None:
    sparse = np.zeros((40, 50, 1), np.float32)
    sparse[:3, :3] = 1000
    values = Normalisation.learn([sparse], "percentile").apply(sparse)
    assert 5 < values.max() < 50


@pytest.mark.parametrize("kind", ["image", "training", "percentile"])
@pytest.mark.parametrize("value", [0, 255, 65535, 1e30])
def test_a_constant_image_is_finite(kind: str, value: float) -> None:
    constant = np.full((8, 8, 1), value, np.float32)
    normalisation = Normalisation.learn([constant], kind)
    assert np.allclose(normalisation.apply(constant), 0)


def test_a_saturated_or_huge_image_is_finite() -> None:
    image = np.zeros((16, 16, 1), np.float32)
    image[0] = 3e38
    assert np.isfinite(Normalisation.learn([image], "image").apply(image)).all()


@pytest.mark.parametrize("dtype", [bool, "u1", "i2", ">u2", "u4", "f2", "f4", ">f8"])
def test_every_real_type_becomes_float32_with_channels_last(dtype: str) -> None:
    (image,) = as_images([np.ones((4, 6), dtype)], ["a"])
    assert image.shape == (4, 6, 1)
    assert image.dtype == np.float32
    assert (image == 1).all()


def test_all_problems_are_listed_at_once() -> None:
    spoiled = np.zeros((4, 5))
    spoiled[2, 3] = np.nan
    arrays = [
        np.zeros((2, 3, 4, 5)),
        np.zeros((0, 5)),
        spoiled,
        np.zeros((4, 5), complex),
        np.full((3, 3), 1e300),
    ]
    with pytest.raises(InputError) as caught:
        as_images(arrays, list("abcde"))
    assert [(p.where, p.code) for p in caught.value.problems] == [
        ("a", "bad-axes"),
        ("b", "no-pixels"),
        ("c", "not-finite"),
        ("d", "bad-dtype"),
        ("e", "not-finite"),
    ]
    assert "1 values that are no finite number, the first at (2, 3)" in str(caught.value)


def test_images_of_other_channels_are_named() -> None:
    with pytest.raises(InputError, match="b: has 3 channels where a has 1"):
        as_images([np.zeros((4, 5)), np.zeros((4, 5, 3))], ["a", "b"])
