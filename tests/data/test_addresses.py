"""Images on a web server, here one of this process."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_deepflash2 import InputError
from napari_deepflash2.cli import app
from napari_deepflash2.data.zarr_files import open_zarr

zarr = pytest.importorskip("zarr")
pytest.importorskip("aiohttp")
IMAGE = np.random.default_rng(0).integers(0, 1000, (48, 64)).astype(np.uint16)


class _Handler(http.server.SimpleHTTPRequestHandler):
    refused: str | None = None

    def do_GET(self) -> None:
        if self.refused and self.refused in self.path:
            self.send_error(503)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Be silent."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve `tmp_path`."""
    handler = functools.partial(_Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def _ome(folder: Path, version: str) -> None:
    group = zarr.open_group(str(folder), mode="w", zarr_format=3 if version == "0.5" else 2)
    group.create_array("0", shape=IMAGE.shape, dtype=IMAGE.dtype, chunks=(16, 16))[:] = IMAGE
    multiscale = {
        "version": version,
        "axes": [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "yx"],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.325, 0.325]}]}
        ],
    }
    attributes = {"ome": {"version": version, "multiscales": [multiscale]}}
    group.attrs.update(attributes if version == "0.5" else {"multiscales": [multiscale]})


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_image_is_read_from_a_web_server(server: str, tmp_path: Path, version: str) -> None:
    _ome(tmp_path / "a.zarr", version)
    image = open_zarr(f"{server}/a.zarr")
    assert (image.axes, image.shape, image.pixel_size) == ("YX", IMAGE.shape, (0.325, 0.325))
    part = next(image.planes()).read(slice(10, 40), slice(5, 60))
    np.testing.assert_array_equal(part[..., 0], IMAGE[10:40, 5:60])


def test_an_array_without_a_group_is_read_too(server: str, tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), data=IMAGE, chunks=(16, 16))
    assert open_zarr(f"{server}/a.zarr/").shape == IMAGE.shape


def test_what_is_not_there_is_said(server: str, tmp_path: Path) -> None:
    zarr.open_group(str(tmp_path / "group.zarr"), mode="w")
    _ome(tmp_path / "a.zarr", "0.5")
    (tmp_path / "a.zarr" / "0" / "zarr.json").unlink()
    assert _refused(f"{server}/none.zarr") == ("nothing-there", f"{server}/none.zarr")
    assert _refused(f"{server}/group.zarr") == ("no-image", f"{server}/group.zarr")
    assert _refused(f"{server}/a.zarr") == ("no-image", f"{server}/a.zarr")


def test_a_server_that_does_not_answer_is_no_damaged_file(server: str) -> None:
    port = int(server.rpartition(":")[2])
    nobody = server.replace(str(port), "1")
    assert _refused(f"{nobody}/a.zarr") == ("unreachable", f"{nobody}/a.zarr")
    assert _refused("gopher://127.0.0.1/a.zarr") == ("unknown-address", "gopher://127.0.0.1/a.zarr")


def test_a_server_that_fails_in_between_is_named_not_the_chunk(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ome(tmp_path / "a.zarr", "0.5")
    image = open_zarr(f"{server}/a.zarr")
    monkeypatch.setattr(_Handler, "refused", "/0/c/1/2")
    plane = next(image.planes())
    assert plane.read(slice(0, 16), slice(0, 64)).shape == (16, 64, 1)
    with pytest.raises(InputError, match=r"cannot be reached .*503"):
        plane.read(slice(0, 48), slice(0, 64))


def test_the_command_line_takes_an_address(server: str, tmp_path: Path, tiny_ensemble: Path) -> None:
    _ome(tmp_path / "a.ome.zarr", "0.4")
    arguments = ["predict", "--images", f"{server}/a.ome.zarr", "--ensemble", str(tiny_ensemble)]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    labels = open_zarr(tmp_path / "out" / "labels" / "a.zarr")
    assert (labels.shape, labels.pixel_size) == (IMAGE.shape, (0.325, 0.325))


def _refused(address: str) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        open_zarr(address)
    (problem,) = caught.value.problems
    return problem.code, problem.where
