"""What is said about images that are predicted block by block: the same as of whole ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_deepflash2 import InputError, load_ensemble
from napari_deepflash2.config import Configuration
from napari_deepflash2.data import interpret_masks
from napari_deepflash2.data.ignored import IGNORE
from napari_deepflash2.data.lazy_resampling import ResampledPlane
from napari_deepflash2.ensemble import Ensemble, loaded
from napari_deepflash2.jobs import predict_folder
from napari_deepflash2.jobs.targets import Target
from napari_deepflash2.prediction import Prediction
from napari_deepflash2.prediction.sources import InMemory
from napari_deepflash2.progress import Cancelled, Progress

zarr = pytest.importorskip("zarr")
pytestmark = pytest.mark.usefixtures("small_blocks")
PLAIN = Configuration.of(
    {
        "prediction": {
            "tile_size": 64,
            "test_time_augmentation": "none",
            "precision": "float32",
            "epistemic": True,
            "probabilities": True,
        }
    }
)
WriteOme = Callable[..., Path]


def _read(path: Path) -> np.ndarray:
    return np.asarray(zarr.open_array(str(path / "0"), mode="r")[:])


def _whole(folder: Path, image: np.ndarray, config: Configuration = PLAIN) -> Prediction:
    return load_ensemble(folder).predict(image, config.prediction)


def _stripes(like: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: like.shape[0], : like.shape[1]]
    return (1000 * ((x + y) % 8 < 4)).astype(np.uint16)


@pytest.mark.parametrize("foreign", [False, True])
def test_what_is_expected_of_a_large_image_is_what_is_expected_of_it_whole(
    cells: np.ndarray, judging_ensemble: Path, tmp_path: Path, write_ome: WriteOme, foreign: bool
) -> None:
    image = _stripes(cells) if foreign else cells
    report = predict_folder(
        write_ome(tmp_path / "a.zarr", image), judging_ensemble, tmp_path / "out", None, PLAIN
    )
    whole, row = _whole(judging_ensemble, image), report.table.iloc[0]
    assert whole.is_ood is foreign
    assert row["is_ood"] == foreign
    assert row["score"] == pytest.approx(whole.score, abs=1e-5)
    assert row["ood_score"] == pytest.approx(whole.ood_score, abs=1e-5)
    assert pd.isna(row["expected_dice"]) == (whole.expected_dice is None)
    if not foreign:
        assert row["expected_dice"] == pytest.approx(whole.expected_dice, abs=1e-5)
    assert ("unlike-training" in {note.code for note in report.notes}) == foreign


def test_every_map_of_a_large_image_is_that_of_the_whole_one(
    cells: np.ndarray, judging_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    out = tmp_path / "out"
    config = PLAIN.replace("prediction", entropy=True)
    predict_folder(write_ome(tmp_path / "a.zarr", cells), judging_ensemble, out, None, config)
    whole = _whole(judging_ensemble, cells, config)
    kinds = ("uncertainty", "epistemic", "probabilities", "entropy", "mutual_information", "ood_map")
    for kind in kinds:
        found = _read(out / kind / "a.zarr")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, getattr(whole, kind), rtol=0, atol=1e-5, err_msg=kind)
    assert {path.name for path in out.iterdir()} >= {"labels", *kinds}


def test_probabilities_of_a_stack_have_a_channel_for_each_class(
    cells: np.ndarray, judging_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    stack = np.stack([cells, _stripes(cells)])
    report = predict_folder(
        write_ome(tmp_path / "a.zarr", stack, "zyx"), judging_ensemble, tmp_path / "out", None, PLAIN
    )
    folder = tmp_path / "out" / "probabilities" / "a.zarr"
    expected = [_whole(judging_ensemble, plane).probabilities for plane in stack]
    np.testing.assert_allclose(_read(folder), np.stack(expected, axis=1), rtol=0, atol=1e-5)
    attributes = zarr.open_group(str(folder), mode="r").attrs
    axes = attributes["ome"]["multiscales"][0]["axes"]
    assert [(axis["name"], axis["type"]) for axis in axes][:2] == [("c", "channel"), ("z", "space")]
    assert attributes["napari-deepflash2"]["classes"] == [0, 1]
    assert report.table["is_ood"].tolist() == [False, True]


@pytest.mark.parametrize(
    ("options", "normalisation"),
    [
        ({"test_time_augmentation": "dihedral"}, "image"),
        ({"test_time_augmentation": "flips", "blending": "flat"}, "percentile"),
        ({"scale": 0.7}, "image"),
        ({"scale": 1.6, "overlap": 0.5}, "training"),
    ],
)
def test_seams_cannot_be_seen_whatever_the_settings(
    cells: np.ndarray,
    judging_ensemble: Path,
    tmp_path: Path,
    write_ome: WriteOme,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    normalisation: str,
) -> None:
    """Where pixels are resampled, the whole is predicted on the grid that results are written on."""
    _normalise_by(monkeypatch, normalisation)
    config = PLAIN.replace("prediction", **options)
    predict_folder(write_ome(tmp_path / "a.zarr", cells), judging_ensemble, tmp_path / "out", None, config)
    shape = config.prediction.scaled(cells.shape)
    resampled = ResampledPlane(InMemory(cells[..., None]), shape).read(slice(0, shape[0]), slice(0, shape[1]))
    seen = cells if shape == cells.shape else resampled[..., 0]
    whole = _whole(judging_ensemble, seen, config.replace("prediction", scale=1))
    for kind in ("uncertainty", "epistemic", "ood_map"):
        found = _read(tmp_path / "out" / kind / "a.zarr")
        np.testing.assert_allclose(found, getattr(whole, kind), rtol=0, atol=1e-5, err_msg=kind)


def _normalise_by(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Let the models standardise images in another way than they were trained in."""
    load = loaded.load_member

    def changed(*given: object) -> object:
        found = load(*given)
        return replace(found, normalisation=replace(found.normalisation, kind=kind))

    monkeypatch.setattr(loaded, "load_member", changed)
    monkeypatch.setattr(
        Ensemble,
        "members",
        property(
            lambda self: tuple(
                member.model_copy(update={"normalisation": replace(member.normalisation, kind=kind)})
                for member in self.manifest.members
            )
        ),
    )


def test_h7_figures_and_maps_are_the_same_bits_after_an_interruption(
    cells: np.ndarray, judging_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image, mask = write_ome(tmp_path / "a.zarr", cells), write_ome(tmp_path / "m.zarr", cells > 300)
    whole = predict_folder(image, judging_ensemble, tmp_path / "whole", mask, PLAIN)

    def stop_at(task: str, done: int) -> Callable[[Progress], None]:
        def stop(progress: Progress) -> None:
            if progress.task == task and progress.done >= done:
                raise Cancelled

        return stop

    out = tmp_path / "out"
    for task, done in (
        ("a", 6),
        ("a: likeness", 1),
        ("a: likeness", 5),
        ("a: writing", 0),
        ("a: writing", 3),
    ):
        with pytest.raises(Cancelled):
            predict_folder(image, judging_ensemble, out, mask, PLAIN, stop_at(task, done))
        assert not (out / "labels").exists()
    report = predict_folder(image, judging_ensemble, out, mask, PLAIN)
    pd.testing.assert_frame_equal(report.table, whole.table, check_exact=True)
    for kind in ("labels", "uncertainty", "epistemic", "probabilities", "ood_map"):
        assert _files(out / kind) == _files(tmp_path / "whole" / kind)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("kind", ["zarr", "tiff", "objects", "judged in part"])
def test_a_large_image_is_held_against_its_mask_as_a_small_one_is(
    cells: np.ndarray, judging_ensemble: Path, tmp_path: Path, write_ome: WriteOme, kind: str
) -> None:
    truth = (cells > np.percentile(cells, 80)).astype(np.uint8)
    config, judged, values = PLAIN, np.ones(cells.shape, bool), truth
    if kind == "objects":
        # Two halves touch along a line, which becomes a ridge.
        values = truth * np.where(np.arange(cells.shape[1]) < 97, 1, 2).astype(np.uint8)
        (truth,) = interpret_masks([values], ["mask"], "instances").labels
        assert (truth != (values > 0)).any()
    if kind == "judged in part":
        config = PLAIN.replace("data", ignore_label=9)
        values = np.where(np.arange(cells.shape[1]) < 60, 9, truth).astype(np.uint8)
        judged = values != 9
    image = write_ome(tmp_path / "images" / "a.ome.zarr", cells)
    (tmp_path / "masks").mkdir()
    if kind == "tiff":
        tifffile.imwrite(tmp_path / "masks" / "a_mask.tif", values * 255, tile=(32, 32))
    else:
        write_ome(tmp_path / "masks" / "a_mask.ome.zarr", values)
    report = predict_folder(image.parent, judging_ensemble, tmp_path / "out", tmp_path / "masks", config)
    labels = _whole(judging_ensemble, cells).labels
    target = Target(np.where(judged, truth, IGNORE).astype(np.uint8), (0, 1))
    expected = target.scores(labels, ())
    assert report.table["dice"][0] == pytest.approx(expected["dice"], abs=1e-5)
    assert report.table["iou"][0] == pytest.approx(expected["iou"], abs=1e-5)
    assert pd.isna(report.table["ap"][0])
    assert "no-average-precision" in {note.code for note in report.notes}


def test_masks_that_do_not_fit_a_large_image_are_refused_before_anything_is_predicted(
    cells: np.ndarray, judging_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", cells)
    with pytest.raises(InputError, match=r"Y 100 \(150 in the image\)"):
        predict_folder(
            image, judging_ensemble, tmp_path / "out", write_ome(tmp_path / "m.zarr", cells[:100] > 0)
        )
    with pytest.raises(InputError, match="fractions"):
        predict_folder(image, judging_ensemble, tmp_path / "out", write_ome(tmp_path / "n.zarr", cells / 7))
    assert not (tmp_path / "out" / "labels").exists()
