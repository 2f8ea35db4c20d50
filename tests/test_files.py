import stat
from pathlib import Path

import pytest

from napari_deepflash2.files import sha256_of, write_text, written_aside


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "labels.tif"
    path.write_bytes(b"old")

    def fail_half_way() -> None:
        with written_aside(path) as aside:
            aside.write_bytes(b"ne")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail_half_way()
    assert [entry.name for entry in tmp_path.iterdir()] == ["labels.tif"]
    assert path.read_bytes() == b"old"


def test_a_write_lands_whole_under_its_final_name(tmp_path: Path) -> None:
    path = tmp_path / "new" / "labels.tif"
    with written_aside(path) as aside:
        assert aside.suffix == ".tif"
        aside.write_bytes(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert list(path.parent.iterdir()) == [path]


def test_files_have_the_rights_that_any_new_file_has(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "aside", "text")
    assert stat.S_IMODE((tmp_path / "aside").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "plain").stat().st_mode
    )


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
