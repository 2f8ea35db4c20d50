import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_deepflash2 import InputError, load_ensemble
from napari_deepflash2.config import Configuration
from napari_deepflash2.consensus import dice
from napari_deepflash2.data import read_image
from napari_deepflash2.ensemble.manifest import Manifest
from napari_deepflash2.jobs import predict_folder
from napari_deepflash2.objects import average_precisions, class_objects
from napari_deepflash2.progress import Cancelled, Progress

COLUMNS = [
    "image",
    "score",
    "expected_dice",
    "expected_dice_low",
    "expected_dice_high",
    "ood_score",
    "is_ood",
]


def test_labels_uncertainty_and_table_are_written(folders: Path, tiny_ensemble: Path, tmp_path: Path) -> None:
    report = predict_folder(folders / "images", tiny_ensemble, tmp_path)
    labels = tifffile.imread(tmp_path / "labels" / "1.tif")
    uncertainty = tifffile.imread(tmp_path / "uncertainty" / "1.tif")
    expected = load_ensemble(tiny_ensemble).predict(tifffile.imread(folders / "images" / "1.tif"))
    np.testing.assert_array_equal(labels, expected.labels)
    np.testing.assert_allclose(uncertainty, expected.uncertainty, atol=1e-6)
    assert uncertainty.dtype == np.float32
    table = pd.read_csv(tmp_path / "predictions.csv", dtype={"image": str})
    assert table.columns.tolist() == COLUMNS
    assert table["image"].tolist() == ["1", "2", "3"]
    assert np.isfinite(table["score"]).all()
    assert table[["expected_dice", "ood_score", "is_ood"]].isna().all(axis=None)
    assert len(report.table) == 3


def test_entropies_are_written_where_they_are_asked_for(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    config = Configuration.of({"prediction": {"entropy": True, "tile_size": 64}})
    predict_folder(folders / "images", tiny_ensemble, tmp_path, config=config)
    entropy = tifffile.imread(tmp_path / "entropy" / "1.tif")
    information = tifffile.imread(tmp_path / "mutual_information" / "1.tif")
    assert entropy.dtype == information.dtype == np.float32
    assert 0 <= information.min() <= information.max() <= entropy.max() <= 1


def test_epistemic_part_and_probabilities_are_written_where_they_are_asked_for(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    config = Configuration.of({"prediction": {"epistemic": True, "probabilities": True, "tile_size": 64}})
    predict_folder(folders / "images", tiny_ensemble, tmp_path, config=config)
    with tifffile.TiffFile(tmp_path / "probabilities" / "1.tif") as file:
        assert file.series[0].axes == "CYX"
        assert file.shaped_metadata[0]["classes"] == [0, 255]
        probabilities = file.asarray()
    image = tifffile.imread(folders / "images" / "1.tif")
    expected = load_ensemble(tiny_ensemble).predict(image, config.prediction)
    np.testing.assert_array_equal(probabilities, expected.probabilities)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "epistemic" / "1.tif"), expected.epistemic)
    assert probabilities.dtype == np.float32


def test_probabilities_of_a_stack_have_their_axis_before_y(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    images = [tifffile.imread(path) for path in sorted((folders / "images").iterdir())]
    tifffile.imwrite(tmp_path / "stack.tif", np.stack(images), imagej=True, metadata={"axes": "ZYX"})
    config = Configuration.of({"prediction": {"probabilities": True, "tile_size": 64}})
    predict_folder(tmp_path / "stack.tif", tiny_ensemble, tmp_path / "out", config=config)
    with tifffile.TiffFile(tmp_path / "out" / "probabilities" / "stack.tif") as file:
        assert (file.series[0].axes, file.series[0].shape) == ("ZCYX", (3, 2, 48, 64))
    assert read_image(tmp_path / "out" / "probabilities" / "stack.tif").axes == "ZYXC"


def test_labels_have_the_values_of_the_training_masks(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    predict_folder(folders / "images", tiny_ensemble, tmp_path)
    found = {
        int(value) for path in (tmp_path / "labels").iterdir() for value in np.unique(tifffile.imread(path))
    }
    assert found <= {0, 255}


def test_with_masks_the_table_has_the_dice(folders: Path, tiny_ensemble: Path, tmp_path: Path) -> None:
    predict_folder(folders / "images", tiny_ensemble, tmp_path, folders / "masks")
    table = pd.read_csv(tmp_path / "predictions.csv", dtype={"image": str}).set_index("image")
    labels = tifffile.imread(tmp_path / "labels" / "2.tif")
    truth = tifffile.imread(folders / "masks" / "2_mask.tif")
    assert table.loc["2", "dice"] == pytest.approx(dice(labels > 0, truth > 0))
    both, either = (labels > 0) & (truth > 0), (labels > 0) | (truth > 0)
    assert table.loc["2", "iou"] == pytest.approx(both.sum() / either.sum())
    precisions = average_precisions(class_objects(truth, 255), class_objects(labels, 255))
    assert table.loc["2", "ap_50"] == pytest.approx(precisions[0])
    assert table.loc["2", "ap"] == pytest.approx(precisions.mean())


def test_the_excel_file_has_the_same_table_with_notes_and_what_was_refused(
    with_bad_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    report = predict_folder(with_bad_images, tiny_ensemble, tmp_path / "out")
    sheets = pd.read_excel(tmp_path / "out" / "predictions.xlsx", sheet_name=None, dtype={"image": str})
    assert list(sheets) == ["predictions", "notes", "refused"]
    assert sheets["predictions"]["image"].tolist() == ["1", "3"]
    np.testing.assert_allclose(sheets["predictions"]["score"], report.table["score"])
    assert sheets["notes"]["code"].tolist() == [note.code for note in report.notes]
    assert [Path(where).name for where in sheets["refused"]["where"]] == ["2.tif", "4.tif"]


def test_h6_a_list_of_images_is_predicted_but_for_what_is_missing(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    names = "\n".join(str(folders / "images" / name) for name in ("3.tif", "x.tif", "1.tif"))
    (tmp_path / "list.txt").write_text(names)
    report = predict_folder(tmp_path / "list.txt", tiny_ensemble, tmp_path / "out")
    assert report.table["image"].tolist() == ["3", "1"]
    assert [problem.code for problem in report.refused] == ["missing-image"]


def test_single_images_are_held_against_their_masks(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    images = [folders / "images" / "3.tif", folders / "images" / "1.tif"]
    some = predict_folder(images, tiny_ensemble, tmp_path / "a", folders / "masks").table.set_index("image")
    all_ = predict_folder(folders / "images", tiny_ensemble, tmp_path / "b", folders / "masks").table
    assert some["dice"].to_dict() == all_.set_index("image")["dice"].drop("2").to_dict()


def test_results_keep_the_pixel_size_of_the_image(folders: Path, tiny_ensemble: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    image = tifffile.imread(folders / "images" / "1.tif")
    tags = {"imagej": True, "resolution": (4, 2), "metadata": {"unit": "um"}}
    tifffile.imwrite(tmp_path / "images" / "1.tif", image.astype(np.uint16), **tags)
    predict_folder(tmp_path / "images", tiny_ensemble, tmp_path / "out")
    for folder in ("labels", "uncertainty"):
        assert read_image(tmp_path / "out" / folder / "1.tif").pixel_size == pytest.approx((0.5, 0.25))


def test_ignored_pixels_have_no_part_in_the_dice(folders: Path, tiny_ensemble: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for path in (folders / "masks").iterdir():
        mask = (tifffile.imread(path) > 0).astype(np.int8)
        mask[:, :20] = -1
        tifffile.imwrite(tmp_path / "masks" / path.name, mask)
    tifffile.imwrite(tmp_path / "masks" / "1_mask.tif", np.full_like(mask, -1))
    config = load_ensemble(tiny_ensemble).config.replace("data", ignore_label=-1)
    predict_folder(folders / "images", tiny_ensemble, tmp_path / "out", tmp_path / "masks", config)
    table = pd.read_csv(tmp_path / "out" / "predictions.csv", dtype={"image": str}).set_index("image")
    labels = tifffile.imread(tmp_path / "out" / "labels" / "2.tif")[:, 20:]
    truth = tifffile.imread(folders / "masks" / "2_mask.tif")[:, 20:]
    assert table.loc["2", "dice"] == pytest.approx(dice(labels > 0, truth > 0))
    assert np.isnan(table.loc["1", "dice"])


def test_masks_written_as_0_and_1_serve_an_ensemble_trained_on_0_and_255(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (tmp_path / "masks").mkdir()
    for path in (folders / "masks").iterdir():
        tifffile.imwrite(tmp_path / "masks" / path.name, tifffile.imread(path) // 255)
    ones = predict_folder(folders / "images", tiny_ensemble, tmp_path / "a", tmp_path / "masks")
    full = predict_folder(folders / "images", tiny_ensemble, tmp_path / "b", folders / "masks")
    np.testing.assert_allclose(ones.table["dice"], full.table["dice"])


def test_a_stack_is_predicted_slice_by_slice(folders: Path, tiny_ensemble: Path, tmp_path: Path) -> None:
    images = [tifffile.imread(path) for path in sorted((folders / "images").iterdir())]
    (tmp_path / "images").mkdir()
    tifffile.imwrite(
        tmp_path / "images" / "stack.tif", np.stack(images), imagej=True, metadata={"axes": "ZYX"}
    )
    report = predict_folder(tmp_path / "images", tiny_ensemble, tmp_path / "out")
    labels = tifffile.imread(tmp_path / "out" / "labels" / "stack.tif")
    ensemble = load_ensemble(tiny_ensemble)
    np.testing.assert_array_equal(labels, np.stack([ensemble.predict(image).labels for image in images]))
    assert report.table["slice"].tolist() == ["0", "1", "2"]


@pytest.fixture
def with_bad_images(folders: Path, tmp_path: Path) -> Path:
    """The three images, the second of which is empty, and one of another kind."""
    shutil.copytree(folders / "images", tmp_path / "images")
    (tmp_path / "images" / "2.tif").write_bytes(b"")
    colours = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "images" / "4.tif", colours, photometric="rgb")
    return tmp_path / "images"


def test_h6_a_bad_image_does_not_keep_the_others_from_being_predicted(
    with_bad_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    report = predict_folder(with_bad_images, tiny_ensemble, tmp_path / "out")
    assert report.table["image"].tolist() == ["1", "3"]
    assert [Path(problem.where).name for problem in report.refused] == ["2.tif", "4.tif"]
    assert "has 3 channels, the ensemble was trained on 1" in str(report.refused[1])
    assert sorted(path.name for path in (tmp_path / "out" / "labels").iterdir()) == ["1.tif", "3.tif"]


def test_h6_where_all_images_are_bad_nothing_is_made(
    with_bad_images: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    for name in ("1.tif", "3.tif"):
        (with_bad_images / name).unlink()
    with pytest.raises(InputError) as caught:
        predict_folder(with_bad_images, tiny_ensemble, tmp_path / "out")
    assert len(caught.value.problems) == 2
    assert not (tmp_path / "out" / "labels").exists()


def test_with_masks_scores_are_of_all_images_or_none(
    with_bad_images: Path, folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        predict_folder(with_bad_images, tiny_ensemble, tmp_path / "out", folders / "masks")
    assert not (tmp_path / "out" / "labels").exists()


def _times_of_writing(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "labels").iterdir()}


def test_h6_a_second_run_makes_only_what_is_missing(
    with_bad_images: Path, folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    predict_folder(with_bad_images, tiny_ensemble, tmp_path / "out")
    first = _times_of_writing(tmp_path / "out")
    shutil.copy(folders / "images" / "2.tif", with_bad_images / "2.tif")
    (with_bad_images / "4.tif").unlink()
    again = predict_folder(with_bad_images, tiny_ensemble, tmp_path / "out")
    assert again.refused == ()
    assert again.table["image"].tolist() == ["1", "2", "3"]
    second = _times_of_writing(tmp_path / "out")
    assert first == {name: second[name] for name in first}
    fresh = predict_folder(with_bad_images, tiny_ensemble, tmp_path / "fresh")
    pd.testing.assert_frame_equal(again.table, fresh.table)
    assert again.notes == fresh.notes


@pytest.mark.parametrize("change", ["batch size", "image", "mask", "map", "record", "nothing"])
def test_h8_what_is_there_is_kept_only_where_nothing_has_changed(
    folders: Path, tiny_ensemble: Path, tmp_path: Path, change: str
) -> None:
    shutil.copytree(folders, tmp_path / "data")
    images, masks = tmp_path / "data" / "images", tmp_path / "data" / "masks"
    config = load_ensemble(tiny_ensemble).config
    predict_folder(images, tiny_ensemble, tmp_path / "out", masks, config)
    before = _times_of_writing(tmp_path / "out")
    if change == "batch size":
        config = config.replace("prediction", batch_size=1)
    elif change == "image":
        tifffile.imwrite(images / "1.tif", tifffile.imread(images / "1.tif")[::-1])
    elif change == "mask":
        tifffile.imwrite(masks / "1_mask.tif", tifffile.imread(masks / "1_mask.tif")[::-1])
    elif change == "map":
        (tmp_path / "out" / "uncertainty" / "1.tif").unlink()
    elif change == "record":
        (tmp_path / "out" / ".predicted" / "1.json").write_text("{")
    report = predict_folder(images, tiny_ensemble, tmp_path / "out", masks, config)
    after = _times_of_writing(tmp_path / "out")
    made_anew = {name for name in before if before[name] != after[name]}
    assert made_anew == (set() if change in ("batch size", "nothing") else {"1.tif"})
    fresh = predict_folder(images, tiny_ensemble, tmp_path / "fresh", masks, config)
    pd.testing.assert_frame_equal(report.table, fresh.table)


def test_h8_results_of_other_settings_or_models_are_not_overwritten(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    config = load_ensemble(tiny_ensemble).config
    predict_folder(folders / "images", tiny_ensemble, tmp_path / "out", config=config)
    before = _times_of_writing(tmp_path / "out")
    changed = config.replace("prediction", overlap=0.5)
    with pytest.raises(InputError, match=r"or models \(prediction\.overlap: 0\.25, now 0\.5\)"):
        predict_folder(folders / "images", tiny_ensemble, tmp_path / "out", config=changed)
    other = shutil.copytree(tiny_ensemble, tmp_path / "other")
    manifest = Manifest.load(other)
    manifest.model_copy(update={"members": manifest.members[:1], "planned": 1}).save(other)
    (other / manifest.members[1].file).unlink()
    with pytest.raises(InputError, match=r"other settings or models \(members\)"):
        predict_folder(folders / "images", other, tmp_path / "out", config=config)
    assert _times_of_writing(tmp_path / "out") == before
    shutil.rmtree(tmp_path / "out" / "labels")
    predict_folder(folders / "images", other, tmp_path / "out", config=config)


def test_h7_an_interrupted_run_goes_on_where_it_stopped(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict_folder(folders / "images", tiny_ensemble, tmp_path, progress=stop)
    before = _times_of_writing(tmp_path)
    assert len(before) == 2
    report = predict_folder(folders / "images", tiny_ensemble, tmp_path)
    assert len(report.table) == 3
    after = _times_of_writing(tmp_path)
    assert before == {name: after[name] for name in before}


@pytest.mark.parametrize("part", ["images", "masks"])
def test_results_never_go_among_the_inputs(folders: Path, tiny_ensemble: Path, part: str) -> None:
    with pytest.raises(InputError, match="lies inside"):
        predict_folder(folders / "images", tiny_ensemble, folders / part / "out", folders / "masks")


def test_masks_without_any_object_are_held_against_all_the_same(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    (tmp_path / "masks").mkdir()
    for path in (folders / "masks").iterdir():
        tifffile.imwrite(tmp_path / "masks" / path.name, np.zeros((48, 64), np.uint8))
    table = predict_folder(folders / "images", tiny_ensemble, tmp_path / "out", tmp_path / "masks").table
    empty = [not tifffile.imread(path).any() for path in sorted((tmp_path / "out" / "labels").iterdir())]
    assert table["dice"].tolist() == [float(one) for one in empty]


def test_masks_that_do_not_fit_their_images_are_refused(
    folders: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    shutil.copytree(folders / "masks", tmp_path / "masks")
    path = tmp_path / "masks" / "2_mask.tif"
    tifffile.imwrite(path, tifffile.imread(path).T)
    with pytest.raises(InputError, match=r"2_mask\.tif.*transposed"):
        predict_folder(folders / "images", tiny_ensemble, tmp_path / "out", tmp_path / "masks")
