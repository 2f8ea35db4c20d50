import pytest
import torch
from torch import nn

from napari_deepflash2.prediction import winograd
from napari_deepflash2.prediction.faster import multiplying_less
from napari_deepflash2.prediction.winograd import WinogradConvolution, with_winograd


def _layer(channels: int = 128, **options: object) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(channels, 160, 3, padding=1, **options)


def _images(*shape: int) -> torch.Tensor:
    images = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    return images.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [(1, 128, 16, 16), (3, 128, 8, 20), (2, 128, 7, 9), (1, 128, 1, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_the_result_is_that_of_the_convolution(shape: tuple[int, ...], bias: bool) -> None:
    layer, images = _layer(bias=bias), _images(*shape)
    with torch.no_grad():
        found = WinogradConvolution(layer)(images)
        expected = layer.double()(images.double()).float()
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, rtol=0, atol=3e-5 * float(expected.abs().max()))


def test_only_wide_plain_convolutions_of_three_by_three_are_replaced() -> None:
    kept = [
        _layer(64),
        _layer(stride=2),
        _layer(dilation=2),
        _layer(padding_mode="reflect"),
        nn.Conv2d(128, 128, 3),
        nn.Conv2d(128, 128, 5, padding=2),
        nn.Conv2d(128, 128, 3, padding=1, groups=2),
        nn.Conv2d(512, 512, 3, padding=1),
    ]
    network = with_winograd(nn.Sequential(*kept, _layer()))
    kinds = [type(layer) for layer in network]
    assert kinds == [nn.Conv2d] * len(kept) + [WinogradConvolution]


def test_other_weights_are_shared_and_the_network_stays_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(1, 128, 1), _layer())
    changed = with_winograd(network)
    assert changed[0].weight is network[0].weight
    assert isinstance(network[1], nn.Conv2d)
    thin = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1))
    assert with_winograd(thin) is thin


def test_a_network_that_it_would_change_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Conv2d(1, 128, 1), _layer()).eval()
    assert multiplying_less(network, 1) is not network
    wrong = [*winograd._OF_RESULT[:3], (0, 1, -1, 8, -8, 1.01)]
    monkeypatch.setattr(winograd, "_OF_RESULT", wrong)
    assert multiplying_less(network, 1) is network
