import hashlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from napari_deepflash2.cli import main
from napari_deepflash2.ensemble.networks import NETWORKS, pretrained
from napari_deepflash2.ensemble.networks.pretrained import FILES, PretrainedFile


def _status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    return left.value.code or 0


def test_the_networks_are_listed_with_what_they_cost(capsys: pytest.CaptureFixture[str]) -> None:
    assert _status("networks") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(NETWORKS)
    lite = next(line for line in lines if line.startswith("unet_efficientnet_lite0 "))
    assert "3.8 M" in lite
    assert "11.0 GFLOPs" in lite
    assert "ImageNet: here" in lite


def test_weights_are_downloaded_by_command_and_the_place_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = b"weights"
    (tmp_path / "b0.pth").write_bytes(data)
    monkeypatch.setitem(FILES, "efficientnet-b0", PretrainedFile("b0.pth", hashlib.sha256(data).hexdigest()))
    monkeypatch.setattr(pretrained, "cache_folder", lambda: tmp_path / "cache")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path))
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(pretrained, "RELEASES", f"http://127.0.0.1:{server.server_port}/")
    try:
        assert _status("download-weights", "flexible_unet_efficientnet-b0") == 0
    finally:
        server.shutdown()
        server.server_close()
    assert (tmp_path / "cache" / "b0.pth").read_bytes() == data
    assert str(tmp_path / "cache" / "b0.pth") in capsys.readouterr().out.replace("\n", "")


def test_a_network_without_weights_to_download_ends_with_2_and_a_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _status("download-weights", "unet") == 2
    assert "choose a network that has them" in capsys.readouterr().err
    assert _status("download-weights", "unet9") == 2
    assert "there is no network 'unet9'" in capsys.readouterr().err
