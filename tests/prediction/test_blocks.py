from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.config import PredictionConfig
from napari_deepflash2.data.normalisation import Normalisation
from napari_deepflash2.ensemble.networks import build_network
from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction import Moments, Predictor, predict_moments
from napari_deepflash2.prediction import blocks as module
from napari_deepflash2.prediction.blocks import blocks_of, predict_blocks
from napari_deepflash2.prediction.open_blocks import Block
from napari_deepflash2.progress import Cancelled, Progress

CPU = torch.device("cpu")
MakePredictor = Callable[..., Predictor]


@dataclass
class Source:
    """An image in memory that remembers how much of it was read at once."""

    image: np.ndarray
    most: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        part = self.image[rows, columns]
        assert part.shape[:2] == (rows.stop - rows.start, columns.stop - columns.start)
        self.most = max(self.most, part.size)
        return part


@dataclass
class Sink:
    """Puts blocks together and remembers in which order they came."""

    shape: tuple[int, int]
    numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.mean = np.full((2, *self.shape), np.nan, np.float32)
        self.squares = self.mean.copy()

    def write(self, block: Block, moments: Moments) -> None:
        region = block.region
        where = np.s_[:, region.top : region.bottom, region.left : region.right]
        assert np.isnan(self.mean[where]).all()
        self.mean[where], self.squares[where] = moments.mean, moments.mean_of_squares
        self.numbers.append(block.number)


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 96 pixels in width at most, so that small images have several columns of them."""
    monkeypatch.setattr(module, "_BYTES", 4 * 4 * 32 * 96)


def _predict(
    predictors: list[Predictor], image: np.ndarray, config: PredictionConfig, **options: object
) -> tuple[Sink, Source]:
    sink, source = Sink(image.shape[:2]), Source(image)
    looks = {p.normalisation: p.normalisation.for_image(image) for p in predictors}
    predict_blocks(predictors, source, looks, 2, config, CPU, sink.write, side=32, **options)
    return sink, source


def _image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.01, 0.99, (height, width, 1)).astype(np.float32)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 200), st.integers(1, 300), st.sampled_from([32, 64, 128]), st.floats(0, 0.8), st.data())
def test_blocks_are_the_whole_image_whatever_an_earlier_run_has_written(
    identity: MakePredictor, height: int, width: int, tile: int, overlap: float, data: st.DataObject
) -> None:
    image = _image(height, width)
    config = PredictionConfig(tile_size=tile, overlap=overlap, test_time_augmentation="none")
    numbers = [block.number for column in blocks_of((height, width), 4, 32) for block in column]
    done = data.draw(st.sets(st.sampled_from(numbers)))
    sink, _ = _predict([identity()], image, config, done=done)
    assert sorted([*sink.numbers, *done]) == numbers
    there = ~np.isnan(sink.mean[1])
    assert np.allclose(sink.mean[1][there], image[..., 0][there], atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(2, 9))
def test_blocks_cover_an_image_once_and_share_no_chunk(height: int, width: int, n_maps: int) -> None:
    covered = np.zeros((height, width), np.uint8)
    blocks = [block for column in blocks_of((height, width), n_maps, 32) for block in column]
    for block in blocks:
        region = block.region
        covered[region.top : region.bottom, region.left : region.right] += 1
        assert region.top % 32 == region.left % 32 == 0
    assert (covered == 1).all()
    assert [block.number for block in blocks] == list(range(len(blocks)))


def test_seams_of_a_real_network_cannot_be_seen() -> None:
    normalisation = Normalisation("image", (0.0,), (1.0,))
    members = [Predictor(str(i), build_network("unet", 1, 2, i).eval(), normalisation) for i in range(2)]
    image, config = _image(170, 250), PredictionConfig(tile_size=64, overlap=0.4)
    sink, source = _predict(members, image, config)
    whole = predict_moments(members, image, 2, config, CPU)
    assert np.allclose(sink.mean, whole.mean, rtol=0, atol=1e-5)
    assert np.allclose(sink.squares, whole.mean_of_squares, rtol=0, atol=1e-5)
    assert source.most <= 64 * (96 + 2 * 64)


def test_an_interrupted_run_goes_on_to_the_same_bits() -> None:
    normalisation = Normalisation("image", (0.0,), (1.0,))
    members = [Predictor("one", build_network("unet", 1, 2, 0).eval(), normalisation)]
    image, config = _image(170, 200), PredictionConfig(tile_size=64, test_time_augmentation="none")
    expected, _ = _predict(members, image, config)

    class Interrupted(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.done > progress.total // 2:
            raise Interrupted

    sink, source = Sink(image.shape[:2]), Source(image)
    looks = {normalisation: normalisation.for_image(image)}
    with pytest.raises(Interrupted):
        predict_blocks(members, source, looks, 2, config, CPU, sink.write, side=32, progress=stop)
    before = list(sink.numbers)
    assert 0 < len(before) < len(expected.numbers)
    predict_blocks(members, source, looks, 2, config, CPU, sink.write, side=32, done=before)
    assert sorted(sink.numbers) == sorted(expected.numbers)
    np.testing.assert_array_equal(sink.mean, expected.mean)


def test_progress_counts_tiles_and_can_cancel(identity: MakePredictor) -> None:
    seen: list[Progress] = []

    def stop(progress: Progress) -> None:
        seen.append(progress)
        if progress.done == 5:
            raise Cancelled

    config = PredictionConfig(tile_size=32, overlap=0, test_time_augmentation="none", batch_size=1)
    with pytest.raises(Cancelled):
        _predict([identity()], _image(128, 64), config, progress=stop)
    assert [(progress.done, progress.total) for progress in seen] == [(n, 8) for n in range(6)]


def test_what_goes_wrong_in_reading_and_writing_is_raised(identity: MakePredictor) -> None:
    def full(block: Block, moments: Moments) -> None:
        raise OSError(28, "No space left on device")

    class Broken(Source):
        def read(self, rows: slice, columns: slice) -> np.ndarray:
            raise InputError.one("image.zarr", "chunk c/0/0 cannot be read", "Copy it again.", "unreadable")

    image, config = _image(100, 100), PredictionConfig(tile_size=32)
    one = identity()
    looks = {one.normalisation: one.normalisation.for_image(image)}
    with pytest.raises(OSError, match="No space left"):
        predict_blocks([one], Source(image), looks, 2, config, CPU, full, side=32)
    with pytest.raises(InputError, match="chunk c/0/0"):
        predict_blocks([one], Broken(image), looks, 2, config, CPU, full, side=32)
