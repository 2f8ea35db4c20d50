import pytest
import torch

from napari_deepflash2.ensemble.networks import build_network
from napari_deepflash2.ensemble.networks.efficientnet_lite import EfficientNetLite
from napari_deepflash2.ensemble.networks.resnext import ResNeXt50
from napari_deepflash2.ensemble.optimisation import parameter_groups

# Of the published networks, without the layers that tell ImageNet's classes apart.
LITE_CHANNELS = {
    "lite0": [16, 24, 40, 112, 320],
    "lite1": [16, 24, 40, 112, 320],
    "lite2": [16, 24, 48, 120, 352],
}
LITE_BLOCKS = {"lite0": 16, "lite1": 21, "lite2": 21}
LITE_PARAMETERS = {"lite0": 4_652_008, "lite1": 5_416_680, "lite2": 6_092_072}


@pytest.mark.parametrize("size", sorted(LITE_CHANNELS))
def test_efficientnet_lite_is_the_published_one(size: str) -> None:
    encoder = EfficientNetLite(size, 3)
    assert encoder.channels == LITE_CHANNELS[size]
    assert len({key.split(".")[1] for key in encoder.state_dict() if "_blocks" in key}) == LITE_BLOCKS[size]
    last = encoder.channels[-1]
    classifier = last * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    assert sum(p.numel() for p in encoder.parameters()) + classifier == LITE_PARAMETERS[size]


def test_resnext_is_the_published_one_and_names_its_weights_as_torchvision_does() -> None:
    weights = ResNeXt50(3).state_dict()
    assert sum(p.numel() for p in ResNeXt50(3).parameters()) + 2048 * 1000 + 1000 == 25_028_904
    assert {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_mean": (64,),
        "layer1.0.conv2.weight": (128, 4, 3, 3),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer2.3.conv1.weight": (256, 512, 1, 1),
        "layer3.5.bn3.bias": (1024,),
        "layer4.0.downsample.1.weight": (2048,),
    }.items() <= {key: tuple(value.shape) for key, value in weights.items()}.items()


@pytest.mark.parametrize("build", [lambda: EfficientNetLite("lite0", 1), lambda: ResNeXt50(1)])
def test_an_encoder_halves_the_size_at_each_level(build: object) -> None:
    encoder = build().eval()
    with torch.inference_mode():
        features = encoder(torch.zeros(1, 1, 64, 96))
    expected = [(c, 64 // 2**k, 96 // 2**k) for k, c in enumerate(encoder.channels, start=1)]
    assert [tuple(f.shape[1:]) for f in features] == expected


def test_a_stride_of_two_pads_as_tensorflow_does() -> None:
    stem = EfficientNetLite("lite0", 1)._conv_stem
    torch.nn.init.constant_(stem.weight, 1)
    image = torch.zeros(1, 1, 4, 4)
    image[0, 0, 0, 0] = 1
    # The window of the first output begins at the first pixel; padded evenly it would begin one before.
    assert stem(image)[0, 0].tolist() == [[1, 0], [0, 0]]
    image = torch.zeros(1, 1, 4, 4)
    image[0, 0, 2, 2] = 1
    assert stem(image)[0, 0].tolist() == [[1, 1], [1, 1]]


def test_pixels_made_of_one_begin_alike() -> None:
    block = build_network("unext50", 1, 2).decoder[0]
    # Behind the ReLU a single channel may be zero throughout, so all of them are looked at.
    up = block.shuffle(block.widen(torch.randn(1, 512, 2, 2)))
    assert torch.equal(up[..., ::2, ::2], up[..., 1::2, 1::2])
    assert torch.equal(up[..., ::2, ::2], up[..., ::2, 1::2])
    assert up.unique().numel() > 100


def test_the_head_of_a_large_encoder_learns_three_times_as_fast() -> None:
    network = build_network("unet_efficientnet_lite0", 1, 2)
    rest, head = parameter_groups(network)
    assert (rest["rate_factor"], head["rate_factor"]) == (1, 3)
    assert [id(p) for p in head["params"]] == [id(p) for p in network.head.parameters()]
    assert len(rest["params"]) + len(head["params"]) == len(list(network.parameters()))
    (everything,) = parameter_groups(build_network("unet", 1, 2))
    assert everything["rate_factor"] == 1
