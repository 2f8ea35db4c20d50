"""Which files of a folder are images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_deepflash2.data import list_images
from napari_deepflash2.errors import InputError


def refusal(call, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    return caught.value


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a9_upper_case_extensions_are_listed(tmp_path):
    _touch(tmp_path, "a.TIF", "b.Png", "c.JPEG", "d.ome.tif")
    assert [path.name for path in list_images(tmp_path)] == ["a.TIF", "b.Png", "c.JPEG", "d.ome.tif"]


def test_a11_junk_is_left_out_and_logged(tmp_path, caplog):
    caplog.set_level("INFO", logger="napari_deepflash2")
    junk = [
        "Thumbs.db",
        ".DS_Store",
        "._a.tif",
        ".ipynb_checkpoints/a.tif",
        "~$b.tif",
        ".~lock.c.tif",
        "notes.csv",
    ]
    _touch(tmp_path, "a.tif", *junk)
    assert [path.name for path in list_images(tmp_path)] == ["a.tif"]
    assert "2 files that are not images left out: Thumbs.db, notes.csv" in caplog.text
    assert "5 hidden files left out" in caplog.text


def test_a12_a_link_back_to_the_folder_is_not_followed(tmp_path):
    _touch(tmp_path, "a.tif")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b.tif").symlink_to(tmp_path / "a.tif")
    assert [path.name for path in list_images(tmp_path)] == ["a.tif", "b.tif"]


@pytest.mark.timeout(20)
def test_a13_what_is_no_regular_file_is_refused_all_at_once(tmp_path):
    _touch(tmp_path, "a.tif")
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "device.tif").symlink_to("/dev/null")
    (tmp_path / "folder.tif").symlink_to(tmp_path, target_is_directory=True)
    error = refusal(list_images, tmp_path)
    found = {Path(problem.where).name: problem.found for problem in error.problems}
    assert set(found) == {"pipe.tif", "dangling.png", "device.tif", "folder.tif"}
    assert "named pipe" in found["pipe.tif"]
    assert "not there" in found["dangling.png"]


def test_a14_empty_folder_other_files_and_a_file_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    _touch(tmp_path / "other", "table.csv", "sub/a.tif")
    _touch(tmp_path, "a.tif")
    assert "there: nothing" in str(refusal(list_images, tmp_path / "empty"))
    other = refusal(list_images, tmp_path / "other")
    assert "sub, table.csv" in str(other)
    assert "expected TIFF" in str(other)
    for name in ("a.tif", "missing"):
        error = refusal(list_images, tmp_path / name)
        assert error.problems[0].code == "bad-folder"
        assert name in error.problems[0].where


def test_a5_images_in_sub_folders_are_not_mixed_in_but_named(tmp_path, caplog):
    caplog.set_level("INFO", logger="napari_deepflash2")
    _touch(tmp_path, "a.tif", "plate1/a.tif", "plate2/a.tif")
    assert [path.parent for path in list_images(tmp_path)] == [tmp_path]
    assert "2 sub-folders left out: plate1, plate2" in caplog.text
