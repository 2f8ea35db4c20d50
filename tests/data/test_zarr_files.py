import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_deepflash2.data.lazy_image import LazyImage
from napari_deepflash2.data.zarr_files import is_zarr, open_zarr
from napari_deepflash2.errors import InputError

zarr = pytest.importorskip("zarr")


def _stored(folder: Path, data: np.ndarray, **options: Any) -> Path:
    array = zarr.create_array(
        str(folder), shape=data.shape, dtype=data.dtype, chunks=(16,) * data.ndim, **options
    )
    array[:] = data
    return folder


def _ome(folder: Path, data: np.ndarray, axes: str, version: str = "0.5", scale: float = 0.65) -> Path:
    """An OME-Zarr image of two levels, in micrometres."""
    group = zarr.open_group(str(folder), mode="w", zarr_format=3 if version == "0.5" else 2)
    for level in ("0", "1"):
        group.create_array(level, shape=data.shape, dtype=data.dtype, chunks=(16,) * data.ndim)[:] = data
        data = data[..., ::2, ::2]
    spatial = {"type": "space", "unit": "micrometer"}
    multiscale = {
        "version": version,
        "axes": [{"name": axis, **(spatial if axis in "yx" else {"type": "channel"})} for axis in axes],
        "datasets": [
            {
                "path": level,
                "coordinateTransformations": [
                    {
                        "type": "scale",
                        "scale": [scale * 2 ** int(level) if axis in "yx" else 1 for axis in axes],
                    }
                ],
            }
            for level in ("0", "1")
        ],
    }
    attributes = {"ome": {"version": version, "multiscales": [multiscale]}}
    group.attrs.update(attributes if version == "0.5" else {"multiscales": [multiscale]})
    return folder


def _refused(path: Path) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        open_zarr(path)
    (problem,) = caught.value.problems
    assert str(path) in problem.where
    return problem.code, problem.found


def _all_of(image: LazyImage) -> np.ndarray:
    return np.stack(
        [plane.read(slice(0, image.shape[0]), slice(0, image.shape[1])) for plane in image.planes()]
    )


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_full_resolution_of_an_ome_zarr_is_read_with_its_pixel_size(tmp_path: Path, version: str) -> None:
    data = np.random.default_rng(0).integers(0, 999, (3, 2, 40, 50)).astype(np.uint16)
    path = _ome(tmp_path / "a.zarr", data, "zcyx", version)
    image = open_zarr(path)
    assert is_zarr(path)
    assert (image.axes, image.shape, image.channels, image.leading) == ("ZCYX", (40, 50), 2, "Z")
    assert image.pixel_size == pytest.approx((0.65, 0.65))
    assert image.notes == ()
    np.testing.assert_array_equal(_all_of(image), np.moveaxis(data, 1, -1))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float32", "int16"])
def test_a_plain_array_of_two_axes_is_an_image(tmp_path: Path, zarr_format: int, dtype: str) -> None:
    data = np.random.default_rng(0).integers(0, 99, (40, 50)).astype(dtype)
    image = open_zarr(_stored(tmp_path / "a.zarr", data, zarr_format=zarr_format))
    assert (image.axes, image.channels, image.pixel_size) == ("YX", 1, None)
    found = _all_of(image)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0, ..., 0], data)


def test_axes_are_those_that_the_array_names(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 99, (40, 50, 3)).astype(np.uint8)
    image = open_zarr(_stored(tmp_path / "a.zarr", data, dimension_names=("y", "x", "c")))
    np.testing.assert_array_equal(_all_of(image)[0], data)


def test_three_axes_without_names_are_in_doubt_unless_settings_say_what_they_are(tmp_path: Path) -> None:
    path = _stored(tmp_path / "a.zarr", np.ones((4, 20, 20), np.uint8))
    assert _refused(path)[0] == "unknown-axes"
    assert open_zarr(path, "slices").axes == "ZYX"
    assert open_zarr(path, "channels").channels == 4


def test_shards_are_read_too(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 99, (64, 64)).astype(np.uint8)
    image = open_zarr(_stored(tmp_path / "a.zarr", data, shards=(32, 32)))
    assert image.chunks == (32, 32)
    np.testing.assert_array_equal(_all_of(image)[0, ..., 0], data)


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(self.path),))

    def __init__(self, path: Path) -> None:
        self.path = str(path)


@pytest.mark.parametrize("dtype", ["|O", "<u2"])
@pytest.mark.parametrize(
    "filters", [[{"id": "pickle", "protocol": 5}], [{"id": "vlen-utf8"}, {"id": "pickle"}]]
)
def test_b22_a_codec_that_runs_code_is_refused_before_anything_is_read(
    tmp_path: Path, dtype: str, filters: list[dict[str, Any]]
) -> None:
    path, sign = tmp_path / "a.zarr", tmp_path / "executed"
    path.mkdir()
    metadata = {
        "zarr_format": 2,
        "shape": [4],
        "chunks": [4],
        "dtype": dtype,
        "compressor": None,
        "filters": filters,
    }
    (path / ".zarray").write_text(json.dumps({**metadata, "fill_value": None, "order": "C"}))
    (path / "0").write_bytes(pickle.dumps(_Bomb(sign)))
    code, found = _refused(path)
    assert code == "foreign-codec"
    assert "pickle" in found
    assert not sign.exists()


def test_b22_codecs_within_shards_are_looked_at_too(tmp_path: Path) -> None:
    path = _stored(tmp_path / "a.zarr", np.ones((64, 64), np.uint8), shards=(32, 32))
    text = (path / "zarr.json").read_text().replace('"zstd"', '"numcodecs.pickle"')
    (path / "zarr.json").write_text(text)
    assert _refused(path) == (
        "foreign-codec",
        "is compressed by pickle, which is not read: it may run code that the file brings",
    )


def test_b23_missing_chunks_are_noted_with_their_place(tmp_path: Path) -> None:
    path = _stored(tmp_path / "a.zarr", np.ones((40, 50), np.uint8))
    (path / "c" / "1" / "2").unlink()
    (note,) = open_zarr(path).notes
    assert note.code == "missing-chunks"
    assert "1 of 12 chunks are not there, the first of them 1/2; they are read as 0" in note.found


def test_b23_a_chunk_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = _stored(tmp_path / "a.zarr", np.random.default_rng(0).integers(0, 99, (40, 50)).astype(np.uint8))
    chunk = path / "c" / "2" / "1"
    chunk.write_bytes(chunk.read_bytes()[:9])
    plane = next(open_zarr(path).planes())
    assert plane.read(slice(0, 32), slice(0, 50)).shape == (32, 50, 1)
    with pytest.raises(InputError, match="chunk 2/1 is damaged or cut short") as caught:
        plane.read(slice(0, 40), slice(0, 50))
    assert caught.value.problems[0].code == "damaged-chunk"


@pytest.mark.parametrize("spoil", ["empty", "not json", "no datasets", "points elsewhere", "group", "huge"])
def test_what_is_no_image_is_refused_with_a_reason(tmp_path: Path, spoil: str) -> None:
    path = _ome(tmp_path / "a.zarr", np.ones((20, 20), np.uint8), "yx")
    root = path / "zarr.json"
    values = json.loads(root.read_text())
    if spoil == "empty":
        root.unlink()
    elif spoil == "not json":
        root.write_text("{")
    elif spoil == "no datasets":
        del values["attributes"]["ome"]["multiscales"][0]["datasets"]
        root.write_text(json.dumps(values))
    elif spoil == "points elsewhere":
        values["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = "../../etc"
        root.write_text(json.dumps(values))
    elif spoil == "group":
        root.write_text(json.dumps({**values, "attributes": {}}))
    else:
        root.write_text(json.dumps({**values, "attributes": {"text": "x" * 2**21}}))
    assert _refused(path)[0] in {"unreadable", "no-image"}


def test_a_folder_that_zarr_did_not_write_is_none(tmp_path: Path) -> None:
    assert not is_zarr(tmp_path)
    assert not is_zarr(tmp_path / "missing")
    assert is_zarr("https://example.org/image.zarr")
