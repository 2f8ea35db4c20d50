"""Cases of prediction (H): what a folder leaves behind when something is odd with an image or a run."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_deepflash2 import InputError, load_ensemble
from napari_deepflash2.ensemble.loaded import Ensemble
from napari_deepflash2.ensemble.manifest import Manifest
from napari_deepflash2.jobs import PredictionReport, predict_folder
from napari_deepflash2.prediction import Prediction, result
from napari_deepflash2.sample_data import make_cells


def _codes(report: PredictionReport, name: str) -> set[str]:
    return {note.code for note in report.notes if name in note.where}


def _page(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


def test_h2_other_channels_are_named_before_any_image_is_predicted(
    folders: Path, tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted: list[str] = []
    monkeypatch.setattr(Ensemble, "predict", lambda *_, name, **__: predicted.append(name))
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((32, 32, 2), np.uint8), metadata={"axes": "YXC"})
    with pytest.raises(InputError) as error:
        predict_folder(tmp_path, tiny_ensemble, tmp_path.parent / "h2")
    assert str(error.value).count("has 2 channels, the ensemble was trained on 1") == 2
    assert predicted == []


def test_h3_another_magnification_is_told_in_tables_and_report(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    ensemble = Path(shutil.copytree(tiny_ensemble, tmp_path / "ensemble"))
    manifest = Manifest.load(ensemble)
    manifest.model_copy(update={"pixel_sizes": {"1": (1.0, 1.0)}}).save(ensemble)
    image = tifffile.imread(folders / "images" / "1.tif")
    for name, per_micrometre in (("same", 1), ("other", 4)):
        tags = {"imagej": True, "resolution": (per_micrometre,) * 2, "metadata": {"unit": "um"}}
        tifffile.imwrite(tmp_path / f"{name}.tif", image.astype(np.uint16), **tags)
    report = predict_folder([tmp_path / "same.tif", tmp_path / "other.tif"], ensemble, tmp_path / "out")
    assert "other-pixel-size" in _codes(report, "other.tif")
    assert "other-pixel-size" not in _codes(report, "same.tif")
    assert _page(tmp_path / "out").count("objects look larger") == 1
    sheet = pd.read_excel(tmp_path / "out" / "predictions.xlsx", sheet_name="notes")
    assert "other-pixel-size" in set(sheet["code"])


def test_h4_another_bit_depth_and_another_stain_are_flagged(judging_ensemble: Path, tmp_path: Path) -> None:
    image = make_cells((96, 96), n_cells=10, random_state=9)[0]
    stripes = np.where(np.indices(image.shape).sum(0) % 8 < 4, image.min(), image.max())
    images = {"usual": image, "brighter": image.astype(np.uint32) * 100, "stained": stripes}
    (tmp_path / "images").mkdir()
    for name, pixels in images.items():
        tifffile.imwrite(tmp_path / "images" / f"{name}.tif", pixels.astype(np.uint32))
    report = predict_folder(tmp_path / "images", judging_ensemble, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "predictions.csv").set_index("image")
    assert "other-intensities" in _codes(report, "brighter.tif")
    assert table.loc["stained", "is_ood"]
    assert not table.loc["usual", "is_ood"]
    assert np.isnan(table.loc["stained", "expected_dice"])
    assert not np.isnan(table.loc["usual", "expected_dice"])
    page = _page(tmp_path / "out")
    unlike = page[page.index("Unlike the training images <small>") : page.index("By expected Dice")]
    assert "<h3>stained</h3>" in unlike
    assert "<h3>usual</h3>" not in unlike
    assert (tmp_path / "out" / ".predicted" / "stained.unlike.jpg").exists()


def test_h5_empty_predictions_have_figures_and_are_told(
    folders: Path, tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result, "most_probable", lambda mean: np.zeros(mean.shape[1:], np.uint8))
    report = predict_folder(folders / "images", tiny_ensemble, tmp_path, folders / "masks")
    assert not report.table[["score", "dice", "iou", "ap_50", "ap"]].isna().any(axis=None)
    assert report.table["dice"].tolist() == [0, 0, 0]
    assert all("no-foreground" in _codes(report, f"{number}.tif") for number in (1, 2, 3))
    assert "<dt>Nothing predicted, in a slice at least</dt><dd>3</dd>" in _page(tmp_path)


@pytest.fixture
def instant(tiny_ensemble: Path, folders: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Predict each image as one of a few pixels was; gives the names of those that were predicted."""
    whole = load_ensemble(tiny_ensemble).predict(tifffile.imread(folders / "images" / "1.tif"))
    few = np.s_[:8, :8]
    small = replace(whole, labels=whole.labels[few], uncertainty=whole.uncertainty[few])
    names: list[str] = []

    def predict(*_: object, name: str, **__: object) -> Prediction:
        names.append(name)
        if name == "bad while predicting.tif":
            raise InputError.one(name, "cannot be used", "Leave it out.", "test")
        return small

    monkeypatch.setattr(Ensemble, "predict", predict)
    return names


def test_h6_of_very_many_files_those_that_are_bad_keep_no_other_from_its_results(
    tiny_ensemble: Path, tmp_path: Path, instant: list[str]
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(90):
        tifffile.imwrite(images / f"{number:03}.tif", np.full((8, 8), number, np.uint8))
    tifffile.imwrite(images / "bad while predicting.tif", np.zeros((8, 8), np.uint8))
    (images / "050.tif").write_bytes(b"not a tiff")
    report = predict_folder(images, tiny_ensemble, tmp_path / "out")
    assert len(report.table) == 89
    assert [Path(problem.where).name for problem in report.refused] == ["050.tif", "bad while predicting.tif"]
    page = _page(tmp_path / "out")
    assert page.count('alt="labels as outlines"') == 60
    assert page.count("cannot be used") == 1
    instant.clear()
    tifffile.imwrite(images / "050.tif", np.full((8, 8), 50, np.uint8))
    (images / "bad while predicting.tif").unlink()
    again = predict_folder(images, tiny_ensemble, tmp_path / "out")
    assert instant == ["050.tif"]
    assert (len(again.table), again.refused) == (90, ())


_CHILD = """
import sys
from napari_deepflash2.jobs import predict_folder
predict_folder(*sys.argv[1:])
"""


def test_h7_a_folder_that_is_killed_at_any_moment_has_whole_files_and_goes_on(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    predict_folder(folders / "images", tiny_ensemble, tmp_path / "whole")
    out = tmp_path / "out"
    command = [sys.executable, "-c", _CHILD, str(folders / "images"), str(tiny_ensemble), str(out)]
    for number in (1, 2):
        child = subprocess.Popen(command)
        while child.poll() is None and not (out / "labels" / f"{number}.tif").exists():
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert not (out / "predictions.csv").exists()
        for path in (out / "labels").glob("[!.]*"):
            assert path.read_bytes() == (tmp_path / "whole" / "labels" / path.name).read_bytes()
    kept = (out / "labels" / "1.tif").stat().st_mtime_ns if (out / ".predicted" / "1.json").exists() else None
    predict_folder(folders / "images", tiny_ensemble, out)
    assert kept in (None, (out / "labels" / "1.tif").stat().st_mtime_ns)
    for kind in ("labels", "uncertainty", ".predicted"):
        assert _files(out / kind) == _files(tmp_path / "whole" / kind)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("[!.]*"))}


def test_h12_images_of_the_training_are_told_in_tables_and_report(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    shutil.copytree(folders / "images", tmp_path / "images")
    tifffile.imwrite(tmp_path / "images" / "new.tif", make_cells((48, 64), n_cells=4, random_state=77)[0])
    report = predict_folder(tmp_path / "images", tiny_ensemble, tmp_path / "out")
    assert all("was-trained-on" in _codes(report, f"{number}.tif") for number in (1, 2, 3))
    assert "was-trained-on" not in _codes(report, "new.tif")
    assert _page(tmp_path / "out").count("so the prediction looks better than on new images") == 3
