import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_deepflash2 import InputError, load_ensemble
from napari_deepflash2.config import Configuration
from napari_deepflash2.data.pair_picture import pair_picture
from napari_deepflash2.data.zarr_files import open_zarr
from napari_deepflash2.jobs import predict_folder
from napari_deepflash2.progress import Cancelled, Progress

zarr = pytest.importorskip("zarr")
PLAIN = Configuration.of(
    {"prediction": {"tile_size": 64, "test_time_augmentation": "none", "precision": "float32"}}
)


pytestmark = pytest.mark.usefixtures("small_blocks")
WriteOme = Callable[..., Path]


def _read(path: Path) -> np.ndarray:
    return np.asarray(zarr.open_array(str(path / "0"), mode="r")[:])


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_an_ome_zarr_is_predicted_as_if_it_were_whole(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "images" / "a.ome.zarr", cells)
    report = predict_folder(image.parent, tiny_ensemble, tmp_path / "out", config=PLAIN)
    whole = load_ensemble(tiny_ensemble).predict(cells, PLAIN.prediction)
    np.testing.assert_array_equal(_read(tmp_path / "out" / "labels" / "a.zarr"), whole.labels)
    uncertainty = _read(tmp_path / "out" / "uncertainty" / "a.zarr")
    np.testing.assert_allclose(uncertainty, whole.uncertainty, rtol=0, atol=1e-5)
    assert uncertainty.dtype == np.float32
    assert report.table["image"].tolist() == ["a"]
    assert report.table["score"][0] == pytest.approx(whole.score, abs=1e-6)
    assert not (tmp_path / "out" / ".unfinished").exists()


def test_results_have_the_grid_of_the_image(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", cells)
    predict_folder(image, tiny_ensemble, tmp_path / "out", config=PLAIN)
    for kind in ("labels", "uncertainty"):
        found = open_zarr(tmp_path / "out" / kind / "a.zarr")
        assert (found.axes, found.steps, found.units, found.origin) == (
            "YX",
            (0.5, 0.5),
            ("micrometer", "micrometer"),
            (7.0, 7.0),
        )


def test_stacks_are_predicted_plane_by_plane(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    stack = np.stack([cells, cells[::-1]])
    config = PLAIN.replace("prediction", entropy=True)
    report = predict_folder(
        write_ome(tmp_path / "a.zarr", stack, "zyx"), tiny_ensemble, tmp_path / "out", None, config
    )
    labels = _read(tmp_path / "out" / "labels" / "a.zarr")
    ensemble = load_ensemble(tiny_ensemble)
    expected = [ensemble.predict(plane, config.prediction) for plane in stack]
    np.testing.assert_array_equal(labels, np.stack([one.labels for one in expected]))
    information = _read(tmp_path / "out" / "mutual_information" / "a.zarr")
    np.testing.assert_allclose(information, np.stack([one.mutual_information for one in expected]), atol=1e-5)
    assert report.table["slice"].tolist() == ["0", "1"]


@pytest.mark.parametrize("options", [{}, {"tile": (64, 64), "compression": "zlib"}])
def test_h1_a_large_tiff_is_predicted_in_blocks(
    cells: np.ndarray,
    tiny_ensemble: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
) -> None:
    monkeypatch.setattr("napari_deepflash2.jobs.inputs._MOST_PIXELS", 1000)
    (tmp_path / "images").mkdir()
    tifffile.imwrite(tmp_path / "images" / "a.tif", cells, **options)
    predict_folder(tmp_path / "images", tiny_ensemble, tmp_path / "out", config=PLAIN)
    whole = load_ensemble(tiny_ensemble).predict(cells, PLAIN.prediction)
    np.testing.assert_array_equal(_read(tmp_path / "out" / "labels" / "a.zarr"), whole.labels)


def test_another_scale_is_predicted_as_if_it_were_whole_and_laid_over_the_image(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    config = PLAIN.replace("prediction", scale=2)
    predict_folder(write_ome(tmp_path / "a.zarr", cells), tiny_ensemble, tmp_path / "out", config=config)
    found = open_zarr(tmp_path / "out" / "labels" / "a.zarr")
    assert (found.shape, found.steps, found.origin) == ((300, 400), (0.25, 0.25), (6.875, 6.875))


def test_h7_a_cancelled_run_goes_on_where_it_stopped(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", cells)
    predict_folder(image, tiny_ensemble, tmp_path / "whole", config=PLAIN)
    totals: list[int] = []

    def stop(progress: Progress) -> None:
        if progress.task == "a":
            totals.append(progress.total)
            if progress.done > progress.total // 2:
                raise Cancelled

    with pytest.raises(Cancelled):
        predict_folder(image, tiny_ensemble, tmp_path / "out", config=PLAIN, progress=stop)
    assert not (tmp_path / "out" / "labels").exists()
    first = totals[-1]
    predict_folder(
        image,
        tiny_ensemble,
        tmp_path / "out",
        config=PLAIN,
        progress=lambda p: stop(Progress(p.task, 0, p.total)),
    )
    assert 0 < totals[-1] < first
    assert _files(tmp_path / "out" / "labels") == _files(tmp_path / "whole" / "labels")
    assert _files(tmp_path / "out" / "uncertainty") == _files(tmp_path / "whole" / "uncertainty")


def test_h8_what_is_there_already_is_neither_made_again_nor_overwritten_with_other_settings(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", cells)
    tasks: list[str] = []

    def run(config: Configuration) -> float:
        tasks.clear()
        report = predict_folder(
            image, tiny_ensemble, tmp_path / "out", None, config, lambda p: tasks.append(p.task)
        )
        return float(report.table["score"][0])

    score = run(PLAIN)
    assert run(PLAIN) == score
    assert set(tasks) == {"prediction"}
    with pytest.raises(InputError, match="test_time_augmentation: none, now flips"):
        run(PLAIN.replace("prediction", test_time_augmentation="flips"))


def test_b23_a_damaged_chunk_is_found_before_anything_is_predicted(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", cells)
    chunk = image / "0" / "c" / "2" / "3"
    chunk.write_bytes(chunk.read_bytes()[:10])
    tasks: list[str] = []
    with pytest.raises(InputError, match="chunk 2/3 is damaged"):
        predict_folder(
            image, tiny_ensemble, tmp_path / "out", config=PLAIN, progress=lambda p: tasks.append(p.task)
        )
    assert "a" not in tasks
    assert not (tmp_path / "out" / "labels").exists()


def test_b23_missing_chunks_are_noted(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", cells)
    (image / "0" / "c" / "0" / "1").unlink()
    notes = predict_folder(image, tiny_ensemble, tmp_path / "out", config=PLAIN).notes
    assert "missing-chunks" in {note.code for note in notes}


@pytest.mark.parametrize("not_finite", ["refuse", "background"])
def test_b15_values_that_are_no_numbers_are_refused_or_background(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme, not_finite: str
) -> None:
    spoiled = cells.astype(np.float32)
    spoiled[40, 60] = np.nan
    image = write_ome(tmp_path / "a.zarr", spoiled)
    config = PLAIN.replace("data", not_finite=not_finite)
    if not_finite == "refuse":
        with pytest.raises(InputError, match="1 values are NaN or infinite, the first at y 40, x 60"):
            predict_folder(image, tiny_ensemble, tmp_path / "out", config=config)
        return
    predict_folder(image, tiny_ensemble, tmp_path / "out", config=config)
    mended = np.where(np.isnan(spoiled), np.nanmin(spoiled), spoiled)
    expected = load_ensemble(tiny_ensemble).predict(mended, config.prediction).labels
    np.testing.assert_array_equal(_read(tmp_path / "out" / "labels" / "a.zarr"), expected)


def test_h2_other_channels_are_refused_before_anything_is_read(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", np.stack([cells] * 3), "cyx")
    with pytest.raises(InputError, match="has 3 channels, the ensemble was trained on 1"):
        predict_folder(image, tiny_ensemble, tmp_path / "out", config=PLAIN)


def test_a_channel_of_a_large_image_is_predicted_as_an_image_of_its_own(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", np.stack([cells[::-1], cells, 255 - cells]), "cyx")
    config = PLAIN.replace("data", channels=(1,))
    predict_folder(image, tiny_ensemble, tmp_path / "out", config=config)
    whole = load_ensemble(tiny_ensemble).predict(cells, PLAIN.prediction)
    np.testing.assert_array_equal(_read(tmp_path / "out" / "labels" / "a.zarr"), whole.labels)
    expected = pair_picture(cells[..., np.newaxis], (whole.labels > 0).astype(np.uint8))
    with Image.open(tmp_path / "out" / ".predicted" / "a.labels.jpg") as picture:
        assert np.corrcoef(np.asarray(picture).ravel(), expected.ravel())[0, 1] > 0.95


_CHILD = """
import sys
from napari_deepflash2.config import Configuration
from napari_deepflash2.exchange import ome_zarr
from napari_deepflash2.jobs import predict_folder
from napari_deepflash2.prediction import blocks
ome_zarr.CHUNK, blocks._ROWS, blocks._BYTES = 32, 16, 4 * 4 * 16 * 96
image, ensemble, out, config = sys.argv[1:]
predict_folder(image, ensemble, out, config=Configuration.of(config))
"""


def test_h7_a_run_that_is_killed_at_any_moment_ends_as_if_it_had_not_been(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", np.tile(cells, (2, 2)))
    predict_folder(image, tiny_ensemble, tmp_path / "whole", config=PLAIN)
    PLAIN.save(tmp_path / "settings.toml")
    arguments = [image, tiny_ensemble, tmp_path / "out", tmp_path / "settings.toml"]
    command = [sys.executable, "-c", _CHILD, *map(str, arguments)]
    record = tmp_path / "out" / ".unfinished" / "a" / "blocks.jsonl"
    rng, kills = np.random.default_rng(0), 0
    while not (tmp_path / "out" / "predictions.csv").exists():
        child = subprocess.Popen(command)
        before = record.stat().st_size if record.exists() else 0
        while child.poll() is None and not (record.exists() and record.stat().st_size > before):
            time.sleep(0.005)
        time.sleep(float(rng.uniform(0, 0.3)))
        if kills < 2:
            kills += child.poll() is None
            child.send_signal(signal.SIGKILL)
        child.wait()
    assert kills == 2
    assert _files(tmp_path / "out" / "labels") == _files(tmp_path / "whole" / "labels")
    assert _files(tmp_path / "out" / "uncertainty") == _files(tmp_path / "whole" / "uncertainty")
    assert not (tmp_path / "out" / ".unfinished").exists()


def test_the_report_shows_a_large_image_from_coarse_resolutions(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    stack = np.stack([cells[::-1], cells[:, ::-1]])
    image = write_ome(tmp_path / "a.zarr", stack, "zyx")
    report = predict_folder(image, tiny_ensemble, tmp_path / "out", config=PLAIN)
    page = (tmp_path / "out" / "report.html").read_text()
    worst = int(report.table["score"].astype(float).argmax())
    assert f"<dd>{worst}, the worst of 2</dd>" in page
    labels = _read(tmp_path / "out" / "labels" / "a.zarr")[worst] > 0
    expected = pair_picture(stack[worst, ..., np.newaxis], labels.astype(np.uint8))
    with Image.open(tmp_path / "out" / ".predicted" / "a.labels.jpg") as picture:
        shown = np.asarray(picture)
    assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.95
    before = (tmp_path / "out" / ".predicted" / "a.labels.jpg").stat().st_mtime_ns
    predict_folder(image, tiny_ensemble, tmp_path / "out", config=PLAIN)
    assert (tmp_path / "out" / ".predicted" / "a.labels.jpg").stat().st_mtime_ns == before


def test_h7_what_was_half_written_is_never_taken_for_a_result(
    cells: np.ndarray, tiny_ensemble: Path, tmp_path: Path, write_ome: WriteOme
) -> None:
    image = write_ome(tmp_path / "a.zarr", cells)
    predict_folder(image, tiny_ensemble, tmp_path / "whole", config=PLAIN)

    def stop(progress: Progress) -> None:
        if progress.task == "a" and progress.done > progress.total // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict_folder(image, tiny_ensemble, tmp_path / "out", config=PLAIN, progress=stop)
    labels = tmp_path / "out" / ".unfinished" / "a" / "labels.zarr"
    # A chunk that the record does not know yet, cut short, and one that Zarr had not renamed yet.
    last = labels / "0" / "c" / "4" / "6"
    assert not last.exists()
    last.parent.mkdir(exist_ok=True)
    last.write_bytes(b"\x00\x01")
    (last.parent / "6.123.partial").write_bytes(b"\x00")
    predict_folder(image, tiny_ensemble, tmp_path / "out", config=PLAIN)
    assert _files(tmp_path / "out" / "labels") == _files(tmp_path / "whole" / "labels")


_MEASURED = """
import sys
from pathlib import Path
from napari_deepflash2.config import Configuration
from napari_deepflash2.exchange import ome_zarr
from napari_deepflash2.jobs import predict_folder
from napari_deepflash2.prediction import blocks
ome_zarr.CHUNK, blocks._BYTES = 256, 2**19
folder, ensemble, config = sys.argv[1:]
for name in ("small", "large"):
    predict_folder(f"{folder}/{name}.zarr", ensemble, f"{folder}/out-{name}", config=Configuration.of(config))
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_h1_memory_does_not_grow_with_the_image(tiny_ensemble: Path, tmp_path: Path) -> None:
    """The larger one has 16 times the pixels; whole, its sums and maps alone would take 150 MB."""
    rng = np.random.default_rng(0)
    for name, side in (("small", 512), ("large", 2048)):
        data = rng.integers(0, 1000, (side, side)).astype(np.uint16)
        zarr.create_array(str(tmp_path / f"{name}.zarr"), data=data, chunks=(256, 256))
    PLAIN.replace("prediction", tile_size=256, overlap=0).save(tmp_path / "settings.toml")
    arguments = [str(tmp_path), str(tiny_ensemble), str(tmp_path / "settings.toml")]
    command = [sys.executable, "-c", _MEASURED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    small, large = map(float, done.stdout.split()[-2:])
    assert large - small < 40, f"{small:.0f} MB, then {large:.0f} MB"
