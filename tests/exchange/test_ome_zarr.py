import json
from pathlib import Path

import numpy as np
import pytest

from napari_deepflash2.data.zarr_files import open_zarr
from napari_deepflash2.exchange import ome_zarr
from napari_deepflash2.exchange.ome_zarr import Grid, OmeZarr

zarr = pytest.importorskip("zarr")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ome_zarr, "CHUNK", 32)


def _grid(*shape: int, axes: str = "YX") -> Grid:
    n = len(shape)
    return Grid(axes, shape, (0.5,) * n, ("micrometer",) * n, (2.0,) * n)


def _written(folder: Path, data: np.ndarray, kind: str, grid: Grid | None = None) -> Path:
    """Write an image in two parts."""
    grid = grid or _grid(*data.shape)
    image = OmeZarr(folder)
    image.create(grid, data.dtype)
    for index in np.ndindex(*data.shape[:-2]):
        for rows in (slice(0, 32), slice(32, data.shape[-2])):
            image.write(index, rows, slice(0, data.shape[-1]), data[index][rows])
    assert image.about() is None
    image.finish(grid, "nuclei", kind, {"key": "abc"})
    return folder


def test_an_image_is_read_back_with_its_grid(tmp_path: Path) -> None:
    data = np.random.default_rng(0).uniform(size=(100, 75)).astype(np.float32)
    path = _written(tmp_path / "a.zarr", data, "image")
    image = open_zarr(path)
    plane = next(image.planes())
    np.testing.assert_array_equal(plane.read(slice(0, 100), slice(0, 75))[..., 0], data)
    assert (image.axes, image.pixel_size, image.origin) == ("YX", (0.5, 0.5), (2.0, 2.0))
    assert image.notes == ()
    assert OmeZarr(path).about() == {"key": "abc"}


def test_lower_levels_are_means_that_lie_where_they_belong(tmp_path: Path) -> None:
    y, x = np.mgrid[:101, :75].astype(np.float32)
    path = _written(tmp_path / "a.zarr", y * 2 + x, "image")
    ome = zarr.open_group(str(path), mode="r").attrs["ome"]
    (multiscale,) = ome["multiscales"]
    assert ome["version"] == "0.5"
    assert [dataset["path"] for dataset in multiscale["datasets"]] == ["0", "1", "2"]
    for dataset in multiscale["datasets"][1:]:
        level = zarr.open_array(str(path / dataset["path"]), mode="r")[:]
        scale, origin = (next(iter(set(t[t["type"]]))) for t in dataset["coordinateTransformations"])
        rows, columns = (np.arange(length) * scale + origin for length in level.shape)
        # Physical coordinates back to pixels of the full resolution.
        expected = 2 * ((rows - 2) / 0.5)[:, None] + (columns - 2) / 0.5
        np.testing.assert_allclose(level[:-1, :-1], expected[:-1, :-1], rtol=1e-5)


def test_lower_levels_of_labels_hold_no_value_that_was_not_there(tmp_path: Path) -> None:
    data = np.random.default_rng(0).choice([0, 7, 200], (70, 90)).astype(np.uint8)
    path = _written(tmp_path / "a.zarr", data, "labels")
    np.testing.assert_array_equal(zarr.open_array(str(path / "1"), mode="r")[:], data[::2, ::2])
    assert "image-label" in zarr.open_group(str(path), mode="r").attrs["ome"]


def test_stacks_are_halved_within_their_planes(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 9, (3, 40, 70)).astype(np.uint8)
    path = _written(tmp_path / "a.zarr", data, "labels", _grid(3, 40, 70, axes="ZYX"))
    assert open_zarr(path).axes == "ZYX"
    np.testing.assert_array_equal(zarr.open_array(str(path / "1"), mode="r")[:], data[:, ::2, ::2])


def test_chunks_of_zeros_are_written_too(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.zarr", np.zeros((100, 75), np.uint8), "labels")
    assert open_zarr(path).notes == ()
    assert len(list((path / "0" / "c").rglob("*/*"))) == 12


def test_metadata_say_what_ome_ngff_0_5_asks_for(tmp_path: Path) -> None:
    """Its schema, field by field: napari, Fiji and QuPath find axes, levels, scale and units by these."""
    data = np.random.default_rng(0).uniform(size=(2, 3, 70, 90)).astype(np.float32)
    grid = Grid(
        "TCYX", data.shape, (60.0, 1.0, 0.5, 0.5), ("second", "", "micrometer", "micrometer"), (0.0,) * 4
    )
    path = _written(tmp_path / "a.zarr", data, "image", grid)
    node = json.loads((path / "zarr.json").read_text())
    assert (node["zarr_format"], node["node_type"]) == (3, "group")
    ome = node["attributes"]["ome"]
    assert ome["version"] == "0.5"
    (multiscale,) = ome["multiscales"]
    assert multiscale["axes"] == [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    shapes = []
    for level, dataset in enumerate(multiscale["datasets"]):
        array = json.loads((path / dataset["path"] / "zarr.json").read_text())
        shapes.append(array["shape"])
        assert array["dimension_names"] == ["t", "c", "y", "x"]
        scale, translation = dataset["coordinateTransformations"]
        assert scale == {"type": "scale", "scale": [60.0, 1.0, 0.5 * 2**level, 0.5 * 2**level]}
        assert translation["type"] == "translation"
        assert len(translation["translation"]) == 4
    assert shapes == [[2, 3, 70, 90], [2, 3, 35, 45], [2, 3, 18, 23]]
    # From the largest to the smallest, as the specification orders them.
    assert shapes == sorted(shapes, reverse=True)
