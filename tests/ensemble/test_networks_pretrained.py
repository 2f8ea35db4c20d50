"""Weights from ImageNet: found, checked, put into the right places, fetched only by command."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from monai.networks.nets.efficientnet import url_map

from napari_deepflash2.ensemble.networks import build_network, download_weights, find_pretrained, how_to_get
from napari_deepflash2.ensemble.networks import pretrained as module
from napari_deepflash2.ensemble.networks.encoder_weights import fill_encoder, for_channels
from napari_deepflash2.ensemble.networks.pretrained import FILES, PretrainedFile
from napari_deepflash2.ensemble.optimisation import parameter_groups
from napari_deepflash2.ensemble.weights import read_weights_file
from napari_deepflash2.errors import InputError
from napari_deepflash2.progress import Cancelled, Progress

LITE, B0 = "unet_efficientnet_lite0", "flexible_unet_efficientnet-b0"


@pytest.fixture(scope="module")
def imagenet() -> dict[str, torch.Tensor]:
    """The weights that the package of EfficientNet-Lite0 brings."""
    path = find_pretrained(LITE)
    assert path is not None
    return read_weights_file(path)[0]


def test_every_weight_of_the_encoder_comes_from_the_file(imagenet: dict[str, torch.Tensor]) -> None:
    network = build_network(LITE, 3, 2)
    fill_encoder(network, imagenet, Path("weights.pth"))
    for key, value in network.encoder.state_dict().items():
        assert torch.equal(value, imagenet[key]), key


def test_the_features_are_those_of_the_published_module(imagenet: dict[str, torch.Tensor]) -> None:
    network = build_network(LITE, 3, 2)
    fill_encoder(network, imagenet, Path("weights.pth"))
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    image = torch.stack([torch.sin(y * x / 40), torch.cos(y / 5), torch.sin(x / 3 + y / 7)])[None] * 0.5
    with torch.inference_mode():
        features = network.encoder.eval()(image)
    found = [(float(f.mean()), float(f.std()), float(f[0, 3, 1, 1])) for f in features]
    # Of efficientnet_lite_pytorch 0.1.0 from PyPI, with the same file of weights.
    expected = [
        (-0.1435, 7.3420, -10.5584),
        (1.5240, 11.0971, 12.2914),
        (-0.4640, 10.0843, -7.3974),
        (1.4273, 6.6723, 7.1365),
        (-0.0951, 3.9592, -6.6902),
    ]
    assert found == [pytest.approx(values, abs=1e-3) for values in expected]


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_the_first_convolution_fits_any_number_of_channels(
    channels: int, imagenet: dict[str, torch.Tensor]
) -> None:
    network = build_network(LITE, channels, 2)
    fill_encoder(network, imagenet, Path("weights.pth"))
    stem, rgb = network.encoder._conv_stem.weight, imagenet["_conv_stem.weight"]
    assert stem.shape == (32, channels, 3, 3)
    for number in range(channels if channels > 1 else 0):
        assert torch.allclose(stem[:, number], rgb[:, number % 3] * 3 / channels)


def test_one_channel_is_seen_as_a_grey_photograph() -> None:
    rgb, grey = torch.randn(4, 3, 3, 3), torch.randn(1, 1, 8, 8)
    seen = torch.nn.functional.conv2d(grey, for_channels(rgb, 1))
    assert torch.allclose(seen, torch.nn.functional.conv2d(grey.repeat(1, 3, 1, 1), rgb), atol=1e-5)


def test_monai_s_encoders_take_the_weights_by_the_names_of_the_files() -> None:
    network = build_network(B0, 1, 2)
    own = network.encoder.state_dict()
    # The files number the blocks through and know no stages.
    names = {
        key: ".".join((*key.split(".")[:1], *key.split(".")[2:])) if key.startswith("_blocks") else key
        for key in own
    }
    weights = {names[key]: torch.full_like(value, number) for number, (key, value) in enumerate(own.items())}
    weights["_conv_stem.weight"] = torch.ones(32, 3, 3, 3)
    assert len(weights) == len(own)
    assert "_blocks.15._project_conv.weight" in weights
    fill_encoder(network, weights, Path("b0.pth"))
    for number, (key, value) in enumerate(network.encoder.state_dict().items()):
        assert (value == (3 if key == "_conv_stem.weight" else number)).all(), key


def test_torchvision_s_resnext_fits_unext50() -> None:
    network = build_network("unext50", 3, 2)
    weights = {
        key: torch.rand_like(v, dtype=torch.float32) for key, v in network.encoder.state_dict().items()
    }
    weights |= {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    fill_encoder(network, weights, Path("resnext50_32x4d.pth"))
    assert torch.equal(network.encoder.layer3[5].conv2.weight, weights["layer3.5.conv2.weight"])


def test_weights_of_another_encoder_are_refused_and_nothing_is_changed(
    imagenet: dict[str, torch.Tensor],
) -> None:
    network = build_network("unet_efficientnet_lite1", 1, 2)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(InputError, match=r"lite0\.pth: does not fit the encoder .* _blocks\.3\."):
        fill_encoder(network, imagenet, Path("lite0.pth"))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    with pytest.raises(InputError, match="this network has none"):
        fill_encoder(build_network("unet", 1, 2), imagenet, Path("lite0.pth"))


def test_the_file_of_the_package_is_the_known_one_and_any_other_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = find_pretrained(LITE)
    assert known is not None
    assert hashlib.sha256(known.read_bytes()).hexdigest() == FILES["efficientnet-lite0"].sha256
    data = bytearray(known.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / known.name).write_bytes(data)
    monkeypatch.setattr(module, "_place", lambda file: tmp_path / file.name)
    with pytest.raises(InputError, match=r"SHA-256 differs.*pip install napari-deepflash2\[pretrained\]"):
        find_pretrained(LITE)


def test_what_is_not_installed_is_not_found_and_the_way_to_it_is_said() -> None:
    assert find_pretrained("unet") is None
    assert how_to_get(B0) == f"run: napari-deepflash2 download-weights {B0}"
    assert "unet_efficientnet_lite0" in how_to_get("unet")
    assert module._place(PretrainedFile("a.pth", "0", "no_such_package_anywhere")) is None


def test_the_files_are_those_that_monai_knows() -> None:
    known = {url.rsplit("/", 1)[1]: url for url in url_map.values()}
    for file in FILES.values():
        assert file.package or known[file.name] == module.RELEASES + file.name
        assert file.package or Path(file.name).stem.endswith(file.sha256)


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the folder ``served``."""
    (tmp_path / "served").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "served"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def served(tmp_path: Path, releases: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the server has in place of b0's, and a cache of its own."""
    data = bytes(range(256)) * 4096
    file = PretrainedFile("efficientnet-b0.pth", hashlib.sha256(data).hexdigest()[:8])
    monkeypatch.setitem(FILES, "efficientnet-b0", file)
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(module, "RELEASES", releases)
    path = tmp_path / "served" / file.name
    path.write_bytes(data)
    return path


def _cached(tmp_path: Path) -> list[str]:
    folder = tmp_path / "cache"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_download_is_checked_kept_and_not_repeated(tmp_path: Path, served: Path) -> None:
    seen: list[Progress] = []
    assert find_pretrained(B0) is None
    path = download_weights(B0, seen.append)
    assert path.read_bytes() == served.read_bytes()
    assert find_pretrained(B0) == path
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert (seen[-1].done, seen[-1].total) == (2**20, 2**20)
    served.unlink()
    assert download_weights(B0, seen.append) == path


def test_a_changed_or_cut_file_leaves_nothing_behind(tmp_path: Path, served: Path) -> None:
    data = served.read_bytes()
    for spoiled in (data[:-1], data[:-1] + b"\0", b"", b"<html>Log in</html>"):
        served.write_bytes(spoiled)
        with pytest.raises(InputError, match="is not the file it is called"):
            download_weights(B0)
        assert _cached(tmp_path) == []


def test_a_server_that_has_nothing_or_is_not_there_is_said(
    tmp_path: Path, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.unlink()
    with pytest.raises(InputError, match=r"could not be downloaded.*404"):
        download_weights(B0)
    monkeypatch.setattr(module, "RELEASES", "http://127.0.0.1:9/")
    with pytest.raises(InputError, match="could not be downloaded"):
        download_weights(B0)
    assert _cached(tmp_path) == []


def test_a_download_can_be_cancelled(tmp_path: Path, served: Path) -> None:
    def cancel(_: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        download_weights(B0, cancel)
    assert _cached(tmp_path) == []


@pytest.mark.parametrize("name", ["unet", LITE])
def test_nothing_is_downloaded_where_there_is_nothing_to(name: str) -> None:
    with pytest.raises(InputError, match="has no weights to download"):
        download_weights(name)


def test_a_spoiled_file_in_the_cache_is_refused_and_named(tmp_path: Path, served: Path) -> None:
    path = download_weights(B0)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"SHA-256 differs.*Delete it, then run: .* download-weights"):
        find_pretrained(B0)


def test_an_encoder_that_was_trained_learns_at_a_fifth_of_the_rate(imagenet: dict[str, torch.Tensor]) -> None:
    network = build_network(LITE, 1, 2)
    assert {group["rate_factor"] for group in parameter_groups(network)} == {1, 3}
    fill_encoder(network, imagenet, Path("weights.pth"))
    factors = {id(p): group["rate_factor"] for group in parameter_groups(network) for p in group["params"]}
    assert {factors[id(p)] for p in network.encoder.parameters()} == {0.2}
    assert {factors[id(p)] for p in network.decoder.parameters()} == {1}
    assert {factors[id(p)] for p in network.head.parameters()} == {3}
