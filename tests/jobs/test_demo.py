from pathlib import Path

import pandas as pd
import pytest
from imageio.v3 import imread

from napari_deepflash2 import InputError, load_ensemble
from napari_deepflash2.jobs import demo, run_demo
from napari_deepflash2.progress import Cancelled, Progress

TINY = {
    "training": {"models": 2, "iterations": 2, "tile_size": 32, "batch_size": 2},
    "prediction": {"tile_size": 128, "test_time_augmentation": "none"},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> demo.DemoReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "SETTINGS", TINY)
        return run_demo(tmp_path_factory.mktemp("demo") / "out")


def test_everything_that_is_promised_is_written(finished: demo.DemoReport) -> None:
    folders = finished.folders
    for part, n_images in (("training", 6), ("test", 2)):
        assert len(list(folders.images(part).iterdir())) == n_images
        assert len(list(folders.experts(part).iterdir())) == 5
        assert len(list(folders.consensus(part).glob("*.tif"))) == n_images
        assert len(pd.read_csv(folders.consensus(part) / "experts.csv")) == 5 * n_images
    assert len(load_ensemble(folders.ensemble).members) == 2
    assert len(list((folders.predictions / "labels").iterdir())) == 2
    assert "dice" in pd.read_csv(folders.predictions / "predictions.csv")
    picture = imread(folders.out / "overview.png")
    assert picture.shape[1] > 1500
    assert picture.std() > 10


def test_what_is_printed_are_the_figures_in_the_tables(finished: demo.DemoReport) -> None:
    dice = pd.read_csv(finished.folders.predictions / "predictions.csv")["dice"].mean()
    assert f"ensemble, on 2 test images: {dice:.3f}" in finished.text
    for fold, value in load_ensemble(finished.folders.ensemble).held_out_dice.items():
        assert f"fold {fold}: {value:.3f}" in finished.text
    experts = pd.read_csv(finished.folders.consensus("training") / "experts.csv")
    mean = experts.groupby("expert")["sensitivity"].mean()["expert5"]
    assert f"{mean:.3f}" in finished.text
    assert str(finished.folders.out) in finished.text
    assert "nuclei" in finished.text or "simulated cells" in finished.text


def test_a_finished_demo_is_shown_again_and_not_run_again(finished: demo.DemoReport) -> None:
    def never(progress: Progress) -> None:
        raise AssertionError(progress)

    again = run_demo(finished.folders.out, never)
    assert finished.text in again.text
    assert "from an earlier run" in again.text


def test_a_stopped_demo_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SETTINGS", TINY)

    def stop_in_fold_2(progress: Progress) -> None:
        if progress.task == "fold 2":
            raise Cancelled

    with pytest.raises(Cancelled):
        run_demo(tmp_path / "out", stop_in_fold_2)
    tasks: set[str] = set()
    run_demo(tmp_path / "out", lambda progress: tasks.add(progress.task))
    assert "fold 2" in tasks
    assert "fold 1" not in tasks


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").touch()
    with pytest.raises(InputError, match="holds no demo"):
        run_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]
