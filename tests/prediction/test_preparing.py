from dataclasses import replace

import pytest
import torch

from napari_deepflash2.data.normalisation import Normalisation
from napari_deepflash2.ensemble.networks import build_network
from napari_deepflash2.errors import InputError
from napari_deepflash2.prediction import Predictor, prepare
from napari_deepflash2.prediction.preparing import Precision

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    network = build_network("unet", 1, 2, 0).eval()
    return Predictor("member", network, Normalisation("image", (0.0,), (1.0,)))


@pytest.mark.parametrize(("precision", "bits"), [("bfloat16", torch.bfloat16), ("float16", torch.float16)])
def test_fewer_bits_give_nearly_the_same_in_float32(
    predictor: Predictor, precision: Precision, bits: torch.dtype
) -> None:
    (reduced,) = prepare([predictor], precision, compiled=False, device=CPU)
    tile = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, found = predictor.network(tile), reduced.network(tile)
    assert {weights.dtype for weights in reduced.network.parameters()} == {bits}
    assert {weights.dtype for weights in predictor.network.parameters()} == {torch.float32}
    assert found.dtype == torch.float32
    assert 0 < float((found - expected).abs().max()) < 0.05 * float(expected.abs().max())
    assert (reduced.name, reduced.normalisation) == (predictor.name, predictor.normalisation)


def test_networks_are_compiled_for_one_shape_each(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    compiled = torch.nn.Identity()
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: asked.append(dynamic) or compiled)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    (found,) = prepare([predictor], "float32", compiled=True, device=CPU)
    assert found.network is compiled
    assert asked == [False]


def test_without_a_compiler_compiling_is_refused(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(InputError, match="there is no C\\+\\+ compiler"):
        prepare([predictor], "float32", compiled=True, device=CPU)


def test_as_they_are_networks_are_not_copied(predictor: Predictor) -> None:
    thin = replace(predictor, network=torch.nn.Conv2d(1, 2, 3, padding=1))
    (found,) = prepare([thin], "float32", compiled=False, device=CPU)
    assert found.network is thin.network
    (on_a_card,) = prepare([predictor], "float32", compiled=False, device=torch.device("cuda"))
    assert on_a_card.network is predictor.network
