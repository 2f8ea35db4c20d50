from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import dask.array as da
import numpy as np
import pytest

from napari_deepflash2 import load_ensemble
from napari_deepflash2.config import PredictionConfig
from napari_deepflash2.data.lazy_image import LazyImage, LazyPlane, PlaneFigures
from napari_deepflash2.ensemble import Ensemble, region
from napari_deepflash2.ensemble.judging import Judge
from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction import Moments
from napari_deepflash2.prediction.canvas import Region

SHAPE = (110, 140)


@pytest.fixture(scope="module")
def ensemble(tiny_ensemble: Path) -> Ensemble:
    return load_ensemble(tiny_ensemble)


def _image() -> np.ndarray:
    return np.random.default_rng(3).normal(120, 30, SHAPE).astype(np.float32)


def _plane(array: object, chunk: int = 32) -> LazyPlane:
    return LazyPlane(LazyImage("image", array, "YX", (chunk,) * 2, (1.0,) * 2, ("",) * 2, (0.0,) * 2))


def _config(**values: object) -> PredictionConfig:
    return PredictionConfig(
        **{"tile_size": 32, "test_time_augmentation": "none", "precision": "float32", **values}
    )


@pytest.mark.parametrize("scale", [1, 1.5, 0.4])
@pytest.mark.parametrize("part", [Region(30, 75, 60, 100), Region(0, SHAPE[0], 0, SHAPE[1])])
def test_a_region_is_the_whole_prediction_cropped_whatever_it_is_resized_by(
    ensemble: Ensemble, part: Region, scale: float
) -> None:
    image, config = _image(), _config(scale=scale, entropy=True)
    whole = ensemble.predict(image, config)
    seen = np.full((2, *SHAPE), np.nan, np.float32)

    def take(changed: Region, moments: Moments) -> None:
        there = ~np.isnan(moments.mean)
        seen[:, *changed.slices][there] = moments.mean[there]

    found = ensemble.predict_region(_plane(image), part, take, config=config)
    for name in ("probabilities", "uncertainty", "epistemic", "entropy", "mutual_information"):
        expected = getattr(whole, name)[..., *part.slices]
        np.testing.assert_allclose(getattr(found, name), expected, rtol=0, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(found.labels, whole.labels[part.slices])
    # What was told last of each part is the result, and nothing was told of any other part.
    inside = seen[:, *part.slices]
    np.testing.assert_allclose(inside, found.probabilities, rtol=0, atol=1e-6)
    assert np.isnan(seen).sum() == seen.size - inside.size


def test_an_image_predicted_whole_has_the_figures_of_the_whole(ensemble: Ensemble) -> None:
    image, config = _image(), _config()
    whole = ensemble.predict(image, config)
    found = ensemble.predict_region(
        _plane(image), Region(0, SHAPE[0], 0, SHAPE[1]), lambda *_: None, config=config
    )
    assert found.score == pytest.approx(whole.score, abs=1e-6)
    assert [note.code for note in found.notes] == [note.code for note in whole.notes]


def test_a_region_is_judged_by_its_own_pixels_standardised_as_the_whole(ensemble: Ensemble) -> None:
    image, part = _image(), Region(30, 75, 60, 100)
    image[part.slices] += 500
    encoders = {member.fold: Mock(normalisation=member.normalisation) for member in ensemble.members}
    judge = Mock(spec=Judge, quality=Mock(), encoders=encoders)
    judge.quality.card.temperature = 1.0
    replace(ensemble, judge=judge).predict_region(_plane(image), part, lambda *_: None, config=_config())
    found, pixels, _, _, _, looks = judge.judge.call_args.args
    np.testing.assert_array_equal(pixels[..., 0], image[part.slices])
    assert found.labels.shape == part.shape
    assert looks
    for normalisation, look in looks.items():
        expected = normalisation.for_image(image[..., np.newaxis])
        np.testing.assert_allclose((look.offset, look.scale), (expected.offset, expected.scale), rtol=1e-9)


@pytest.fixture
def counted() -> tuple[da.Array, list[tuple[int, int]]]:
    """A dask image of 1024 pixels a side in chunks of 32, and the corners of those that were computed."""
    computed: list[tuple[int, int]] = []

    def chunk(block_info: dict[None, dict[str, list[tuple[int, int]]]] | None = None) -> np.ndarray:
        assert block_info is not None
        (top, bottom), (left, right) = block_info[None]["array-location"]
        computed.append((top, left))
        return np.random.default_rng(top + left).normal(120, 30, (bottom - top, right - left))

    array = da.map_blocks(chunk, chunks=((32,) * 32, (32,) * 32), dtype=float, meta=np.zeros((0, 0)))
    computed.clear()
    return array, computed


REGION, CHUNKS = Region(500, 520, 300, 310), [(480, 288), (512, 288)]


def test_of_a_dask_image_no_more_is_computed_than_the_tiles_show(
    ensemble: Ensemble, counted: tuple[da.Array, list[tuple[int, int]]]
) -> None:
    array, computed = counted
    figures = PlaneFigures((120,), (30,), ((0, 250),))
    ensemble.predict_region(
        _plane(array), REGION, lambda *_: None, config=_config(overlap=0), figures=figures
    )
    assert sorted(computed) == CHUNKS


def test_a_dask_image_standardised_by_itself_is_measured_part_by_part_once(
    ensemble: Ensemble, counted: tuple[da.Array, list[tuple[int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region, "_SIDE", 64)
    array, computed = counted
    most: list[int] = []
    original = LazyPlane.read

    def noting(self: LazyPlane, rows: slice, columns: slice) -> np.ndarray:
        found = original(self, rows, columns)
        most.append(found.size)
        return found

    monkeypatch.setattr(LazyPlane, "read", noting)
    found = ensemble.predict_region(_plane(array), REGION, lambda *_: None, config=_config(overlap=0))
    assert max(most) == 64**2
    assert {corner for corner in computed if computed.count(corner) > 1} == set(CHUNKS)
    whole = ensemble.predict(array.compute(), _config(overlap=0))
    expected = whole.probabilities[:, *REGION.slices]
    np.testing.assert_allclose(found.probabilities, expected, rtol=0, atol=1e-5)


def test_other_channels_than_in_training_are_refused(ensemble: Ensemble) -> None:
    image = LazyImage("red", np.zeros((9, 9, 3)), "YXC", (9, 9, 3), (1.0,) * 3, ("",) * 3, (0.0,) * 3)
    with pytest.raises(InputError, match="red: has 3 channels"):
        ensemble.predict_region(LazyPlane(image), Region(0, 9, 0, 9), lambda *_: None)
