from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.config import PredictionConfig
from napari_deepflash2.data.normalisation import Normalisation
from napari_deepflash2.ensemble.networks import build_network
from napari_deepflash2.prediction import Predictor, predict_moments
from napari_deepflash2.prediction.canvas import Region
from napari_deepflash2.prediction.growing import Growing, RegionTiles, Window, predict_growing
from napari_deepflash2.prediction.passes import TilePredictor
from napari_deepflash2.progress import Cancelled, Progress

CPU = torch.device("cpu")
MakePredictor = Callable[..., Predictor]


def _image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.01, 0.99, (height, width, 1)).astype(np.float32)


def _tiles(
    shape: tuple[int, int], region: Region, config: PredictionConfig, centre: tuple[float, float]
) -> RegionTiles:
    return RegionTiles.of(shape, region, centre, config)


def _grow(
    predictors: list[Predictor],
    image: np.ndarray,
    region: Region,
    config: PredictionConfig,
    grown: Callable[[Growing, Region], None] = lambda growing, part: None,
    **options: object,
) -> Growing:
    tiles = _tiles(image.shape[:2], region, config, region.middle)
    looks = {one.normalisation: one.normalisation.for_image(image) for one in predictors}
    window = Window(image[tiles.needed.slices], tiles.needed, image.shape[:2])
    run = TilePredictor(predictors, looks, 2, config, CPU)
    return predict_growing(run, window, config, CPU, tiles, region, grown, **options)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([32, 64]), st.floats(0, 0.8), st.data())
def test_a_region_of_an_identity_network_is_that_part_of_the_image(
    identity: MakePredictor, height: int, width: int, tile: int, overlap: float, data: st.DataObject
) -> None:
    image = _image(height, width)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    region = Region(top, bottom, left, right)
    config = PredictionConfig(tile_size=tile, overlap=overlap, test_time_augmentation="none")
    found = _grow([identity()], image, region, config).moments(region)
    assert np.allclose(found.mean[1], image[(*region.slices, 0)], rtol=0, atol=1e-6)


def test_a_region_of_a_real_ensemble_is_the_whole_prediction_cropped() -> None:
    normalisation = Normalisation("image", (0.0,), (1.0,))
    members = [Predictor(str(i), build_network("unet", 1, 2, i).eval(), normalisation) for i in range(2)]
    image, config = _image(200, 260), PredictionConfig(tile_size=64, overlap=0.4, entropy=True)
    whole = predict_moments(members, image, 2, config, CPU)
    for region in (Region(50, 120, 90, 101), Region(0, 200, 0, 260)):
        found = _grow(members, image, region, config).moments(region)
        assert np.allclose(found.mean, whole.mean[:, *region.slices], rtol=0, atol=1e-5)
        assert np.allclose(found.mean_of_squares, whole.mean_of_squares[:, *region.slices], rtol=0, atol=1e-5)
        assert found.mean_entropy is not None
        assert whole.mean_entropy is not None
        assert np.allclose(found.mean_entropy, whole.mean_entropy[region.slices], rtol=0, atol=1e-5)


def test_the_tile_nearest_to_the_centre_comes_first_and_none_that_is_not_needed() -> None:
    config = PredictionConfig(tile_size=32, overlap=0)
    tiles = _tiles((160, 160), Region(33, 127, 33, 127), config, (100.0, 40.0))
    assert tiles.starts[0] == (96, 32)
    middles = np.array(tiles.starts) + 16
    distances = np.hypot(*(middles - (100, 40)).T)
    assert (np.diff(distances) >= 0).all()
    assert sorted(tiles.starts) == [(y, x) for y in (32, 64, 96) for x in (32, 64, 96)]
    assert tiles.needed == Region(32, 128, 32, 128)


def test_results_grow_from_the_centre_and_are_not_a_number_where_nothing_is_known(
    identity: MakePredictor,
) -> None:
    image, region = _image(160, 160), Region(0, 160, 0, 160)
    config = PredictionConfig(tile_size=64, overlap=0.5, test_time_augmentation="none", batch_size=1)
    known: list[float] = []

    def look(growing: Growing, part: Region) -> None:
        mean = growing.moments(region).mean[1]
        there = ~np.isnan(mean)
        assert there[part.slices].all()
        # What is there is an average already, although not all of its tiles are.
        assert np.allclose(mean[there], image[..., 0][there], atol=1e-6)
        known.append(float(there.mean()))

    _grow([identity()], image, region, config, look)
    assert known[0] == pytest.approx(64**2 / 160**2)
    assert known == sorted(known)
    assert known[-1] == 1


def test_a_region_that_is_cancelled_has_told_all_that_was_done(identity: MakePredictor) -> None:
    told: list[str | Region] = []

    def stop(progress: Progress) -> None:
        told.append(f"{progress.done} of {progress.total}")
        if progress.done == 2:
            raise Cancelled

    config = PredictionConfig(tile_size=32, overlap=0, test_time_augmentation="none", batch_size=1)
    with pytest.raises(Cancelled):
        _grow(
            [identity()],
            _image(96, 32),
            Region(0, 96, 0, 30),
            config,
            lambda growing, part: told.append(part),
            progress=stop,
        )
    assert told == ["0 of 3", Region(32, 64, 0, 30), "1 of 3", Region(0, 32, 0, 30), "2 of 3"]
