import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

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


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_costs_what_its_entry_says(name: str) -> None:
    network = build_network(name, 1, 2)
    assert sum(parameter.numel() for parameter in network.parameters()) == NETWORKS[name].parameters
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.to("meta").eval()(torch.zeros(1, 1, 512, 512, device="meta"))
    assert counter.get_total_flops() / 1e9 == pytest.approx(NETWORKS[name].gflops, rel=0.005)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_learns_from_the_smallest_tile(name: str) -> None:
    network = build_network(name, 1, 2).train()
    network(torch.randn(2, 1, 32, 32)).pow(2).mean().backward()
    assert any(parameter.grad is not None for parameter in network.parameters())


def test_ensembles_of_the_former_flexible_unet_still_find_their_network() -> None:
    former = build_network("flexible_unet", 1, 2).state_dict()
    build_network("flexible_unet_efficientnet-b0", 1, 2).load_state_dict(former)
    assert "flexible_unet" not in NETWORKS


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
