import pytest
import torch
from torch import nn

from napari_deepflash2.ensemble.networks import build_network
from napari_deepflash2.prediction.faster import InstanceNorm, faster

CPU = torch.device("cpu")


def _with_statistics(network: nn.Module) -> nn.Module:
    """As after training: statistics and weights that are not 0 and 1."""
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
    return network.eval()


def _norms(network: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


def _logits(network: nn.Module, channels: int = 1) -> torch.Tensor:
    tile = torch.randn(2, channels, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return network(tile)


@pytest.mark.parametrize("name", ["unet", "attention_unet", "segresnet", "flexible_unet_resnet18"])
def test_a_faster_network_gives_the_same(name: str) -> None:
    network = _with_statistics(build_network(name, 2, 3, 0))
    found = faster(network, 2, CPU)
    expected = _logits(network, 2)
    assert found is not network
    assert torch.allclose(_logits(found, 2), expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


def test_batch_normalisation_is_folded_and_the_network_itself_stays_as_it_is() -> None:
    network = _with_statistics(build_network("flexible_unet_resnet18", 1, 2, 0))
    before = _logits(network)
    assert _norms(network) > 20
    assert _norms(faster(network, 1, CPU)) == 0
    assert _norms(network) > 20
    assert torch.equal(_logits(network), before)


def test_transposed_convolutions_are_folded_too() -> None:
    network = _with_statistics(nn.Sequential(nn.ConvTranspose2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4)))
    found = faster(network, 1, CPU)
    assert _norms(found) == 0
    assert torch.allclose(_logits(found), _logits(network), atol=1e-5)


def test_what_lies_between_a_convolution_and_its_normalisation_keeps_them_apart() -> None:
    network = _with_statistics(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(4)))
    found = faster(network, 1, CPU)
    assert _norms(found) == 1
    assert torch.allclose(_logits(found), _logits(network), atol=1e-5)


class _TwoReaders(nn.Module):
    """A convolution whose output goes to a normalisation and beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.convolution(images)
        return self.norm(features) + features


class _Shared(nn.Module):
    """A convolution that is used twice, once with and once without the normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.convolution(self.norm(self.convolution(images)))


@pytest.mark.parametrize("kind", [_TwoReaders, _Shared])
def test_a_network_that_cannot_be_folded_stays_right(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network = _with_statistics(kind())
    found = faster(network, 1, CPU)
    assert _norms(found) == 1
    assert torch.allclose(_logits(found), _logits(network), atol=1e-5)


def test_channels_come_last_on_a_processor_alone() -> None:
    network = build_network("unet", 1, 2, 0).eval()
    weights = [w for w in faster(network, 1, CPU).parameters() if w.ndim == 4 and w.shape[1] > 1 < w.shape[2]]
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)
    assert faster(network, 1, torch.device("meta")) is not None
    assert all(w.is_contiguous() for w in faster(network, 1, torch.device("meta")).parameters())


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("number", [1, 3])
def test_instance_normalisation_is_as_exact_as_torch_s_far_from_zero(affine: bool, number: int) -> None:
    torch.manual_seed(0)
    norm = nn.InstanceNorm2d(8, affine=affine)
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    images = torch.randn(number, 8, 40, 50) * torch.rand(8, 1, 1) + 30
    images = images.to(memory_format=torch.channels_last)
    with torch.no_grad():
        found = InstanceNorm(norm)(images)
        expected = norm.double()(images.double())
        fewer = InstanceNorm(norm.bfloat16())(images.bfloat16())
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(found.double(), expected, atol=2e-4)
    assert fewer.dtype == torch.bfloat16
    assert fewer.shape == images.shape
