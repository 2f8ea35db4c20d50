"""``napari-deepflash2 distil``."""

import shutil
from pathlib import Path

import pytest

from napari_deepflash2 import load_ensemble
from napari_deepflash2.cli import main


def status(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return left.value.code or 0


def test_a_preview_network_is_made_and_its_fidelity_printed(
    tiny_ensemble: Path, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny_ensemble, tmp_path / "ensemble"))
    images = folders / "images"
    assert status("distil", "--ensemble", folder, "--images", images, "--iterations", 2) == 0
    shown = capsys.readouterr().out
    student = load_ensemble(folder).student
    assert student is not None
    assert student.card.iterations == 2
    assert f"Dice with the ensemble: {student.card.fidelity.dice:.3f}" in shown
    assert "not the ensemble" in shown
    # The seed is that of the ensemble, and so are its other settings.
    assert student.card.prediction == load_ensemble(folder).config.prediction


def test_a_folder_without_images_gives_status_2(
    tiny_ensemble: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("distil", "--ensemble", tiny_ensemble, "--images", tmp_path) == 2
    assert "holds no image" in capsys.readouterr().err
    assert not (tiny_ensemble / "preview_network").exists()


def test_a_folder_without_an_ensemble_gives_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("distil", "--ensemble", tmp_path) == 2
    assert "ensemble.json" in capsys.readouterr().err
