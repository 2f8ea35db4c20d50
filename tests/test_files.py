import stat
from pathlib import Path

import pytest

from napari_deepflash2.errors import InputError
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


def _held_by_windows(code: int) -> PermissionError:
    error = PermissionError(13, "The process cannot access the file")
    error.winerror = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("code", [5, 32, 33])
def test_g12_a_file_that_is_held_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    replace, refusals = Path.replace, [3]

    def held(self: Path, target: Path) -> Path:
        if refusals[0]:
            refusals[0] -= 1
            raise _held_by_windows(code)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr("time.sleep", lambda _: None)
    write_text(tmp_path / "history.csv", "new")
    assert (tmp_path / "history.csv").read_text() == "new"
    assert refusals == [0]


def test_g12_a_file_that_stays_held_is_refused_by_name_and_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object) -> None:
        raise _held_by_windows(32)

    (tmp_path / "history.csv").write_text("old")
    waited: list[float] = []
    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr("time.sleep", waited.append)
    with pytest.raises(InputError, match=r"history\.csv: is held by another program"):
        write_text(tmp_path / "history.csv", "new")
    assert len(waited) == 10
    assert 5 < sum(waited) < 20
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("history.csv", "old")]


def test_a_folder_without_permission_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("waited"))
    with pytest.raises(PermissionError):
        write_text(tmp_path / "history.csv", "new")


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
