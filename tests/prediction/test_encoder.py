"""What networks see in an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_deepflash2.data.normalisation import Normalisation
from napari_deepflash2.ensemble.networks import NETWORKS, build_network
from napari_deepflash2.prediction import Predictor
from napari_deepflash2.prediction.encoder import CellGrid, Encoder, deepest_layer, statistics_of

CPU = torch.device("cpu")


def _predictor(network: torch.nn.Module) -> Predictor:
    return Predictor("network", network.eval(), Normalisation("image", (0.0,), (1.0,)))


def _encoder(channels: int = 1) -> Encoder:
    return Encoder(_predictor(build_network("unet", channels, 2, 0)), channels, 128, CPU)


@pytest.mark.parametrize("name", ["unet", "basic_unet", "attention_unet"])
def test_the_deepest_layer_gives_the_smallest_map(name: str) -> None:
    assert name in NETWORKS
    network = build_network(name, 1, 2, 0).eval()
    layer, sizes = network.get_submodule(deepest_layer(network, 1, CPU)), []
    layer.register_forward_hook(lambda _, __, output: sizes.append(tuple(output.shape)))
    network(torch.zeros(1, 1, 64, 64))
    assert sizes[0][2:] == (4, 4)
    assert sizes[0][1] >= 128


def test_what_follows_the_deepest_layer_is_not_computed() -> None:
    network = build_network("unet", 1, 2, 0)
    encoder, ran = Encoder(_predictor(network), 1, 128, CPU), []
    network.register_forward_hook(lambda *_: ran.append("whole"))
    encoder.describe(np.random.default_rng(0).random((64, 64, 1), np.float32))
    assert not ran
    network(torch.zeros(1, 1, 64, 64))
    assert ran


def test_cells_are_painted_where_they_lie() -> None:
    grid = CellGrid.cover((128, 200), 128)
    assert len(grid.tiles.starts) == 2
    n = len(grid.tiles.starts) * grid.cells[0] * grid.cells[1]
    map_ = grid.map_of(np.arange(n))
    assert map_.shape == (128, 200)
    assert map_[0, 0] == 0
    assert map_[-1, 0] == (grid.cells[0] - 1) * grid.cells[1]
    assert map_[-1, -1] == n - 1


def test_a_description_has_a_row_a_cell_and_knows_no_brightness() -> None:
    image = np.random.default_rng(0).random((130, 190, 2), np.float32)
    encoder = _encoder(2)
    found = encoder.describe(image)
    grid = encoder.grid((130, 190))
    assert len(found) == len(grid.tiles.starts) * grid.cells[0] * grid.cells[1]
    assert found.shape[1] > statistics_of(2) == 12
    np.testing.assert_allclose(encoder.describe(image * 40 + 7), found, atol=1e-3)


def test_statistics_tell_a_blurred_an_inverted_and_a_noisy_cell() -> None:
    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.exponential(1, (16, 16)), 8, 0), 8, 1).astype(np.float32)[..., None]
    plain = _encoder().describe(image)[:, -6:].mean(0)
    inverted = _encoder().describe(-image)[:, -6:].mean(0)
    noisy = _encoder().describe(image + rng.normal(0, 0.5, image.shape).astype(np.float32))[:, -6:].mean(0)
    skewness, finest = 2, 3
    assert plain[skewness] > 0.5
    assert inverted[skewness] == pytest.approx(-plain[skewness], abs=1e-3)
    assert noisy[finest] > plain[finest] + 0.5


@pytest.mark.parametrize("value", [0.0, 300.0])
def test_a_flat_image_is_described_in_finite_numbers(value: float) -> None:
    assert np.isfinite(_encoder().describe(np.full((40, 40, 1), value, np.float32))).all()
