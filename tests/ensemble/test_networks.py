import pytest
import torch

from napari_deepflash2.ensemble.batchnorm import has_batch_norm, re_estimate_batch_norm
from napari_deepflash2.ensemble.networks import NETWORKS, build_network
from napari_deepflash2.errors import InputError


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_maps_channels_to_classes_at_full_size(name: str) -> None:
    network = build_network(name, 3, 4).eval()
    with torch.inference_mode():
        assert network(torch.randn(1, 3, 32, 64)).shape == (1, 4, 32, 64)
    assert NETWORKS[name].name == name
    assert NETWORKS[name].purpose.endswith(".")


def test_an_unknown_network_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no network 'unex50'.*unet"):
        build_network("unex50", 1, 2)


def test_only_networks_with_running_statistics_are_re_estimated() -> None:
    assert has_batch_norm(build_network("flexible_unet", 1, 2))
    assert not has_batch_norm(build_network("unet", 1, 2))


def test_running_statistics_become_those_of_the_batches() -> None:
    norm = torch.nn.BatchNorm2d(2, momentum=0.01)
    batches = [torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(i)) * 3 + 5 for i in range(4)]
    re_estimate_batch_norm(norm, batches)
    everything = torch.cat(batches)
    assert torch.allclose(norm.running_mean, everything.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(norm.running_var, everything.var((0, 2, 3)), rtol=0.02)
    assert norm.momentum == 0.01
    assert not norm.training
