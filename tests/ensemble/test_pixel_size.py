"""An ensemble whose images were brought to one pixel size."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_deepflash2.data.resampling import resized
from napari_deepflash2.ensemble import load_ensemble, train_ensemble
from napari_deepflash2.errors import InputError
from napari_deepflash2.jobs import predict_folder


@pytest.fixture(scope="module")
def at_one_micrometre(tmp_path_factory, make_blobs):
    folder = tmp_path_factory.mktemp("sized") / "ensemble"
    images, masks = make_blobs(3, size=96)
    train_ensemble(
        images,
        masks,
        folder,
        {
            "data": {"pixel_size": 0.5, "target_pixel_size": 1.0},
            "training": {"iterations": 3, "tile_size": 32, "batch_size": 2, "models": 1},
            "prediction": {"tile_size": 64, "test_time_augmentation": "none"},
        },
    )
    return folder


@pytest.fixture(scope="module")
def sized(at_one_micrometre):
    return load_ensemble(at_one_micrometre)


def codes(found):
    return [note.code for note in found.notes]


def test_the_manifest_tells_the_size_that_was_trained_on(sized):
    assert set(sized.manifest.pixel_sizes.values()) == {(1.0, 1.0)}
    assert len(sized.manifest.pixel_sizes) == 3


def test_a_prediction_comes_back_on_the_grid_of_the_image(sized, make_blobs):
    (fine,), _ = make_blobs(1, size=128, seed=5)
    at_home = sized.predict(resized(fine, (64, 64)), pixel_size=(1, 1))
    found = sized.predict(fine, pixel_size=(0.5, 0.5))
    assert found.labels.shape == found.uncertainty.shape == (128, 128)
    assert found.probabilities.shape == (2, 128, 128)
    np.testing.assert_allclose(found.probabilities.sum(0), 1, atol=1e-5)
    np.testing.assert_allclose(found.probabilities, resized(at_home.probabilities, (128, 128)), atol=1e-5)
    assert "resampled" in codes(found)
    assert "resampled" not in codes(at_home)


def test_pixels_need_not_be_square(sized):
    assert sized.predict(np.eye(80, 40), pixel_size=(0.5, 1)).labels.shape == (80, 40)


def test_the_size_set_in_training_counts_for_images_that_do_not_say_it(sized, make_blobs):
    (image,), _ = make_blobs(1, size=96)
    unsaid, said = sized.predict(image), sized.predict(image, pixel_size=(0.5, 0.5))
    np.testing.assert_array_equal(unsaid.probabilities, said.probabilities)
    assert "was-trained-on" in codes(unsaid)


def test_without_a_known_size_nothing_is_predicted(at_one_micrometre, tmp_path):
    for name in "ab":
        (tmp_path / "images").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", np.eye(64, dtype=np.uint8))
    ensemble = load_ensemble(at_one_micrometre)
    config = ensemble.config.replace("data", pixel_size=None)
    object.__setattr__(ensemble, "manifest", ensemble.manifest.model_copy(update={"configuration": config}))
    with pytest.raises(InputError, match="does not say its pixel size"):
        ensemble.predict(np.eye(64))
    ensemble.manifest.save(at_one_micrometre)
    with pytest.raises(InputError) as caught:
        predict_folder(tmp_path / "images", at_one_micrometre, tmp_path / "out")
    assert [problem.code for problem in caught.value.problems] == ["unknown-pixel-size"] * 2


def test_h3_another_magnification_than_in_training_is_noted(trained):
    ensemble = load_ensemble(trained)
    manifest = ensemble.manifest.model_copy(update={"pixel_sizes": {"0001": (0.5, 0.5), "0002": (0.52, 0.5)}})
    object.__setattr__(ensemble, "manifest", manifest)
    assert "other-pixel-size" not in codes(ensemble.predict(np.eye(48)))
    assert "other-pixel-size" not in codes(ensemble.predict(np.eye(48), pixel_size=(0.5, 0.5)))
    for size, word in ((0.25, "larger"), (1.0, "smaller")):
        (note,) = [
            note
            for note in ensemble.predict(np.eye(48), pixel_size=(size, size)).notes
            if note.code == "other-pixel-size"
        ]
        assert f"objects look {word}" in note.found
