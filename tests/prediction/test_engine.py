import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_deepflash2.config import PredictionConfig
from napari_deepflash2.data.normalisation import Normalisation
from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction import Moments, Predictor, predict_moments
from napari_deepflash2.prediction.engine import averaged_rows, looks_at
from napari_deepflash2.prediction.passes import TilePredictor
from napari_deepflash2.prediction.tiling import TileGrid
from napari_deepflash2.progress import Cancelled, Progress

CPU = torch.device("cpu")
MakePredictor = Callable[..., Predictor]


def _image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.01, 0.99, (height, width, 1)).astype(np.float32)


def _moments(predictors: list[Predictor], image: np.ndarray, **config: object) -> Moments:
    return predict_moments(predictors, image, 2, PredictionConfig(**{"tile_size": 32, **config}), CPU)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 150),
    st.integers(1, 150),
    st.sampled_from([32, 64, 96]),
    st.floats(0, 0.8),
    st.sampled_from(["none", "flips", "dihedral"]),
    st.sampled_from(["gaussian", "flat"]),
    st.integers(1, 7),
)
def test_an_identity_network_gives_the_image_back(
    identity: MakePredictor,
    height: int,
    width: int,
    tile: int,
    overlap: float,
    views: str,
    blending: str,
    batch_size: int,
) -> None:
    image = _image(height, width)
    found = _moments(
        [identity()],
        image,
        tile_size=tile,
        overlap=overlap,
        test_time_augmentation=views,
        blending=blending,
        batch_size=batch_size,
    )
    assert np.allclose(found.mean[1], image[..., 0], rtol=0, atol=1e-6)
    assert np.allclose(found.mean.sum(0), 1, rtol=0, atol=1e-6)
    assert np.allclose(found.mean_of_squares[1], image[..., 0] ** 2, rtol=0, atol=1e-6)


def test_members_are_averaged_with_their_squares(identity: MakePredictor) -> None:
    image = _image(50, 40)
    found = _moments([identity(gain) for gain in (1.0, 0.5, 0.25)], image)
    p = np.array([1, 0.5, 0.25])[:, None, None] * image[..., 0]
    assert np.allclose(found.mean[1], p.mean(0), atol=1e-6)
    assert np.allclose(found.mean_of_squares[1], (p**2).mean(0), atol=1e-6)


def test_each_member_sees_the_image_as_it_was_trained_to(identity: MakePredictor) -> None:
    image = _image(40, 40)
    halved = Predictor("half", identity().network, Normalisation("training", (0.0,), (2.0,)))
    assert np.allclose(_moments([identity(), halved], image).mean[1], 0.75 * image[..., 0], atol=1e-6)


@pytest.mark.parametrize(("views", "corners"), [("none", 1), ("flips", 4), ("dihedral", 8)])
def test_views_are_taken_back_before_averaging(views: str, corners: int) -> None:
    class UpperLeft(torch.nn.Module):
        """Sure of the foreground in the top left corner of whatever it is shown, higher than wide."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits = torch.zeros(len(images), 2, *images.shape[2:])
            logits[:, 0] = 40
            logits[:, 1, :16, :8] = 80
            return logits

    predictor = Predictor("corner", UpperLeft(), Normalisation("image", (0.0,), (1.0,)))
    found = _moments([predictor], _image(32, 32), test_time_augmentation=views).mean[1]
    expected = np.zeros((32, 32))
    corner = np.zeros((32, 32))
    corner[:16, :8] = 1
    for turned in (corner, corner.T)[: max(1, corners // 4)]:
        for flipped in (turned, turned[::-1], turned[:, ::-1], turned[::-1, ::-1])[: min(corners, 4)]:
            expected += flipped / corners
    assert np.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("views", ["none", "flips", "dihedral"])
def test_tiles_that_are_not_square_can_be_turned(identity: MakePredictor, views: str) -> None:
    image = _image(30, 200)
    found = _moments([identity()], image, tile_size=64, test_time_augmentation=views).mean[1]
    assert np.allclose(found, image[..., 0], atol=1e-6)


def test_entropies_are_measured_only_where_asked_for(identity: MakePredictor) -> None:
    image = _image(50, 40)
    assert _moments([identity()], image).mean_entropy is None
    found = _moments([identity(1.0), identity(0.5)], image, entropy=True).mean_entropy
    assert found is not None
    p = np.array([1, 0.5])[:, None, None] * image[..., 0].astype(np.float64)
    expected = -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean(0)
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_tiles_without_anything_in_them_are_background_where_that_is_asked_for(batch_size: int) -> None:
    class Counting(torch.nn.Module):
        """Foreground everywhere; counts the tiles that it is shown."""

        shown = 0

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.shown += len(images)
            return torch.stack([torch.zeros_like(images[:, 0]), torch.ones_like(images[:, 0])], 1)

    image = np.random.default_rng(0).normal(100, 1, (96, 128, 1)).astype(np.float32)
    image[5:25, 36:56] = 200
    network = Counting()
    predictor = Predictor("counting", network, Normalisation("image", (0.0,), (1.0,)))
    settings = {"overlap": 0, "test_time_augmentation": "none", "batch_size": batch_size, "entropy": True}
    found = _moments([predictor], image, skip_background=True, **settings)
    assert network.shown == 1
    foreground = found.mean[1] > 0.5
    assert foreground[:32, 32:64].all()
    assert foreground.sum() == 32 * 32
    assert (found.mean[0, 32:] == 1).all()
    assert (found.mean_of_squares[0, 32:] == 1).all()
    assert found.mean_entropy is not None
    assert (found.mean_entropy[32:] == 0).all()
    assert (_moments([predictor], image, **settings).mean[1] > 0.5).all()


@pytest.mark.parametrize(
    ("tile", "overlap", "views"), [(32, 0, "none"), (64, 0.5, "flips"), (160, 0.3, "dihedral")]
)
def test_h10_tiles_and_their_order_do_not_show(
    monkeypatch: pytest.MonkeyPatch, tile: int, overlap: float, views: str
) -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 3, 1))
    predictor = Predictor("pointwise", layers.eval(), Normalisation("image", (0.0,), (1.0,)))
    image = _image(131, 157)
    config = PredictionConfig(tile_size=tile, overlap=overlap, test_time_augmentation=views)
    found = predict_moments([predictor], image, 3, config, CPU).mean
    with torch.no_grad():
        look = predictor.normalisation.apply(image)
        expected = layers(torch.from_numpy(look)[None]).softmax(1)[0].numpy()
    assert np.allclose(found, expected, rtol=0, atol=1e-5)
    cover = TileGrid.cover

    def backwards(shape: tuple[int, int], tile_size: int, least: float) -> TileGrid:
        grid = cover(shape, tile_size, least)
        return TileGrid(grid.shape, grid.starts[::-1])

    monkeypatch.setattr(TileGrid, "cover", backwards)
    turned = predict_moments([predictor], image, 3, config, CPU).mean
    assert np.allclose(found, turned, rtol=0, atol=1e-5)


def test_the_result_does_not_depend_on_the_batch_size() -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 3, 3, padding=1).eval()
    predictor = Predictor("convolution", network, Normalisation("image", (0.0,), (1.0,)))
    found = [
        predict_moments(
            [predictor], _image(100, 90), 3, PredictionConfig(tile_size=32, batch_size=n), CPU
        ).mean
        for n in (1, 3, 50)
    ]
    assert np.allclose(found[0], found[1], atol=1e-6)
    assert np.allclose(found[0], found[2], atol=1e-6)


def test_h11_a_member_that_gives_no_numbers_is_named(identity: MakePredictor) -> None:
    with pytest.raises(InputError, match="broken: gives probabilities that are no finite numbers"):
        _moments([identity(), identity(float("nan"), "broken")], _image(20, 20))


def test_progress_counts_tiles_and_can_cancel(identity: MakePredictor) -> None:
    seen: list[Progress] = []

    def stop_after_two_batches(progress: Progress) -> None:
        seen.append(progress)
        if progress.done == 8:
            raise Cancelled

    config = PredictionConfig(tile_size=32, overlap=0, batch_size=4)
    with pytest.raises(Cancelled):
        predict_moments([identity()], _image(128, 128), 2, config, CPU, stop_after_two_batches)
    assert [(p.done, p.total) for p in seen] == [(0, 16), (4, 16), (8, 16)]


def test_sums_of_rows_that_are_final_are_dropped(identity: MakePredictor) -> None:
    image = np.random.default_rng(0).uniform(0.01, 0.99, (3000, 200, 1)).astype(np.float32)
    config = PredictionConfig(tile_size=64, overlap=0.5, test_time_augmentation="none")
    one = identity()
    run = TilePredictor([one], looks_at(image, [one]), 2, config, CPU)
    tracemalloc.start()
    bottom = 0
    for region, (mean, _) in averaged_rows(run, image, config, CPU):
        assert region.top == bottom
        bottom = region.bottom
        np.testing.assert_allclose(mean[1], image[region.top : bottom, :, 0], atol=1e-5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bottom == 3000
    # The sums of the whole image take four times what it takes itself.
    assert peak < image.nbytes
