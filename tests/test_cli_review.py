"""``napari-deepflash2 review``."""

import shutil
from pathlib import Path

import pytest

from napari_deepflash2.cli import main


def status(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return left.value.code or 0


def test_the_review_of_an_ensemble_is_printed_and_its_figures_are_made(
    tiny_ensemble: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny_ensemble, tmp_path / "ensemble"))
    (folder / "label_check.csv").unlink()
    assert status("review", "--ensemble", folder) == 0
    shown = capsys.readouterr()
    assert all(text in shown.out for text in ("dice", "ap_50", "calibration error", "contradict"))
    # Two models of three folds: one image was left out by none.
    assert "1 of 3 images" in shown.err
    assert "n/a" in shown.out
    for name in ("label_check.csv", "reliability.png", "reliability.svg"):
        assert (folder / name).stat().st_size
    assert not (folder / "against_experts.png").exists()


def test_a_folder_without_a_review_gives_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("review", "--ensemble", tmp_path) == 2
    assert "ensemble.json" in capsys.readouterr().err
