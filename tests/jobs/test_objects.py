from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_deepflash2 import load_ensemble
from napari_deepflash2.config import Configuration
from napari_deepflash2.data import read_image
from napari_deepflash2.jobs import predict_folder
from napari_deepflash2.jobs.objects import table_of_objects
from napari_deepflash2.objects.finding import COLUMNS

CONFIG = Configuration.of({"prediction": {"objects": True, "tile_size": 64}})


def test_objects_of_each_image_are_written_with_one_table_of_all(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    report = predict_folder(folders / "images", tiny_ensemble, tmp_path, config=CONFIG)
    ensemble = load_ensemble(tiny_ensemble)
    table = pd.read_csv(tmp_path / "objects.csv", dtype={"image": str})
    assert table.columns.tolist() == ["image", *COLUMNS]
    for name in "123":
        prediction = ensemble.predict(tifffile.imread(folders / "images" / f"{name}.tif"), CONFIG.prediction)
        expected = ensemble.find_objects(prediction)
        labels = tifffile.imread(tmp_path / "objects" / f"{name}.tif")
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(labels, expected.labels)
        own = table[table["image"] == name]
        assert own["label"].tolist() == expected.table["label"].tolist()
        np.testing.assert_allclose(own["uncertainty"], expected.table["uncertainty"].astype(float))
    assert report.objects is not None
    assert len(report.objects) == len(table) > 0


def test_without_being_asked_for_no_objects_are_written(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    report = predict_folder(folders / "images" / "1.tif", tiny_ensemble, tmp_path)
    assert report.objects is None
    assert not (tmp_path / "objects.csv").exists()
    assert not (tmp_path / "objects").exists()


def test_objects_of_a_stack_have_numbers_of_their_own_and_tell_their_slice(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    images = [tifffile.imread(path) for path in sorted((folders / "images").iterdir())]
    tifffile.imwrite(tmp_path / "stack.tif", np.stack(images), imagej=True, metadata={"axes": "ZYX"})
    report = predict_folder(tmp_path / "stack.tif", tiny_ensemble, tmp_path / "out", config=CONFIG)
    written = read_image(tmp_path / "out" / "objects" / "stack.tif")
    assert written.axes == "ZYX"
    table = report.objects
    assert table is not None
    assert table["label"].tolist() == list(range(1, len(table) + 1)) != []
    for _, row in table.iterrows():
        assert (written.data[int(row["slice"])] == row["label"]).sum() == row["area"]


def test_a_second_run_keeps_the_objects_of_the_first_and_makes_those_that_are_missing(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    images = shutil.copytree(folders / "images", tmp_path / "images")
    # A spreadsheet would run it.
    (images / "1.tif").rename(images / "=1+1.tif")
    predict_folder(images, tiny_ensemble, tmp_path / "out", config=CONFIG)
    first = (tmp_path / "out" / "objects.csv").read_bytes()
    (tmp_path / "out" / "objects" / "2.tif").unlink()
    kept = (tmp_path / "out" / "objects" / "3.tif").stat().st_mtime_ns
    predict_folder(images, tiny_ensemble, tmp_path / "out", config=CONFIG)
    assert (tmp_path / "out" / "objects.csv").read_bytes() == first
    assert (tmp_path / "out" / "objects" / "2.tif").is_file()
    assert (tmp_path / "out" / "objects" / "3.tif").stat().st_mtime_ns == kept
    names = pd.read_csv(tmp_path / "out" / "objects.csv")["image"].astype(str)
    assert set(names) == {"'=1+1", "2", "3"}
    assert b"\n=" not in first


def test_a_table_without_objects_has_its_columns() -> None:
    assert table_of_objects([]).columns.tolist() == ["image", *COLUMNS]


def test_of_an_image_predicted_block_by_block_it_is_said_that_objects_are_not_looked_for(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(tmp_path / "large.zarr"), mode="w")
    group.create_array("0", data=tifffile.imread(folders / "images" / "1.tif"))
    axes = [{"name": name, "type": "space"} for name in "yx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    report = predict_folder(tmp_path / "large.zarr", tiny_ensemble, tmp_path / "out", config=CONFIG)
    assert "no-objects" in {note.code for note in report.notes}
    assert report.objects is not None
    assert len(report.objects) == 0
